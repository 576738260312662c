"""Help: file formats with templates, figures, glossary, citation, privacy, limits and keys."""

from cellstate.ui.components.layout import heading
from cellstate.ui.help.page import help_page

heading("Help", "File formats, figures, terms, citations and privacy.")
help_page()
