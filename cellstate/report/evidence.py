"""What benchmarks say: half-hidden genes, regulators by three kinds of truth, and every mark that is missed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cellstate.evaluate.verdict import CLEAR
from cellstate.perturb.predictors.default import BENCHMARK, THIS_MODEL
from cellstate.report.marks import (
    LEGEND,
    NOT_RECORDED,
    SYMBOLS,
    ByPredictor,
    all_marks,
    bound,
    by_predictor,
    marks_of,
    measured,
    reached,
    when,
)
from cellstate.report.predictors import lead_section
from cellstate.report.section import Section, decimal, label
from cellstate.viz.style import percent

_AUROC, _LEAD = "AUROC in z", "less co-expression, low end of 95 %"
_TARGETS = {
    _AUROC: "AUROC",
    _LEAD: "Less co-expression, low end of 95 %",
    "own - others in z": "Own less others' targets",
}
_EXPERIMENTS = {"Pearson-delta": "Correlation", "sign accuracy of the top 50": "Right direction, top 50"}
_UNMARKED = (
    "Random and Variability know nothing of the factor, and Ridge on TFs is told which genes are factors (prior "
    "knowledge): none of them bears a mark. Co-expression is what the others are held against."
)
_BLIND = ("random", "variability")
_FAILURES = """
- **Conditioning is not intervening.** A real FOXA2 knock-out *raised* FOXA2's own mRNA (noted when this project began;
  not among its benchmarks). Here the edited gene goes to 0 by definition, and all else follows from that. That mRNA
  stays is not rare: frameshifts did not remove it in 12 of 16 mutant mice
  ([PMC7060192](https://pmc.ncbi.nlm.nih.gov/articles/PMC7060192)).
- **The loudest gene is not the regulator.** Knock out every gene of a plain auto-encoder, and those that move a
  signature most are GAPDH and RACK1 (this project's first prototype): they are expressed most, so the edit is largest.
  Searches here compare genes per S of their own change, and with genes of matched expression.
- **Much simpler predictors are often as good.** Published deep models did not beat linear baselines on real
  perturbations (Ahlmann-Eltze et al., Nature Methods 2025). So every shift stands beside its rivals.
""".strip()


def evidence_sections(metrics: Mapping) -> list[Section]:
    """Return what benchmarks say about regulators, and where the project fails."""
    return [
        targets(metrics),
        simulated(metrics),
        pairs(metrics),
        experiments(metrics),
        lead_section(metrics),
        failures(metrics),
    ]


def targets(metrics: Mapping) -> Section:
    """Known targets of transcription factors: every predictor beside the others."""
    found = by_predictor(marks_of(metrics, BENCHMARK))
    # What the folder's own predictors reach is the figure by which one of them leads, and stands there.
    found.pop(THIS_MODEL, None)
    text = (
        "A transcription factor is lowered, and each predictor says how far every gene moves. Do the factor's targets "
        "in CollecTRI, which no predictor has seen, move more than other genes? **0.5 is chance**, 1 is perfect. *Own "
        "less others' targets* is 0 for a ranking that does not know which factor was edited."
    )
    for case, rows in found.items():
        auroc = {who: marks[_AUROC]["value"] for who, marks in rows.items() if marks.get(_AUROC, {}).get("value")}
        text += _targets_sentence(case, auroc)
    bounds = {
        f"{_TARGETS.get(what, what)} {bound(mark)} ({case})": None
        for case, rows in found.items()
        for marks in rows.values()
        for what, mark in marks.items()
        if mark["mark"]
    }
    notes = (f"{LEGEND} Marks: {'; '.join(bounds)}.", _UNMARKED)
    table = _table(found, "Learnt from", _TARGETS)
    return _recorded(metrics, BENCHMARK, "Does it find regulators? Known targets", text, table, notes)


def _targets_sentence(case: str, auroc: Mapping[str, float]) -> str:
    """Say who is best on one set of training samples, and whether knowing nothing is better still."""
    informed = {who: value for who, value in auroc.items() if who not in _BLIND}
    if not informed:
        return ""
    best = max(informed, key=lambda who: informed[who])
    text = f"\n\nLearnt from {case}: the best is {label(best)} with {decimal(informed[best])}"
    if "network" in informed and best != "network":
        text += f", the network reaches {decimal(informed['network'])}"
    text += "."
    if auroc.get("variability", 0) > informed[best]:
        text += (
            f" **A ranking that knows nothing of the factor does better** ({decimal(auroc['variability'])}): known "
            "targets are well-studied genes that vary much anyway."
        )
    return text


def half_hidden(metrics: Mapping) -> Section:
    """Reconstruction of genes that were hidden: marks as they were printed."""
    text = (
        "The harder question: a random half of each patient's genes is taken away and predicted from the rest. The "
        "rival is the conditional mean of probabilistic PCA, the right answer where everything is Gaussian."
    )
    return _as_printed(metrics, "reconstruction", "The same with half of the genes hidden", text)


def simulated(metrics: Mapping) -> Section:
    """The simulated network: marks as they were printed."""
    text = (
        "In a simulated gene network the true effect of every knock-out is known, and that of a gene that regulates "
        "nothing is 0. Predictors learn from each simulated cohort anew, so this judges **the method, not the "
        "weights** of this model: *auto-encoder* is the network's, *cohort* what the patients of the model's cohort "
        "show of pairs. Predictors named here that stand in no other section, sparse links and products among them, "
        "are candidates and no part of the app."
    )
    return _as_printed(metrics, "simulated", "Does it find regulators? A simulated network", text)


def pairs(metrics: Mapping) -> Section:
    """Whether the pairs that are found show again in other patients: figures as they were printed."""
    text = (
        "All pairs of transcription factors are ranked for each of 50 gene sets as a goal: by what the patients of the "
        "model's cohort show, and by the network's interaction. Of the first 1,000, how many show the foreseen sign in "
        "tumours that were held out? **50 % is chance**, and random pairs stand beside."
    )
    return _as_printed(metrics, "pairs", "Do its pairs show again in other patients?", text)


def experiments(metrics: Mapping) -> Section:
    """Real perturbation experiments: every predictor beside the others."""
    found = by_predictor(marks_of(metrics, "experiments"))
    text = (
        "Predicted against measured change of every gene but the edited one. Correlation: 1 is perfect, 0 is chance. "
        "Direction: the share of the 50 genes that changed most whose sign is right; **50 % is chance**."
    )
    values = [
        (marks["Pearson-delta"]["value"], who, case)
        for case, rows in found.items()
        for who, marks in rows.items()
        if marks.get("Pearson-delta", {}).get("value") is not None
    ]
    if values:
        value, who, case = max(values)
        text += f"\n\nThe best correlation is {decimal(value, 2)} ({label(who)}, {case})."
        if value < CLEAR:
            text += " **No predictor clearly agrees with a real experiment here.**"
    table = _table(found, "Experiment", _EXPERIMENTS)
    return _recorded(metrics, "experiments", "Does it find regulators? Real experiments", text, table)


def failures(metrics: Mapping) -> Section:
    """Known failures, and every mark that is missed."""
    text = _FAILURES
    held = [m["reached"] for name in metrics.get("evidence", {}) for m in marks_of(metrics, name) if m["mark"]]
    if not held:
        return Section("failures", "Known failures", text, absent="No marks are recorded in this model folder yet.")
    missed = sum(one is False for one in held)
    text += (
        f"\n\nOf {len(held)} marks that the project set itself, **{missed or 'none'} {'are' if missed > 1 else 'is'} "
        "missed**. Where several predictors answer one question, each is held against its mark."
    )
    table = all_marks(metrics, missed=True).drop(columns="Reached") if missed else None
    return Section("failures", "Known failures", text, table)


def _as_printed(metrics: Mapping, benchmark: str, title: str, text: str) -> Section:
    """Return a section whose table is the benchmark's own."""
    marks = marks_of(metrics, benchmark)
    rows = [(one["name"][:1].upper() + one["name"][1:], measured(one), bound(one), reached(one)) for one in marks]
    table = pd.DataFrame(rows, columns=["What", "Measured", "Mark", "Reached"])
    return _recorded(metrics, benchmark, title, text, table)


def _recorded(
    metrics: Mapping, benchmark: str, title: str, text: str, table: pd.DataFrame, notes: tuple[str, ...] = ()
) -> Section:
    """Return the section of a benchmark; without its table, and saying so, where nothing was recorded."""
    if not len(table):
        return Section(benchmark, title, text, absent=NOT_RECORDED.format(benchmark))
    return Section(benchmark, title, text, table, (*notes, when(metrics, benchmark)))


def _table(found: ByPredictor, case: str, measures: Mapping[str, str]) -> pd.DataFrame:
    """Return one row a case and predictor, one column a measure."""
    rows = [
        (name, label(who), *(_judged(marks.get(what), what) for what in measures))
        for name, predictors in found.items()
        for who, marks in predictors.items()
        if any(what in marks for what in measures)
    ]
    return pd.DataFrame(rows, columns=[case, "Predictor", *measures.values()])


def _judged(mark: Mapping | None, what: str) -> str:
    """Return a value, and beside it whether its mark is reached."""
    if mark is None or mark["value"] is None:
        return "–"
    text = percent(mark["value"]) if what.startswith("sign") else decimal(mark["value"])
    return f"{text} {SYMBOLS[mark['reached']]}".strip()
