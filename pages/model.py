"""What the model is made of, what it was trained on and where it ends."""

from cellstate.ui.model import model_page
from cellstate.ui.shell import show

show(model_page)
