"""The glossary: one registry of the words that pages use, for the page Help and for tooltips."""

from __future__ import annotations

from dataclasses import dataclass

from cellstate.evaluate.bins import Tolerance
from cellstate.evaluate.distance import FAR
from cellstate.evaluate.intervals import COVERAGE
from cellstate.evaluate.trust import MIN_R2
from cellstate.genes import N_AXIS
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import REGISTRY
from cellstate.viz.style import percent

_HIT = Tolerance()


@dataclass(frozen=True)
class Term:
    """A word and what it means here.

    Attributes
    ----------
    name : str
    text : str
        Plain sentences, as Markdown.
    also : tuple of str
        Other words for it, to be found by.
    """

    name: str
    text: str
    also: tuple[str, ...] = ()


GLOSSARY: tuple[Term, ...] = (
    Term(
        "Accuracy",
        f"The share of values that a prediction hits: within {percent(_HIT.relative)} of the truth plus "
        f"{_HIT.absolute:g} TPM. Told per TPM bin, as quiet genes are harder to hit.",
        ("hit",),
    ),
    Term(
        "AUROC",
        "How well a ranking puts what belongs to the top before what does not: 1 is perfect, 0.5 is chance.",
        ("known targets", "area under the curve"),
    ),
    Term(
        "Auto-encoder",
        "A network that reads a whole profile, squeezes it through its narrowest layer and writes it again. What fits "
        "through is how genes go together.",
        ("network",),
    ),
    Term(
        "Cohort",
        "The training samples of the model. Percentiles, S and z refer to them; pages name the cohort.",
        ("training samples",),
    ),
    Term(
        "Distance",
        "How far a sample is from the training samples, in spreads of held-out patients: 0 to 2 is typical, beyond "
        f"{FAR:g} is far. The farthest of five parts counts: residual, state, levels, gene lengths, genes not "
        "measured.",
    ),
    Term(
        "Edit",
        "A change that you make to a gene's level in the sample: knock-out, knock-down, a multiple, or a level in TPM. "
        "Edits in force act together.",
    ),
    Term(
        "FDR",
        "False discovery rate: of all edits with this FDR or less, the share expected to be there by chance. p "
        "corrected for the number of edits that were tried.",
        ("false discovery rate", "q value", "multiple testing"),
    ),
    Term("Gene axis", f"The fixed list of {N_AXIS:,} human protein-coding genes. A model covers most of them."),
    Term("Gene mean", "A predictor that knows nothing of the sample: each gene's mean over the training samples."),
    Term(
        "GMT",
        "A file of gene sets: one set a line, its name, a description and its genes, with tabs between them.",
        ("gene set",),
    ),
    Term(
        "Goal",
        "Where the sample should move: genes up or down, a gene set, reference samples, or one end of the cohort. The "
        "edited genes are left out of every score.",
    ),
    Term(
        "Held-out",
        "Patients who were used for nothing but measuring errors. No patient is on both sides.",
        ("test set",),
    ),
    Term(
        "Hypothesis",
        "What every prediction here is: how genes go together in the training samples, with no claim of cause. A real "
        "edit can do nothing, or the opposite.",
    ),
    Term(
        "Interval",
        f"Where the true value of a prediction lies in {percent(COVERAGE)} of cases, over new patients like those of "
        "the cohort.",
        ("conformal", "confidence"),
    ),
    Term("Knock-down", "A gene's level is lowered by a share: kd50 takes 50 % of its TPM away.", ("kd",)),
    Term("Knock-out", "A gene's level is set to 0 TPM. The DNA is not modelled, only the transcript.", ("ko",)),
    Term(
        "Latent",
        "The values in the network's narrowest layer: all that it keeps of a sample. Samples that are close there are "
        "alike in how their genes go together.",
        ("latent space", "latent units", "state"),
    ),
    Term("Leading edge", "The genes of a set that make its enrichment score: those before the score's peak."),
    Term(
        "Likeliest value",
        "A second read-out of a prediction: the level that is hit most often, not the mean of what may be.",
    ),
    Term(
        "log2 fold change",
        "Here the log2 of (TPM after + 1) / (TPM before + 1). 1 means twice as much, -1 half as much; the + 1 keeps "
        "silent genes from jumping.",
        ("log2", "shift", "delta", "fold change"),
    ),
    Term(
        "log1p TPM",
        "The natural logarithm of TPM + 1: the scale on which the network works and R² is taken.",
        ("log1p",),
    ),
    Term(
        "NES",
        "Normalised enrichment score: how far the genes of a set gather at one end of the ranking, compared with "
        "random sets of the same size. Positive means they go up.",
        ("enrichment", "GSEA", "pathway"),
    ),
    Term(
        "Noise ceiling",
        "The accuracy that two sequencing libraries of the very same sample would reach. Counting reads is random, so "
        "no predictor can do better for long.",
        ("ceiling",),
    ),
    Term(
        "Of the way",
        "A score as a share of the goal's distance: 100 % means the goal is reached along its direction.",
        ("share",),
    ),
    Term(
        "Out-of-distribution",
        f"A sample unlike the training samples: its distance is beyond {FAR:g}. Then none of its genes is trusted.",
        ("OOD", "far", "unlike the training samples"),
    ),
    Term(
        "p",
        "How often genes of matched expression and variance reach such a score per S by chance. It is about genes in "
        "one prediction, never about patients.",
        ("p value",),
    ),
    Term("per S", "The score for each S by which the edit changes its own gene, so that a loud gene has no advantage."),
    Term("Percentile", "The level that so many percent of the cohort do not exceed: 90 is high, yet seen."),
    Term(
        "Predictor",
        "Whoever answers an edit: the network or one of its rivals. The one that the model's own evidence puts first "
        "leads; you can put any of them first.",
        ("leader", "who predicts"),
    ),
    Term(
        "R²",
        "The share of the variance that a prediction explains: 1 is perfect, 0 is no better than the mean. *Pooled* "
        "over all values it is high for everyone, as some genes are always louder; *per gene* it asks whether "
        "differences between patients are met.",
        ("R2", "pooled R²", "R² per gene"),
    ),
    Term("Reads", "Sequenced fragments that were counted. Fewer reads mean more noise, first of all in quiet genes."),
    Term("Regulator", "A gene whose edit would move others. Here always a candidate for the laboratory."),
    Term("Rival", "A much simpler predictor that stands beside the network in every answer.", ("baseline",)),
    Term(
        "S",
        "One standard deviation of a gene (log1p TPM) over the training samples; 0.1 is added, so that hardly varying "
        "genes do not count as wild.",
        ("standard deviation",),
    ),
    Term("Score", "How far an edit moves the sample along the goal, in S. Below 0 it moves away.", ("score_per_sd",)),
    Term(
        "Interaction",
        "What two edits move together beyond the sum of each alone, in S. It depends on the scale (log1p TPM in S).",
        ("pair", "cooperation"),
    ),
    Term(
        "TPM",
        "Transcripts per million: reads of a gene divided by its length, scaled so that a sample's genes sum to one "
        "million. Counts, FPKM and their logarithms are converted.",
        ("transcripts per million",),
    ),
    Term("TPM bin", "Genes of like expression, for example 2.5–10 TPM, judged apart from louder and quieter ones."),
    Term(
        "Transcription factor",
        "A protein that binds DNA and turns genes up or down. The list is prior knowledge (Lambert et al., Cell 2018).",
        ("TF",),
    ),
    Term(
        "Trusted",
        "Nothing known speaks against the gene: the file measures it, the network follows it on held-out patients (R² "
        f"of {MIN_R2:g} or more), and the sample is like the training samples. It does not mean that the "
        "prediction is true.",
    ),
    Term(
        "What patients show",
        "Over the patients of the model's cohort: whether the goal is higher where both genes are high than each "
        "explains by itself (its level and its square), as a partial correlation r. Above 0, edits of both in the same "
        "direction do more together than each alone. Genes that go with two cooperating ones show it too. It is the "
        "same for every patient.",
        ("cohort_r", "interaction", "epistasis"),
    ),
    Term("z", "How far a value is from the gene's mean over the training samples, in S.", ("z score",)),
    Term(
        "z in this patient",
        "How unusual an edit's effect is against the same edit in every patient of the cohort; beyond 2 or -2 it is "
        "rare there.",
        ("z_patient",),
    ),
    *(
        Term(spec.label, spec.description, (spec.id.value, "rival"))
        for spec in REGISTRY
        if spec.id not in (PredictorId.AUTOENCODER, PredictorId.NO_CHANGE)
    ),
)
_BY_NAME = {term.name: term for term in GLOSSARY}


def tip(name: str) -> str:
    """Return what a word means, for a tooltip; ``KeyError`` where the glossary has no such word."""
    return _BY_NAME[name].text


def search(query: str) -> list[Term]:
    """Return the words that a text is about: those called so first, those that only mention it last; else all."""
    wanted = _plain(query)
    ranked = [(_rank(term, wanted), _plain(term.name), term.name) for term in GLOSSARY]
    return [_BY_NAME[name] for rank, _, name in sorted(ranked) if rank < _NOT_FOUND]


_NOT_FOUND = 6


def _rank(term: Term, wanted: str) -> int:
    name, *others = _PLAIN[term.name]
    tests = (
        wanted in ("", name),
        wanted in others,
        any(one.startswith(wanted) for one in (name, *others)),
        any(f" {wanted}" in one for one in (name, *others)),
        any(wanted in one for one in (name, *others)) and len(wanted) > 1,
        wanted in _plain(term.text) and len(wanted) > 2,
    )
    return tests.index(True) if True in tests else _NOT_FOUND


def _plain(text: str) -> str:
    """Return a text as people type it: r2 for R², spaces for hyphens."""
    return " ".join(text.casefold().replace("²", "2").replace("-", " ").split())


_PLAIN = {term.name: [_plain(name) for name in (term.name, *term.also)] for term in GLOSSARY}
