"""What the model is made of, what it was trained on and where it ends."""

from cellstate.ui.components.shell import show
from cellstate.ui.evidence.model import model_page

show(model_page)
