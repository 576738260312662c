"""The Workbench page: sample, perturbations and what they would change."""
