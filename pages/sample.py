"""Choose a patient's sample and see how it was read."""

from cellstate.ui.components.shell import show
from cellstate.ui.workbench.sample import sample_page

show(sample_page)
