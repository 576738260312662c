"""Candidates: the genes whose perturbation would move the sample toward a goal."""

from cellstate.ui.candidates.search import regulators_page
from cellstate.ui.components.layout import heading

heading("Candidates", "Find genes whose perturbation, alone or together, would move this sample toward a goal.")
regulators_page()
