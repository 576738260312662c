"""The workbench: sample, perturbations and what they would change."""
