"""Choose a patient's sample and see how it was read."""

from cellstate.ui.sample import sample_page
from cellstate.ui.shell import show

show(sample_page)
