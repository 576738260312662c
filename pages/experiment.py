"""A predicted shift beside the one that an experiment measured."""

from cellstate.ui.experiment import experiment_page
from cellstate.ui.shell import show

show(experiment_page)
