"""What is known about a model, in words and tables: one source for the pages, the reports and the model's card."""

from cellstate.labels import predictor_label
from cellstate.report.narrative.evidence import (
    LIMITS,
    combination_reason,
    default_reason,
    measured_sentence,
    method_sentence,
    pairs_reason,
)
from cellstate.report.section import Section, markdown
from cellstate.report.sections import all_records, criteria, sections

__all__ = [
    "LIMITS",
    "Section",
    "all_records",
    "combination_reason",
    "criteria",
    "default_reason",
    "markdown",
    "measured_sentence",
    "method_sentence",
    "pairs_reason",
    "predictor_label",
    "sections",
]
