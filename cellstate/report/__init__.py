"""What measured quality says, in plain words and ready tables: one source for the page and for the model's card."""

from cellstate.report.marks import all_marks
from cellstate.report.quality import sections
from cellstate.report.section import LIMITS, Section, markdown

__all__ = ["LIMITS", "Section", "all_marks", "markdown", "sections"]
