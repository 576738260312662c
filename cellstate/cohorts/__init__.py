"""Public cohorts for training and benchmarks: downloaded on request, checked, cleaned and stored."""

from cellstate.cohorts.coadread import get_coadread
from cellstate.cohorts.hoxa1 import get_hoxa1
from cellstate.cohorts.hpa import get_hpa
from cellstate.cohorts.store import Cohort, open_cohort

__all__ = ["Cohort", "get_coadread", "get_hoxa1", "get_hpa", "open_cohort"]
