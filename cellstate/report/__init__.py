"""What measured quality says, in plain words and ready tables: one source for the page and for the model's card."""

from cellstate.report.marks import all_marks
from cellstate.report.predictors import figures_of, lead_reason, said_by, what_it_is
from cellstate.report.quality import sections
from cellstate.report.section import LIMITS, Section, markdown
from cellstate.report.together import combination_reason, together_reason

__all__ = [
    "LIMITS",
    "Section",
    "all_marks",
    "combination_reason",
    "figures_of",
    "lead_reason",
    "markdown",
    "said_by",
    "sections",
    "together_reason",
    "what_it_is",
]
