"""What CellState is, for whom, what it is not, and two ways to begin."""

from cellstate.ui.components.shell import show
from cellstate.ui.home import home

show(home)
