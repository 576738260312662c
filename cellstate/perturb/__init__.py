"""Edits of a profile and the shifts they would cause."""

from cellstate.perturb.edits import Edit, parse_edits
from cellstate.perturb.shift import Shift, perturb

__all__ = ["Edit", "Shift", "parse_edits", "perturb"]
