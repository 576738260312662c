"""How good the model is, beside its rivals, and where it fails."""

from cellstate.ui.quality import quality_page
from cellstate.ui.shell import show

show(quality_page)
