"""The Validate page: prediction against a real experiment."""
