"""Which prediction methods agree with real gene perturbations; see `benchmarks.real_perturbations.__main__`."""
