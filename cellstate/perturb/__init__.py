"""Perturbations of a prepared sample, what they change, and searches for those that move it toward a goal."""
