"""Validate: compare a prediction with an experiment."""

from cellstate.ui.components.layout import heading
from cellstate.ui.validate.comparison import experiment_page

heading("Validate", "Compare the predicted change of a perturbation with the change that an experiment measured.")
experiment_page()
