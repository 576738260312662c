"""Public cohorts for training and benchmarks: downloaded on request, checked, cleaned and stored."""

from cellstate.cohorts.coadread import get_coadread
from cellstate.cohorts.hpa import get_hpa
from cellstate.cohorts.store import Cohort, open_cohort

__all__ = ["Cohort", "get_coadread", "get_hpa", "open_cohort"]
