"""How far to believe the model: predicted against true."""

from cellstate.ui.components.shell import show
from cellstate.ui.evidence.reconstruction import accuracy_page

show(accuracy_page)
