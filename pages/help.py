"""Formats with templates, how to read each figure, a glossary, how to cite, privacy, limits and keys."""

from cellstate.ui.help.page import help_page
from cellstate.ui.shell import show

show(help_page)
