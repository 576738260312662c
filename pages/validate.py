"""Validate: compare a prediction with an experiment."""

from cellstate.ui.components.layout import heading
from cellstate.ui.validate.comparison import experiment_page

heading("Validate", "The predicted change of a perturbation beside the change that an experiment measured.")
experiment_page()
