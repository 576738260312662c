"""Sentences about a sample: its quality, the gene names of its file, its tissue and state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, isnan

from cellstate.errors import summarise_list
from cellstate.evaluation.qc import LIMITS, N_TOP_GENES, Check, Grade, grades
from cellstate.evaluation.tissue import LIMIT, State, TissueCall
from cellstate.expression.reading import Decision, ReadReport
from cellstate.formatting import digits, escape_markdown, join_with_and, percent, plural
from cellstate.genes import FOUND, N_AXIS

_SYMBOLS = {Grade.GOOD: "✓", Grade.FAIR: "▲", Grade.POOR: "✗", Grade.UNKNOWN: "–"}
_COLOURS = {Grade.GOOD: "green", Grade.FAIR: "orange", Grade.POOR: "red", Grade.UNKNOWN: "gray"}
#: Fewer reads than this do not measure a gene's level.
_COUNTED_READS = 10
_N_LISTED, _MAX_NAME = 6, 30

_NAMES = {
    Check.OOD_SCORE: "Distance from the training samples",
    Check.DETECTED: "Genes detected",
    Check.MEASURED: "Genes of the model measured",
    Check.READS: "Reads",
    Check.TOP: f"TPM of the {N_TOP_GENES} most highly expressed genes",
    Check.MITO: "TPM of mitochondrial genes",
}
_MEANING: Mapping[Check, Mapping[Grade, str]] = {
    Check.OOD_SCORE: {
        Grade.GOOD: "Typical of the patients that the model was tested on.",
        Grade.FAIR: "Farther than most patients that the model was tested on: expect larger errors.",
        Grade.POOR: "The sample is out of distribution, and no predicted gene is reliable.",
        Grade.UNKNOWN: "This model was not trained.",
    },
    Check.DETECTED: {
        Grade.GOOD: "Typical of tissue.",
        Grade.FAIR: f"Tissue usually shows {LIMITS[Check.DETECTED].good:,.0f} and more: lowly expressed genes may be "
        "missing.",
        Grade.POOR: "Few: many genes at zero are expressed but were not detected.",
    },
    Check.MEASURED: {
        Grade.GOOD: "The model has the input that it needs.",
        Grade.FAIR: "The model imputes the others; they are not reliable.",
        Grade.POOR: "The model imputes the others: too many for any reliable prediction.",
    },
    Check.READS: {
        Grade.GOOD: "A gene below about {weakest} TPM has fewer than {n} reads.",
        Grade.FAIR: "A gene below about {weakest} TPM has fewer than {n} reads.",
        Grade.POOR: "A gene below about {weakest} TPM has fewer than {n} reads, and its level is mostly chance.",
        Grade.UNKNOWN: "The file does not give them; use the genes detected.",
    },
    Check.TOP: {
        Grade.GOOD: "Many genes share the transcripts, as in most tissues.",
        Grade.FAIR: "A few genes hold most transcripts, as in blood or pancreas: the others are measured less exactly.",
        Grade.POOR: "A few genes hold nearly all transcripts: the library may be of low complexity.",
    },
    Check.MITO: {
        Grade.GOOD: "Typical of tissue.",
        Grade.FAIR: "High, but usual in heart, muscle and kidney.",
        Grade.POOR: "Cells may have been dying when the sample was taken.",
    },
}


_DECISIONS = {
    "unit": "Unit",
    "names": "Gene names",
    "orientation": "Orientation",
    "samples": "Columns of samples",
    "sheet": "Sheet",
}
#: A file counts as well read if at least this share of its names are known genes, coding for a protein or not.
_WELL_READ = 0.8
#: Less probable tissues are not named, and more than this many are not either.
_LEAST_NAMED, _MOST_NAMED = 0.02, 3
_STATES = {State.NORMAL: "no tumour", State.TUMOUR: "tumour", State.CELLS: "cell line or cultured cells"}


def doubt_sentence(decision: Decision) -> str:
    """Return a doubtful decision and its reason."""
    sure, reason = percent(decision.confidence, 0), decision.reason.removesuffix(".")
    text = f"{_DECISIONS[decision.name]}: {decision.value}, with a confidence of {sure} only."
    return f"{text} {reason[:1].upper()}{reason[1:]}."


def grade_text(grade: Grade) -> str:
    """Return a grade with its symbol."""
    return f"{_SYMBOLS[grade]} {grade}"


def qc_lines(figures: Mapping[Check, float]) -> list[str]:
    """Return one line of Markdown for each figure: its grade, its value and what it means."""
    return [_line(check, figures[check], grade) for check, grade in grades(figures).items()]


def _line(check: Check, value: float, grade: Grade) -> str:
    meaning = _MEANING[check][grade]
    if check is Check.READS and not isnan(value):
        meaning = meaning.format(weakest=digits(_COUNTED_READS * 1e6 / max(value, 1.0), 2), n=_COUNTED_READS)
    return f":{_COLOURS[grade]}-badge[{grade_text(grade)}] **{_NAMES[check]}: {_value(check, value)}.** {meaning}"


def _value(check: Check, value: float) -> str:
    if isnan(value):
        return "unknown"
    if check is Check.OOD_SCORE:
        return f"{value:.1f}\u00a0robust SDs"
    if check is Check.READS and value >= 1e5:
        return f"{value / 1e6:,.1f}\u00a0million"
    return f"{value:,.0f}" if check in (Check.DETECTED, Check.READS) else percent(value)


def match_sentence(report: ReadReport, n_genes: int) -> str:
    """Return how many names were matched to a gene.

    Parameters
    ----------
    report : ReadReport
    n_genes : int
        Genes of the axis that the file measures.
    """
    found = n_matched(report)
    # Rounded down, so that 100% means all.
    share = floor(100 * found / max(report.n_genes_read, 1)) / 100
    return (
        f"**{found:,} of {report.n_genes_read:,} names ({percent(share)})** match a gene: the file measures "
        f"{n_genes:,} of {N_AXIS:,} protein-coding genes."
    )


def reading_line(report: ReadReport) -> str:
    """Return how a file was read in a few words: gene names recognised, and the unit."""
    notes = f" · {plural(len(report.warnings), 'note')}" if report.warnings else ""
    text = f"{n_matched(report):,} of {report.n_genes_read:,} gene names recognised"
    return f"{text} · {escape_markdown(report.unit)}{notes}"


def is_well_read(report: ReadReport) -> bool:
    """Return whether nothing about the reading of a file needs the user's attention."""
    n_known = n_matched(report) + report.status_counts.get("outside", 0)
    return not report.dates and n_known >= _WELL_READ * report.n_genes_read


def n_matched(report: ReadReport) -> int:
    """Return how many names were matched to a gene."""
    return sum(report.status_counts.get(status, 0) for status in FOUND)


def dates_sentence(report: ReadReport) -> str:
    """Return which names look like dates, which were repaired, and which genes the others can mean."""
    verb = "name looks like a date" if len(report.dates) == 1 else "names look like dates"
    text = f"**A spreadsheet changed gene names.** {len(report.dates):,} {verb}"
    repaired = dict(report.repaired)
    if repaired:
        text += f". Repaired: {listed([f'{escape_markdown(name, _MAX_NAME)} to {s}' for name, s in repaired.items()])}"
    left = [
        f"{escape_markdown(name, _MAX_NAME)} ({' or '.join(symbols) or 'no known gene'})"
        for name, symbols in report.dates
        if name not in repaired
    ]
    if not left:
        return text + "."
    return text + (f". Left out: {listed(left)}." if repaired else f" and are left out: {listed(left)}.")


def listed(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many more there are."""
    return summarise_list(list(names), _N_LISTED)


def names_listed(names: Sequence[str]) -> str:
    """Return the first names from a file, as Markdown that shows them unchanged."""
    return listed([escape_markdown(name, _MAX_NAME) for name in names])


def tissue_sentence(call: TissueCall) -> str:
    """Return what a sample is most like, with probabilities, as plain text."""
    if not call.is_plausible:
        return "The values are not plausible as TPM of human bulk RNA sequencing, so the tissue cannot be named."
    first, *rest = call.tissues[:_MOST_NAMED]
    named = [first, *(one for one in rest if one[1] >= _LEAST_NAMED)]
    text = f"Most like {join_with_and([f'{tissue} ({p:.2f})' for tissue, p in named])}"
    if not call.is_known:
        text += ", but unlike every tissue that is known here"
    where = "within" if call.platform_distance <= LIMIT else "beyond"
    state = f"{_STATES[call.state]} ({call.state_probability:.2f})"
    return f"{text}; {state}; platform {where} the range of held-out laboratories."


def tissue_label(call: TissueCall) -> str:
    """Return what a sample is most like in a few words: ``colon, tumour``."""
    if not call.is_plausible or not call.is_known:
        return "tissue unknown"
    return f"{call.tissues[0][0]}, {_STATES[call.state]}"
