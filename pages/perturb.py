"""Edit genes and see what else would move."""

from cellstate.ui.components.shell import show
from cellstate.ui.workbench.perturb import perturb_page

show(perturb_page)
