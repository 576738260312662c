"""Edits of a profile and the shifts they would cause."""

from cellstate.callable_package import make_callable
from cellstate.perturb.edits import Edit, parse_edits
from cellstate.perturb.shift import Shift, perturb

__all__ = ["Edit", "Shift", "parse_edits", "perturb"]

make_callable(__name__, perturb)
