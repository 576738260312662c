"""Find the genes that would move a sample toward a goal."""

from cellstate.ui.regulators import regulators_page
from cellstate.ui.shell import show

show(regulators_page)
