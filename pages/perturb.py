"""Edit genes and see what else would move."""

from cellstate.ui.perturb import perturb_page
from cellstate.ui.shell import show

show(perturb_page)
