"""What drives one sample, without a goal: its signature against a reference, and the regulators that explain it."""
