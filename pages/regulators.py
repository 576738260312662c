"""Find the genes that would move a sample toward a goal."""

from cellstate.ui.candidates.search import regulators_page
from cellstate.ui.components.shell import show

show(regulators_page)
