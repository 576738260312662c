"""What the home page shows: an answer for an example patient, the state of the session, and what to do next."""

from __future__ import annotations

from typing import NamedTuple

from cellstate.evaluation.ood import ood_scores
from cellstate.evaluation.suggestion import suggest_knock_out
from cellstate.io import read_samples
from cellstate.model import Model
from cellstate.model.folder import cached_per_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample
from cellstate.report.narrative.answer import headline
from cellstate.report.narrative.session import present_state
from cellstate.ui.components.load_samples import examples
from cellstate.ui.state.prediction import judged
from cellstate.ui.state.session import COHORT, Session
from cellstate.viz.linked_chart import LinkedChart, linked_chart


class NextStep(NamedTuple):
    """Something to do next: the page's name, the button's label and icon."""

    page: str
    label: str
    icon: str


def where_you_are(state: Session) -> str:
    """Return the loaded sample, its perturbations and the state of its search, as Markdown."""
    assert state.loaded is not None
    labels = [item.label for item in state.perturbations]
    return present_state(
        state.loaded.samples.names,
        state.selected,
        state.loaded.name,
        labels,
        is_searching=state.is_searching,
        has_results=_has_candidates(state),
    )


def next_steps(state: Session) -> list[NextStep]:
    """Return what to do next, the most useful first."""
    label = "See the search" if state.is_searching else "See the candidates" if _has_candidates(state) else ""
    search = NextStep("candidates", label or "Search for candidates", ":material/hub:")
    perturb = NextStep(
        "workbench", "See the prediction" if state.perturbations else "Perturb genes", ":material/science:"
    )
    first = [search, perturb] if label and not state.perturbations else [perturb, search]
    return [*first, NextStep("evidence", "Check the evidence", ":material/fact_check:")]


def _has_candidates(state: Session) -> bool:
    return any(kind != COHORT for kind in state.runs)


class ExampleAnswer(NamedTuple):
    """A prediction for the first example patient: patient, headline in Markdown, and charts."""

    patient: str
    headline: str
    charts: LinkedChart


@cached_per_model
def example_answer(opened: Model) -> ExampleAnswer | None:
    """Return a prediction for the first example patient; None where the model has no regulator to suggest."""
    example = examples()[0]
    sample = prepare_sample(opened, read_samples(example.path))
    symbol = suggest_knock_out(sample)
    if symbol is None or not opened.is_trained:
        return None
    perturbations = [Perturbation(symbol, "knock-out")]
    result = judged(predict(sample, perturbations), ood_scores([sample])[0])
    counts = result.same_sign.to_numpy()
    charts = linked_chart(result.table, counts, result.n_methods, predictor=result.predictor)
    return ExampleAnswer(example.name, headline(perturbations, result.table), charts)
