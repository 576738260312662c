"""Real gene perturbations as the judge of prediction methods: see `benchmarks.real_perturbations.__main__`."""
