"""The trainer: ingest samples, fit a model, adapt it to a cohort, plan a run on a cluster."""
