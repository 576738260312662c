"""Candidates: the genes whose perturbation would move the sample toward a goal."""

from cellstate.ui.candidates.search import candidates_page

candidates_page()
