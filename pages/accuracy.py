"""How far to believe the model: predicted against true."""

from cellstate.ui.accuracy import accuracy_page
from cellstate.ui.shell import show

show(accuracy_page)
