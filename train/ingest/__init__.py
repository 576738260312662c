"""From files of many samples to one store: ARCHS4's HDF5, or any files that CellState reads."""

from .run import ingest
from .settings import Filters, IngestSettings

__all__ = ["Filters", "IngestSettings", "ingest"]
