"""Searches toward a goal: single perturbations, interacting pairs, combinations, titrations."""
