"""A sample's quality in plain words: what was measured, whether that is good, fair or poor, and what follows from it.

The limits are those of bulk RNA sequencing of tissue, chosen so that libraries known to be sound pass. The six example
tumours, seventeen samples of cell lines (GSE37704, SRP049988, ERR188021) and four of the six deep hearts of SRP021193
are good by all that speaks of the library. The other two deep hearts are fair: much mitochondrial RNA, and in one much
in few genes. The six shallow hearts (57,000 to 246,000 reads) are poor by reads, genes detected and loudest genes.

Shape suffixes: S samples, A genes of the axis, G genes of a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cellstate.evaluate.distance import FAR, LEAST_MEASURED
from cellstate.formatting import digits, percent
from cellstate.gene_space import GeneSpace
from cellstate.genes import gene_axis
from cellstate.io.checks import FEW_READS
from cellstate.samples import Samples

GOOD, FAIR, POOR, UNKNOWN = "good", "fair", "poor", "unknown"
#: A gene at 1 TPM is counted by about ten reads of ten million, so it is known to about a third.
MANY_READS = 10_000_000
_SEEN_READS = 10
#: Those sound libraries detect 14,072 to 16,489 of the axis's genes, the shallow hearts at most 9,869.
MANY_DETECTED, FEW_DETECTED = 14_000, 10_000
#: Three of the tumours measure 92 % of the model's genes (older sequencer). Below the lower limit a sample is far.
MOST_MEASURED, FEW_MEASURED = 0.95, LEAST_MEASURED
#: Tumours and cell lines give 14 to 33 % of their transcripts to their 50 loudest genes, deep hearts 39 to 53 %, and
#: shallow ones 92 to 94 %.
TOP_GENES, TOP_SHARE, HIGH_TOP_SHARE = 50, 0.5, 0.7
#: Cell lines give 8 to 18 % of their transcripts to mitochondrial genes, deep hearts 22 to 41 %. The files of tumours
#: hold none of these genes.
MITO_SHARE, HIGH_MITO_SHARE = 0.35, 0.6
#: In spreads of held-out patients, as `FAR` is: up to here a sample is as they are.
NEAR = 2.0

_SYMBOLS = {GOOD: "✓", FAIR: "▲", POOR: "✗", UNKNOWN: "–"}
_COLOURS = {GOOD: "green", FAIR: "orange", POOR: "red", UNKNOWN: "gray"}
_ORDER = (UNKNOWN, GOOD, FAIR, POOR)


@dataclass(frozen=True)
class Figures:
    """What is measured of one sample's quality.

    Attributes
    ----------
    reads : float
        NaN where the file does not say.
    detected : int
        Genes of the axis with a value above zero.
    measured : float
        Share of the model's genes that the file measures.
    top_share, mito_share : float
        Share of all TPM in the 50 loudest genes, and in mitochondrial genes (NaN where the file measures none).
    """

    reads: float
    detected: int
    measured: float
    top_share: float
    mito_share: float


@dataclass(frozen=True)
class Verdict:
    """One figure in words: what it is, its value, ``good``, ``fair``, ``poor`` or ``unknown``, and what follows."""

    what: str
    value: str
    grade: str
    follows: str


def figures(samples: Samples, space: GeneSpace) -> list[Figures]:
    """Return the figures of each sample."""
    found = []
    for tpm_A, reads in zip(samples.tpm_SA, samples.library_size_S, strict=True):
        known_A = ~np.isnan(tpm_A)
        value_A = np.where(known_A, tpm_A, 0.0).astype(np.float64)
        total = float(value_A.sum()) or 1.0
        mito = _mitochondrial()
        found.append(
            Figures(
                reads=float(reads),
                detected=int(np.count_nonzero(value_A)),
                measured=float(known_A[space.axis_index_G].mean()),
                top_share=float(np.partition(value_A, -TOP_GENES)[-TOP_GENES:].sum()) / total,
                mito_share=float(value_A[mito].sum()) / total if known_A[mito].any() else float("nan"),
            )
        )
    return found


def verdicts(found: Figures, score: float | None) -> list[Verdict]:
    """Return what the figures of a sample and its distance from the training samples mean, the distance first."""
    told = [
        _distance(score),
        _detected(found.detected),
        _measured(found.measured),
        _reads(found.reads),
        _top(found.top_share),
    ]
    return told if np.isnan(found.mito_share) else [*told, _mito(found.mito_share)]


def worst(grades: Iterable[str]) -> str:
    """Return the worst of some grades; ``unknown`` says nothing."""
    return max(grades, key=_ORDER.index, default=UNKNOWN)


def word(grade: str) -> str:
    """Return a grade with its symbol."""
    return f"{_SYMBOLS[grade]} {grade}"


def badge(grade: str) -> str:
    """Return a grade with symbol and colour, as Markdown."""
    return f":{_COLOURS[grade]}-badge[{word(grade)}]"


def _rising(value: float, fair: float, good: float) -> str:
    return GOOD if value >= good else FAIR if value >= fair else POOR


def _falling(value: float, good: float, fair: float) -> str:
    return GOOD if value <= good else FAIR if value <= fair else POOR


def _distance(score: float | None) -> Verdict:
    what = "Distance from the training samples"
    if score is None:
        return Verdict(what, "unknown", UNKNOWN, "This model was not trained.")
    grade = _falling(score, NEAR, FAR)
    follows = {
        GOOD: "As near as patients that the model was tested on.",
        FAIR: "Farther than most patients that the model was tested on: expect larger errors.",
        POOR: "No gene of a prediction is trusted.",
    }
    return Verdict(what, f"{score:.1f}\u00a0spreads", grade, follows[grade])


def _detected(n: int) -> Verdict:
    grade = _rising(n, FEW_DETECTED, MANY_DETECTED)
    follows = {
        GOOD: "As many as tissue usually shows.",
        FAIR: f"Fewer than the {MANY_DETECTED:,} that tissue usually shows: weak genes may be missed.",
        POOR: "Few: a zero here is often a gene that was missed, not one that is silent.",
    }
    return Verdict("Genes detected", f"{n:,}", grade, follows[grade])


def _measured(share: float) -> Verdict:
    grade = _rising(share, FEW_MEASURED, MOST_MEASURED)
    stands_in = "The model's own predictions stand in for the others, and are not trusted"
    follows = {
        GOOD: "The model sees what it needs.",
        FAIR: f"{stands_in}.",
        POOR: f"{stands_in}: too many for any answer to be.",
    }
    return Verdict("The model's genes measured", percent(share), grade, follows[grade])


def _reads(reads: float) -> Verdict:
    if np.isnan(reads):
        return Verdict("Reads", "unknown", UNKNOWN, "The file does not say; judge by the genes detected.")
    grade = _rising(reads, FEW_READS, MANY_READS)
    weakest = digits(_SEEN_READS * 1e6 / max(reads, 1.0), 2)
    follows = f"A gene below about {weakest} TPM is counted by fewer than {_SEEN_READS} reads"
    value = f"{reads / 1e6:,.1f}\u00a0million" if reads >= 1e5 else f"{reads:,.0f}"
    return Verdict("Reads", value, grade, follows + (": mostly chance." if grade == POOR else "."))


def _top(share: float) -> Verdict:
    grade = _falling(share, TOP_SHARE, HIGH_TOP_SHARE)
    follows = {
        GOOD: "Transcripts are spread over many genes, as in most tissues.",
        FAIR: "A few genes take most transcripts, as in blood or pancreas: the others are measured less surely.",
        POOR: "A few genes drown the others: the library may hold few different molecules.",
    }
    return Verdict(f"Share of the {TOP_GENES} loudest genes", percent(share), grade, follows[grade])


def _mito(share: float) -> Verdict:
    grade = _falling(share, MITO_SHARE, HIGH_MITO_SHARE)
    follows = {
        GOOD: "As tissue usually shows.",
        FAIR: "High, but usual in heart, muscle and kidney.",
        POOR: "Cells may have been dying when the sample was taken.",
    }
    return Verdict("Share of mitochondrial genes", percent(share), grade, follows[grade])


@lru_cache(maxsize=1)
def _mitochondrial() -> np.ndarray:
    """Axis positions of the 13 protein-coding genes of the mitochondrial genome."""
    return np.flatnonzero([symbol.startswith("MT-") for symbol in gene_axis().symbol])
