"""Baselines beside the autoencoder, and the one protocol that all of them follow."""
