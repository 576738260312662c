"""The Evidence page: how good the model is, and what it is."""
