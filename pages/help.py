"""Formats with templates, how to read each figure, a glossary, how to cite, privacy, limits and keys."""

from cellstate.ui.components.shell import show
from cellstate.ui.help.page import help_page

show(help_page)
