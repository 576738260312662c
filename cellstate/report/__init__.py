"""Reports, run bundles and sections about a model, for pages, files and the model's card."""
