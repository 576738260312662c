"""How good the model is, beside its rivals, and where it fails."""

from cellstate.ui.components.shell import show
from cellstate.ui.evidence.benchmarks import quality_page

show(quality_page)
