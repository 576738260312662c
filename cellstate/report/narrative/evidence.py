"""Every sentence about a model's evidence, generated from typed records: nothing here is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping

from cellstate.default_rule import Eligibility, Rule
from cellstate.evaluation.answer_evidence import CLEAR_R
from cellstate.evaluation.metrics import Tolerance
from cellstate.evidence import METHODS, UNINFORMED, Benchmark, Dataset, EvidenceRecord, Metric, PredictorId, Stratum
from cellstate.formatting import decimal, join_with_and, percent
from cellstate.labels import DATASETS, in_sentence, predictor_label
from cellstate.model.record import CopyThrough, EvaluationRecord, ModelRecord, TrainingSource
from cellstate.perturb.predictors.registry import REGISTRY

#: A response of the perturbed gene below this share of its change is called damped.
DAMPED = 0.5
#: Median R2 per gene that differ by less count as equal.
EQUAL_R2 = 0.01
HELD_OUT = (Dataset.TEST, Dataset.OLDER_TEST)
EXPERIMENTS = (Dataset.HOXA1_KNOCKDOWN, Dataset.EHF_OVEREXPRESSION)

NO_EVIDENCE = "this model folder holds no evidence on target specificity"
NOT_RECORDED = "This model folder holds no result of the benchmark “{0}”. Run it, save its output, and record it."
UNTRAINED = "This model folder holds no such figures: its weights are random, or were trained by an older version."
RANDOM_WEIGHTS = "Random weights: this model was not trained on anything."
LEGEND = "✓: the criterion is passed."
LIMITS = """
- **A predicted expression change is not an effect.** It reflects how genes vary together in the training samples. A
  real knock-out can do nothing, or the opposite.
- **Most of a high pooled R² is the gene mean's.** Compare the rows of the baselines first.
- **Other tissues are out of distribution.** Such a sample is flagged, and no gene of it counts as reliable.
- **Genes that the cohort hardly expresses** are not in the model, and weakly expressed ones are mostly counting noise.
- **No decision about a patient** may rest on this. It is for research, and every prediction is a hypothesis.
""".strip()
FAILURES = """
- **Conditioning is not intervening.** A real FOXA2 knock-out *raised* FOXA2's own mRNA (noted when this project began;
  not among its benchmarks). Here the perturbed gene is set to 0 by definition, and everything else follows from that.
  mRNA often stays: frameshifts did not remove it in 12 of 16 mutant mice
  ([PMC7060192](https://pmc.ncbi.nlm.nih.gov/articles/PMC7060192)).
- **The most highly expressed gene is not the regulator.** Knock out every gene of a plain autoencoder, and the largest
  changes of a signature come from GAPDH and RACK1 (this project's first prototype): they are expressed most, so their
  knock-out is the largest change of the input. Searches here compare genes per SD of their own change, and with genes
  of matched expression.
- **Much simpler methods are often as good.** Published deep models did not beat linear baselines on real perturbations
  (Ahlmann-Eltze et al., Nature Methods 2025). So every prediction is shown beside its baselines.
""".strip()
DATA = (
    "Split by patient: no patient is on both sides. Genes, standardisation, components and early stopping use training "
    "and validation patients only. The held-out patients serve the figures below and nothing else."
)
HALF_HIDDEN = (
    "A random half of each patient's genes is hidden and predicted from the rest. The baseline is the conditional mean "
    "of probabilistic PCA, which is optimal where everything is Gaussian."
)
SIMULATED = (
    "In a simulated gene network the true effect of every knock-out is known: that of a gene that regulates nothing is "
    "0. Each method is fitted anew to each simulated cohort, so this judges **the method, not the weights** of this "
    "model. Methods that appear in no other section are candidates and no part of the app."
)
PAIRS = (
    "All pairs of transcription factors are ranked for each of 50 gene sets as a goal: by the interaction in the "
    "patients of the model's cohort, and by that of the autoencoder. How many of the top 1,000 have the predicted sign "
    "in held-out tumours? **50% is chance**, and random pairs are listed beside."
)
OOD = (
    "An out-of-distribution sample is flagged, and no gene of it counts as reliable. Kinds of samples that should be "
    "flagged are compared with held-out samples, which should not. An AUROC of 1 separates all of them, 0.5 none."
)
TARGETS = (
    "A transcription factor is lowered, and each method predicts the change of every gene. Do the factor's targets in "
    "CollecTRI, which no method was fitted to, change more than other genes? **0.5 is chance**, 1 is perfect. *Target "
    "specificity* is the AUROC of the factor's own targets less that of other factors' targets: 0 for a ranking that "
    "does not depend on the perturbed factor."
)
NO_CRITERION = (
    "Random ranking and gene variability do not depend on the factor, and ridge on TFs is given the list of factors "
    "(prior knowledge): none of them has a criterion. Co-expression is the baseline of the others."
)
REAL = (
    "Predicted against measured change of every gene but the perturbed one. Pearson-delta: 1 is perfect, 0 is chance. "
    "Sign accuracy: share of the 50 genes with the largest measured change whose direction is right; **50% is chance**."
)
REAL_MANY = (
    "Measured changes of many perturbed genes: experiments with a fold change of every gene, and GEO signatures with "
    "lists of changed genes. *Percentile*: where a method ranks the perturbed gene among all candidates, given the "
    "measured change; **0.5 is chance**. Researchers perturb genes that vary much, so *matched* compares with genes of "
    "equal variability. *Pearson-delta* and *sign accuracy* (top 100 genes) compare amounts and directions. "
    "*Discrimination*: share of other genes' perturbations that a prediction resembles less; 0.5 is chance. Curated "
    "targets (CollecTRI) and the mean of other perturbations in the same cells are references."
)
RULES = {
    Rule.TARGET_SPECIFICITY: (
        "The rule: a method replaces the autoencoder as the default if its target specificity is higher (the 95% "
        "interval of the difference lies above 0) and its predictions in a simulated network are not worse; of several "
        "such methods, the most specific one. A method with a missing figure is out, and so is one that uses prior "
        "knowledge. Every prediction is shown beside those of all other methods, and you can choose any of them."
    )
}
VERDICTS = {
    Eligibility.REFERENCE: "reference",
    Eligibility.ELIGIBLE: "meets the rule, less specific",
    Eligibility.NOT_IN_FOLDER: "not in this model folder",
    Eligibility.PRIOR_KNOWLEDGE: "uses prior knowledge",
    Eligibility.MISSING_EVIDENCE: "a figure is missing",
    Eligibility.NOT_MORE_SPECIFIC: "not more specific than the autoencoder",
    Eligibility.WORSE_IN_SIMULATION: "worse in the simulated network",
}
SELECTED_BY_THESE = "The default is chosen by these same figures, so its own may be slightly optimistic."
_METHODS = {spec.id.value: spec.description for spec in REGISTRY}


def method_sentence(predictor: str) -> str:
    """Return what a prediction method does."""
    return _METHODS[predictor]


def measured_sentence(record: ModelRecord, predictor: str) -> str:
    """Return what was measured of a prediction method; empty where nothing was."""
    name, found = PredictorId(predictor), []
    specificity = _specificity(record, name)
    if specificity is not None:
        found.append(f"target specificity {decimal(specificity)} (chance 0)")
    simulated = record.records.value(Benchmark.SIMULATED, Dataset.SIMULATION, name, Metric.PEARSON_DELTA)
    if simulated is not None:
        found.append(f"r = {decimal(simulated, 2)} in a simulated network")
    if real := real_correlations(record, name):
        found.append(f"r = {join_with_and([decimal(r, 2) for r in real])} in real experiments")
    return f"Measured: {', '.join(found)}." if found else ""


def default_reason(record: ModelRecord, predictor: str) -> str:
    """Return why a prediction method is the default, or which one would be.

    Parameters
    ----------
    record : ModelRecord
    predictor : str
        The method in use.
    """
    default = record.default_predictor
    chosen = f"{predictor_label(predictor)} was chosen. " if predictor != default else ""
    said = f"{chosen}Default: {in_sentence(predictor_label(default))}"
    reason = record.evidence.default_predictor
    if reason is None or reason.reason.reference_value is None:
        return f"{said}, because {NO_EVIDENCE}."
    figures = reason.reason
    if default is PredictorId.AUTOENCODER:
        return f"{said}. No other method meets the rule (target specificity {decimal(figures.value)}, chance 0)."
    return (
        f"{said}. Target specificity {decimal(figures.value)} (autoencoder {decimal(figures.reference_value)}, "
        f"chance 0).{_confirmed(record, default)}"
    )


def _confirmed(record: ModelRecord, name: PredictorId) -> str:
    if many := _many_real_perturbations(record, name):
        return f" {many}"
    real = real_correlations(record, name)
    if not real:
        return " Not tested on real knock-outs."
    return "" if min(real) >= CLEAR_R else " Not confirmed on real knock-outs."


def _many_real_perturbations(record: ModelRecord, name: PredictorId) -> str:
    """Return how a method does on many real perturbations; empty where that was not measured."""

    def value(where: Dataset, metric: Metric) -> float | None:
        return record.records.value(Benchmark.REAL_PERTURBATIONS, where, name, metric)

    r, n = (value(Dataset.REAL_EXPERIMENTS, one) for one in (Metric.PEARSON_DELTA, Metric.N_PERTURBED_GENES))
    rank, n_ranked = (
        value(Dataset.REAL_POOLED, one) for one in (Metric.REGULATOR_PERCENTILE, Metric.N_PERTURBED_GENES)
    )
    if r is None or n is None or rank is None or n_ranked is None:
        return ""
    confirmed = "Confirmed" if r >= CLEAR_R else "Not confirmed"
    return (
        f"{confirmed} on real knock-outs: correlation with measured changes {decimal(r, 2)} ({n:.0f} genes). Given a "
        f"measured change, it ranks the perturbed gene above {percent(rank)} of the candidates ({n_ranked:.0f} genes, "
        "chance 50%)."
    )


def real_correlations(record: ModelRecord, name: PredictorId) -> list[float]:
    """Return the correlations of a method with real experiments, in the order of `EXPERIMENTS`."""
    found = [record.records.value(Benchmark.EXPERIMENTS, one, name, Metric.PEARSON_DELTA) for one in EXPERIMENTS]
    return [value for value in found if value is not None]


def _specificity(record: ModelRecord, name: PredictorId) -> float | None:
    return record.records.value(Benchmark.REGULONS, Dataset.TARGETS_MODEL, name, Metric.TARGET_SPECIFICITY)


def disagreement(record: ModelRecord) -> str:
    """Return a sentence where the most specific method is not the default; empty where it is."""
    known = {name: value for name in METHODS if (value := _specificity(record, name)) is not None}
    default = record.default_predictor
    best = max(known, key=lambda name: known[name], default=default)
    if best is default:
        return ""
    simulated = [
        decimal(record.records.value(Benchmark.SIMULATED, Dataset.SIMULATION, name, Metric.PEARSON_DELTA), 2)
        for name in (best, default)
    ]
    return (
        f"**The benchmarks disagree.** {predictor_label(best)} is the most specific ({decimal(known[best])}); in a "
        f"simulated network its correlation with the true change is {simulated[0]}, against {simulated[1]} of "
        f"{in_sentence(predictor_label(default))}."
    )


def pairs_reason(record: ModelRecord) -> str:
    """Return how well the autoencoder and the cohort find pairs that truly interact."""
    return " ".join(filter(None, (_simulated_pairs(record), _held_out_pairs(record)))) or (
        "This model folder holds no evidence on whether its pairs truly interact."
    )


def combination_reason(record: ModelRecord, predictor: str) -> str:
    """Return which method designs combinations, whether it knows interactions, and how far its designs truly reach."""
    how = (
        "Only the autoencoder predicts interactions between perturbations."
        if predictor == PredictorId.AUTOENCODER
        else "It is linear: perturbations add up, apart from their effects on one another's genes, and none interact."
    )
    return " ".join(filter(None, (default_reason(record, predictor), how, _designed(record, PredictorId(predictor)))))


def _designed(record: ModelRecord, name: PredictorId) -> str:
    own, reference, chance = (
        record.records.value(Benchmark.SIMULATED, Dataset.SIMULATION, one, Metric.COMBINATION_OF_3_SHARE)
        for one in (name, PredictorId.AUTOENCODER, PredictorId.RANDOM)
    )
    if own is None or reference is None or chance is None:
        return ""
    beside = "" if name is PredictorId.AUTOENCODER else f"autoencoder {percent(reference)}, "
    return (
        f"In a simulated gene network, the three knock-outs that this method chooses reach {percent(own)} of the "
        f"effect of the best three ({beside}random genes {percent(chance)})."
    )


def _simulated_pairs(record: ModelRecord) -> str:
    network, cohort = (
        record.records.value(
            Benchmark.SIMULATED, Dataset.SIMULATION, one, Metric.GOAL_PAIR_TOP20, stratum=Stratum.REGULATOR_PAIRS
        )
        for one in (PredictorId.AUTOENCODER, PredictorId.COHORT)
    )
    if network is None or cohort is None:
        return ""
    return (
        f"In a simulated gene network, a truly interacting pair is among the top 20 pairs of regulators in "
        f"{percent(cohort)} of cases by the cohort, and in {percent(network)} by the autoencoder."
    )


def _held_out_pairs(record: ModelRecord) -> str:
    shares = {
        name: [
            value
            for where in HELD_OUT
            if (value := record.records.value(Benchmark.PAIRS, where, name, Metric.PAIR_SIGN_AGREEMENT_TOP1000))
            is not None
        ]
        for name in (PredictorId.COHORT, PredictorId.AUTOENCODER)
    }
    if not all(shares.values()):
        return ""
    cohort, network = (join_with_and([*dict.fromkeys(map(percent, values))]) for values in shares.values())
    return (
        f"In held-out tumours, {cohort} of the cohort's top pairs interact with the predicted sign, and {network} of "
        "the autoencoder's; 50% is chance."
    )


def source_sentence(one: TrainingSource) -> str:
    """Return a cohort's source, licence and makers."""
    checksum = f" (sha256 {one.source_sha256[:16]}…)" if one.source_sha256 else ""
    by = f"; by {one.attribution}" if one.attribution else ""
    return f"{one.name}; source {one.source or 'unknown'}{checksum}; licence {one.licence or 'unknown'}{by}."


def measured_by(record: ModelRecord, benchmark: Benchmark) -> str:
    """Return where and when a benchmark was run."""
    result = record.evidence.results[benchmark]
    return f"Measured by benchmarks.{benchmark} on {result.date}, {result.machine}."


def reconstruction(evaluation: Mapping[Dataset, EvaluationRecord]) -> str:
    """Return how the autoencoder compares with PCA on each held-out set."""
    found = [
        f"- **{DATASETS[split]}** ({one.n_samples:,} patients): {_against_pca(one)}"
        for split, one in evaluation.items()
    ]
    return (
        "The autoencoder reads a whole profile and reconstructs it through its narrowest layer. **Pooled R² is high "
        "for every method**: most of it is that some genes are always more highly expressed than others, which each "
        "gene's training mean knows. The median per gene asks whether differences between patients are predicted.\n\n"
        + "\n".join(found)
    )


def _against_pca(one: EvaluationRecord) -> str:
    pca = one.baselines.get(PredictorId.PCA)
    if one.r2_gene_median is None or pca is None or pca.r2_gene_median is None:
        return "there is no PCA to compare with."
    both = f"({decimal(one.r2_gene_median)} against {decimal(pca.r2_gene_median)})"
    if abs(one.r2_gene_median - pca.r2_gene_median) < EQUAL_R2:
        return f"the autoencoder is **level with PCA** of the same width, not better {both}."
    which = "better" if one.r2_gene_median > pca.r2_gene_median else "worse"
    return f"the autoencoder is **{which} than PCA** of the same width {both}."


def levels(lowest: Mapping[Dataset, tuple[float | None, float | None]], lowest_bin: str) -> str:
    """Return how accuracy is counted, and what the conditional mode gains in the lowest bin.

    Parameters
    ----------
    lowest : mapping of split to (share of the ceiling of the mean, and of the conditional mode)
    """
    usual = Tolerance()
    text = (
        f"A value is within tolerance when it is within {percent(usual.relative)} of the truth plus {usual.absolute:g} "
        "TPM. Weakly expressed genes are mostly counting noise, so the figures are **shares of the counting-noise "
        "ceiling**: the accuracy that a second sequencing of the same sample would reach. The *conditional mode* is a "
        "second read-out of the same prediction: the level that is within tolerance most often, not the mean."
    )
    found = [
        f"from {percent(mean)} to {percent(mode)} ({in_sentence(DATASETS[split])})"
        for split, (mean, mode) in lowest.items()
    ]
    return text + (f" At {lowest_bin} TPM it takes the autoencoder {' and '.join(found)}." if found else "")


def on_held_out(record: ModelRecord, name: PredictorId, metric: Metric, stratum: Stratum | None = None) -> str:
    """Return a figure for each held-out set, such as ``90.4% (held out, HiSeq)``; may be empty."""
    return ", ".join(
        f"{percent(value, 1)} ({in_sentence(DATASETS[where])})"
        for where in HELD_OUT
        if (value := record.records.value(Benchmark.RELIABILITY, where, name, metric, stratum=stratum)) is not None
    )


def tested_in(record: ModelRecord) -> list[str]:
    """Return in which tissues a model was tested, with its R2 there, as one sentence; none where no record says so."""
    found = record.evaluation.get(Dataset.TEST)
    if found is None:
        return []
    if not found.tissues:
        r2, where = decimal(found.r2_gene_median), join_with_and(list(record.tissues))
        return [f"Tested in {where} alone: median R² of a gene {r2} ({found.n_samples} samples)."] if where else []
    known = {name: one for name, one in found.tissues.items() if one.r2_gene_median is not None}
    best_first = sorted(known, key=lambda name: -(known[name].r2_gene_median or 0))
    figures = [f"{name} {decimal(known[name].r2_gene_median, 2)} ({known[name].n_samples})" for name in best_first]
    few = [name for name in found.tissues if name not in known]
    untold = f"; too few samples to say: {join_with_and(few)}" if few else ""
    return [
        f"Tested in {len(found.tissues)} tissues, median R² of a gene within data sets, with the number of samples: "
        f"{', '.join(figures)}{untold}."
    ]


def intervals(nominal: float) -> str:
    """Return what the intervals promise."""
    return (
        f"Each predicted level comes with a {percent(nominal)} interval, calibrated on validation patients. On "
        f"held-out patients, **{percent(nominal)} of the true values should lie inside**, of weakly and of highly "
        "expressed genes."
    )


def copy_through(own: CopyThrough | None) -> str:
    """Return how the autoencoder answers a change of one gene."""
    text = (
        "An autoencoder can pass a gene through: then a perturbation changes little but the perturbed gene itself. "
        "Each gene in turn is raised by 1 SD, and the response is read in SD over the training cohort."
    )
    if own is not None and own.own is not None:
        text += (
            f" **The autoencoder responds with {own.own:.2g} SD in the perturbed gene itself** and {own.others:.2g} SD "
            "(root mean square) in other genes."
        )
        if abs(own.own) < DAMPED:
            text += " Single perturbations are damped: read a prediction as a ranking, not as an amount."
    if own is not None and own.leaf_to_tf is not None:
        text += (
            f" Genes that are no transcription factors change others {own.leaf_to_tf:.2f} times as much as "
            "transcription factors do. Near 1, the autoencoder does not discriminate regulators."
        )
    return text


def best_by_targets(fitted_to: Dataset, auroc: Mapping[PredictorId, float]) -> str:
    """Return which method finds known targets best, and whether an uninformed ranking does better; may be empty."""
    informed = {name: value for name, value in auroc.items() if name not in UNINFORMED}
    if not informed:
        return ""
    best = max(informed, key=lambda name: informed[name])
    text = f"{DATASETS[fitted_to]}: the best is {in_sentence(predictor_label(best))} with {decimal(informed[best])}"
    if best is not PredictorId.AUTOENCODER and PredictorId.AUTOENCODER in informed:
        text += f", the autoencoder reaches {decimal(informed[PredictorId.AUTOENCODER])}"
    variability = auroc.get(PredictorId.VARIABILITY, 0.0)
    if variability > informed[best]:
        text += (
            f". **Gene variability alone does better** ({decimal(variability)}): known targets are well-studied genes "
            "that vary much anyway"
        )
    return text + "."


def best_by_experiments(records: list[EvidenceRecord]) -> str:
    """Return the best correlation with a real experiment, and whether any is clear; empty where there is none."""
    known = [(one.value, one) for one in records if one.value is not None]
    if not known:
        return ""
    value, best = max(known, key=lambda pair: pair[0])
    method = in_sentence(predictor_label(best.predictor or ""))
    text = f"The best correlation is {decimal(value, 2)} ({method}, {DATASETS[best.dataset]})."
    return text + (" **No method clearly agrees with a real experiment here.**" if value < CLEAR_R else "")


def criteria(passed: int, total: int) -> str:
    """Return how many criteria are passed."""
    return (
        f"Of {total} criteria that the project set itself, **{passed} are passed and {total - passed} are not**. Where "
        "several methods answer one question, each has its own criterion."
    )
