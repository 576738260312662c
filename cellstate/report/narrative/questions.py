"""The words of the five questions about a model."""

from __future__ import annotations

from cellstate.evaluation.answer_evidence import CLEAR_R
from cellstate.evidence import EvidenceRecord
from cellstate.formatting import decimal, percent
from cellstate.labels import STRATA, in_sentence, predictor_label

TITLES = {
    "patients": "Does it reconstruct unseen patients?",
    "unfamiliar": "Does it flag unfamiliar samples?",
    "regulator": "Does it name the true regulator?",
    "knock_outs": "Does it predict real knock-outs?",
    "sets": "Does it find genes that cooperate?",
}
AXES = {
    "patients": "median R² per gene, held-out patients",
    "unfamiliar": "AUROC against held-out patients",
    "regulator": "share of genes ranked below the perturbed one",
    "knock_outs": "correlation with measured changes",
    "sets": "top pairs with the predicted sign in held-out tumours",
}
RULES = {
    "patients": "Yes: better than PCA of the same width in every held-out set. In part: better than the gene mean. "
    "R²: the fraction of the variance that is explained.",
    "unfamiliar": "Yes: every criterion is passed. In part: most are. AUROC: the probability that such a "
    "sample lies farther from the training samples than a held-out patient; 0.5 is chance.",
    "regulator": "In part: the 95% interval lies above chance, and the method above a ranking of genes by their "
    "variability alone. Yes: it also passes its criterion.",
    "knock_outs": f"Yes: a correlation of at least {CLEAR_R:g}. In part: at least 0.05. "
    "Replicates: how well repeats of one experiment agree, the most that a method can reach.",
    "sets": "Yes: three in four pairs. In part: more than random pairs in every held-out set.",
}
NOT_MEASURED = "This model folder holds no such figures."


def unseen_patients(own: float, pca: float | None) -> str:
    """Return how well the autoencoder reconstructs differences between held-out patients."""
    text = f"The autoencoder explains {percent(own)} of a typical gene's variance between patients it never saw"
    return text + (f"; PCA of the same width explains {percent(pca)}." if pca is not None else ".")


def unfamiliar_samples(worst: EvidenceRecord, false_alarms: float | None, passed: int, total: int) -> str:
    """Return how well samples of another kind are separated from held-out patients."""
    kind = STRATA[worst.stratum] if worst.stratum else "samples"
    text = f"{passed} of {total} criteria are passed. The hardest kind: {kind}, AUROC {decimal(worst.value, 2)}"
    return text + (f"; false alarms {percent(false_alarms)} at most." if false_alarms is not None else ".")


def true_regulator(own: EvidenceRecord, n: float | None, variability: float | None) -> str:
    """Return where the perturbed gene is ranked, given the change that its real perturbation made."""
    label = predictor_label(own.predictor or "")
    genes = f" ({n:.0f} genes)" if n is not None else ""
    text = f"Given a measured change, {in_sentence(label)} ranks the perturbed gene above {percent(own.value)} of the "
    text += f"candidates{genes}"
    if variability is None:
        return f"{text}."
    than = "more" if variability > (own.value or 0.0) else "less"
    return f"{text}; ranking genes by their variability alone reaches {percent(variability)}, which is {than}."


def real_knock_outs(own: EvidenceRecord, n: float | None, replicates: float | None) -> str:
    """Return how far predicted changes agree with those of real knock-outs."""
    label = predictor_label(own.predictor or "")
    genes = f" over {n:.0f} perturbed genes" if n is not None else ""
    text = f"{label}: r = {decimal(own.value, 2)} with measured changes{genes}"
    return text + (f"; repeats of an experiment agree with r = {decimal(replicates, 2)}." if replicates else ".")


def cooperating_sets(lowest: float, simulated: float | None) -> str:
    """Return how often pairs that interact in the cohort interact in held-out tumours, and in a simulation."""
    text = f"{percent(lowest)} of the cohort's top pairs interact with the same sign in held-out tumours (chance 50%)"
    if simulated is None:
        return f"{text}."
    return f"{text}; in a simulated network, a true pair is among the top 20 in {percent(simulated)} of cases."
