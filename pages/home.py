"""What CellState is, for whom, what it is not, and two ways to begin."""

from cellstate.ui.home import home
from cellstate.ui.shell import show

show(home)
