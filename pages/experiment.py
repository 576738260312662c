"""A predicted shift beside the one that an experiment measured."""

from cellstate.ui.components.shell import show
from cellstate.ui.validate.comparison import experiment_page

show(experiment_page)
