"""Readers of file formats. Each has a function ``read(content, options) -> RawTable``."""
