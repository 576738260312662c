"""Sections about a model: every figure of its record, and only those; the wording has golden files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_values

from cellstate.evidence import Benchmark, Dataset, Metric, PredictorId, Stratum
from cellstate.model.config import ModelConfig
from cellstate.model.folder import default_model_folder
from cellstate.model.record import ModelRecord, TissueQuality, read_record
from cellstate.report.narrative.evidence import (
    LIMITS,
    combination_reason,
    default_reason,
    measured_sentence,
    method_sentence,
    pairs_reason,
)
from cellstate.report.narrative.model import architecture
from cellstate.report.sections import Section, all_records, criteria, markdown, sections
from tests.support.evidence_factories import P, evidence, favouring, record, rule_records
from tests.support.golden import check_golden

TEST, OLDER = Dataset.TEST, Dataset.OLDER_TEST
OWN = P.AUTOENCODER
LOG = Stratum.LOG_OF_LOG
RECORDS = [
    record(Benchmark.RELIABILITY, TEST, OWN, Metric.FALSE_ALARM_RATE, 0.01, threshold=0.05),
    record(Benchmark.RELIABILITY, TEST, OWN, Metric.OOD_AUROC, 0.91, threshold=0.95, stratum=LOG),
    record(Benchmark.RELIABILITY, TEST, OWN, Metric.OOD_FLAGGED, 0.77, stratum=LOG),
    record(Benchmark.RELIABILITY, OLDER, OWN, Metric.INTERVAL_COVERAGE_HIDDEN, 0.8),
    record(Benchmark.RELIABILITY, OLDER, P.PCA, Metric.CEILING_SHARE_MODE, 0.7, stratum=Stratum.TPM_0_2_5),
    record(Benchmark.REGULONS, Dataset.TARGETS_MODEL, None, Metric.N_REGULATORS, 40),
    *(
        record(Benchmark.REGULONS, Dataset.TARGETS_TUMOURS, name, Metric.TARGET_AUROC, value, threshold=threshold)
        for name, value, threshold in ((P.VARIABILITY, 0.63, None), (P.COEXPRESSION, 0.56, None), (OWN, 0.51, 0.562))
    ),
    record(
        Benchmark.REGULONS,
        Dataset.TARGETS_TUMOURS,
        OWN,
        Metric.TARGET_AUROC_GAIN,
        -0.01,
        ci_low=-0.02,
        threshold=0.0,
        reference=P.COEXPRESSION,
    ),
    record(
        Benchmark.RECONSTRUCTION,
        TEST,
        OWN,
        Metric.R2_HIDDEN_GENE_MEDIAN_GAIN,
        -0.0042,
        threshold=0.0,
        reference=P.PPCA,
    ),
    record(Benchmark.SIMULATED, Dataset.SIMULATION, P.COHORT, Metric.PLANTED_PAIR_PRECISION_TOP20, 0.75, threshold=0.5),
    record(Benchmark.SIMULATED, Dataset.SIMULATION, P.COHORT, Metric.PLANTED_PAIR_FDR, None, threshold=0.15),
    *(
        record(Benchmark.EXPERIMENTS, Dataset.HOXA1_KNOCKDOWN, name, metric, value)
        for name, metric, value in (
            (OWN, Metric.PEARSON_DELTA, -0.0001),
            (P.PCA, Metric.PEARSON_DELTA, 0.123),
            (P.PCA, Metric.SIGN_ACCURACY_TOP50, 0.48),
        )
    ),
]


@pytest.fixture(scope="module")
def shipped() -> ModelRecord:
    return read_record(default_model_folder())


@pytest.fixture
def some(shipped) -> ModelRecord:
    """Training and evaluation of the shipped model with made-up evidence."""
    return replace(shipped, evidence=evidence(*RECORDS, default=False))


def by_key(found: ModelRecord) -> dict[str, Section]:
    return {section.key: section for section in sections(found)}


def rows(section: Section) -> list[list[str]]:
    assert section.table is not None
    return section.table.to_numpy().tolist()


def with_evaluation(found: ModelRecord, change) -> ModelRecord:
    """Return a record whose evaluation of each split is changed."""
    evaluation = {split: change(one) for split, one in found.evaluation.items()}
    assert found.training is not None
    return replace(found, training=with_values(found.training, evaluation=evaluation))


def test_every_text_about_the_shipped_model(shipped):
    for name, section in by_key(shipped).items():
        check_golden(f"section_{name}", markdown(section) + "\n")


def test_every_text_about_random_weights():
    found = sections(ModelRecord())
    check_golden("sections_random_weights", "\n\n".join(map(markdown, found)) + "\n")
    for section in found:
        assert section.table is None
        assert section.absent or section.key == "limits"


def test_every_reason(shipped):
    empty, known = ModelRecord(), replace(shipped, evidence=favouring(P.PCA))
    none = replace(shipped, evidence=evidence(*rule_records({OWN: 0.02}, {}, {OWN: 0.6})))
    lines = []
    for title, found in (("shipped", shipped), ("empty", empty), ("another default", known), ("no candidate", none)):
        lines.append(f"## {title}\n\n{pairs_reason(found)}")
        for name in ("autoencoder", "elastic_net", "pca"):
            lines.append(f"### {name}\n\n{default_reason(found, name)}\n\n{combination_reason(found, name)}")
            lines.append(measured_sentence(found, name) or "(nothing measured)")
    lines += [f"- {name}: {method_sentence(name)}" for name in ("autoencoder", "pca", "elastic_net", "ridge_tf")]
    check_golden("reasons", "\n\n".join(lines) + "\n")


def test_every_architecture():
    inner = {"linear encoder": (4, 4, 4), "two linear halves": (4,), "symmetric": (32, 4, 32), "deep": (9, 8, 4, 8, 9)}
    lines = [
        f"- {title}, {kind}: {architecture(ModelConfig('x', (20, *hidden, 20), 'gelu', residual))}"
        for title, hidden in inner.items()
        for kind, residual in (("plain", False), ("residual", True))
    ]
    between = ModelConfig("x", (20, 6, 9, 4, 9, 6, 20), "gelu", residual=True, embedding=True)
    lines.append(f"- between fixed components: {architecture(between)}")
    check_golden("architecture", "\n".join(lines) + "\n")


def test_every_figure_of_reconstruction_is_there(some):
    table = rows(by_key(some)["patients"])
    for own in some.evaluation.values():
        for one in (own, own.baselines[P.PCA]):
            assert [f"{one.r2_pooled:.4f}", f"{one.r2_gene_median:.3f}"] in [row[2:] for row in table]
    assert len(table) == 6


@pytest.mark.parametrize("gain, word", [(0.05, "better"), (-0.05, "worse"), (0.001, "level")])
def test_the_autoencoder_is_compared_with_pca_as_it_is(some, gain, word):
    changed = with_evaluation(
        some, lambda one: with_values(one, r2_gene_median=one.baselines[P.PCA].r2_gene_median + gain)
    )
    text = by_key(changed)["patients"].text
    words = ("better", "worse", "level")
    assert [text.count(f"**{other}") for other in words] == [2 * (other == word) for other in words]


def test_bins_are_shares_of_the_ceiling(some):
    def change(one):
        first = with_values(one.bins[0], accuracy=0.3, accuracy_conditional_mode=0.45, ceiling=0.6)
        return with_values(one, bins=(first, *one.bins[1:]))

    section = by_key(with_evaluation(some, change))["levels"]
    assert [row[2] for row in rows(section)[:2]] == ["50%", "75%"] and rows(section)[4][2] == "60%"
    assert len(section.notes) == 1 and "70.0%" in section.notes[0]


def test_intervals_show_their_coverage(some):
    def change(one):
        return with_values(one, interval_coverage=with_values(one.interval_coverage, overall=0.7123))

    section = by_key(with_evaluation(some, change))["intervals"]
    assert rows(section)[0][1] == "71.2%"
    assert "80.0%" in section.notes[0]


def test_sources_name_licence_and_makers(some):
    further = with_values(
        some.training.trained_on, name="an atlas", licence="CC BY-SA 4.0", attribution="its makers", splits={"train": 7}
    )
    section = by_key(replace(some, training=with_values(some.training, also_trained_on=(further,))))["data"]
    assert ["Training", "an atlas", "7"] in rows(section)
    assert "CC BY-SA 4.0" in section.notes[-1] and "its makers" in section.notes[-1]


def test_criteria_are_counted_from_records(some):
    assert criteria(some) == (2, 7)
    found = by_key(some)
    assert ["log of log", "0.910 ✗", "77.0%"] in [row[:3] for row in rows(found["flags"])]
    assert rows(found["flags"])[0][1:3] == ["–", "1.0% ✓"]
    assert rows(found["regulons"])[2][2:] == ["0.510 ✗", "−0.020 ✗", "–"]
    assert [row[3] for row in rows(found["reconstruction"])] == ["−0.0042"]
    assert len(rows(found["failures"])) == 5 and "**2 are passed and 5 are not**" in found["failures"].text
    assert len(all_records(some)) == len(RECORDS) and len(all_records(some, failed=True)) == 5


def test_flags_are_shown_beside_held_out_data_sets_too(some):
    corpus, key = Dataset.CORPUS_TEST, Benchmark.OOD
    more = [
        record(key, corpus, None, Metric.FALSE_ALARM_RATE, 0.08, threshold=0.1),
        record(key, corpus, None, Metric.OOD_AUROC, 0.93, threshold=0.95, stratum=LOG),
        record(key, corpus, None, Metric.FALSE_ALARM_RATE, 0.13, threshold=0.1, stratum=Stratum.COLORECTAL_TUMOUR),
        record(key, corpus, None, Metric.OOD_FLAGGED, 0.97, threshold=0.9, stratum=Stratum.LUNG),
    ]
    base = replace(some, evidence=evidence(*RECORDS, *more), training=with_values(some.training, tissues=()))
    section = by_key(base)["flags"]
    assert [row[-2:] for row in rows(section)] == [["–", "8.0% ✓"], ["0.930 ✗", "–"]]
    assert rows(section)[0][1:3] == ["–", "1.0% ✓"] and len(section.notes) == 3
    # A model for some tissues is asked for those of other laboratories, and for other tissues.
    special = replace(base, training=with_values(base.training, tissues=("colon",)))
    assert [row[-1] for row in rows(by_key(special)["flags"])[2:]] == ["13.0% ✗", "97.0% ✓"]
    alone = replace(base, evidence=evidence(*more))
    assert len(by_key(alone)["flags"].table.columns) == 3


def test_a_model_says_in_which_tissues_it_was_tested(some):
    special = replace(some, training=with_values(some.training, tissues=("colon",)))
    own = special.evaluation["test"]
    note = by_key(special)["patients"].notes[-1]
    assert "colon" in note and f"{own.r2_gene_median:.3f}" in note and str(own.n_samples) in note
    tissues = {
        "lung": TissueQuality(n_samples=22, n_datasets=2, r2_gene_median=0.31, coverage=0.9),
        "blood": TissueQuality(n_samples=40, n_datasets=3, r2_gene_median=0.62, coverage=0.9),
        "bone": TissueQuality(n_samples=1, n_datasets=1, r2_gene_median=None, coverage=0.9),
    }
    broad = with_evaluation(
        replace(some, training=with_values(some.training, tissues=())), lambda one: with_values(one, tissues=tissues)
    )
    note = by_key(broad)["patients"].notes[-1]
    assert "3 tissues" in note and "blood 0.62 (40), lung 0.31 (22)" in note and note.endswith("bone.")
    plain = replace(some, training=with_values(some.training, tissues=()))
    assert len(by_key(plain)["patients"].notes) == 1


def test_an_uninformed_ranking_that_does_better_is_named(some):
    text = by_key(some)["regulons"].text
    assert text.index("0.560") < text.index("0.510") < text.index("0.630")
    informed = [one for one in RECORDS if one.predictor is not P.VARIABILITY]
    assert "does better" not in by_key(replace(some, evidence=evidence(*informed)))["regulons"].text


def test_real_experiments_are_shown_as_they_are(some):
    section = by_key(some)["experiments"]
    assert [row[1:] for row in rows(section)] == [["Autoencoder", "0.000", "–"], ["PCA", "0.123", "48%"]]
    assert "0.12 (PCA" in section.text and "No method clearly agrees" in section.text
    assert "a machine" in section.notes[-1] and "2026-01-02" in section.notes[-1]


def test_the_default_with_every_figure_and_verdict(shipped):
    section = by_key(shipped)["default_predictor"]
    table = {row[0]: row[1:] for row in rows(section)}
    assert len(table) == 7
    assert table["Elastic net"] == ["0.058", "0.029", "0.79", "−0.01 and 0.02", "default"]
    assert table["Autoencoder"][1] == "–" and table["Ridge on TFs"][-1] == "uses prior knowledge"
    assert "The benchmarks disagree" in section.text
    agreeing = replace(shipped, evidence=favouring(P.PCA))
    assert "disagree" not in by_key(agreeing)["default_predictor"].text


def test_a_folder_without_evidence_says_what_is_not_there(shipped):
    def bare_evaluation(one):
        bins = tuple(with_values(b, accuracy_conditional_mode=None) for b in one.bins)
        return with_values(one, interval_coverage=None, bins=bins)

    bare = with_evaluation(replace(shipped, evidence=ModelRecord().evidence), bare_evaluation)
    bare = replace(bare, training=with_values(bare.training, calibration=None))
    absent = {key for key, section in by_key(bare).items() if section.absent}
    assert absent == {
        "reconstruction", "intervals", "flags", "copy_through", "regulons", "simulated", "pairs", "experiments",
        "real_perturbations", "default_predictor", "failures",
    }  # fmt: skip


def test_a_measured_pair_needs_both_sides():
    def found(*records):
        return pairs_reason(ModelRecord(evidence=evidence(*records, default=False)))

    def share(name, value, where=TEST):
        return record(Benchmark.PAIRS, where, name, Metric.PAIR_SIGN_AGREEMENT_TOP1000, value)

    nothing = found()
    assert found(share(P.COHORT, 0.6)) == nothing == found(share(P.COHORT, 0.6), share(OWN, None))
    both = found(share(P.COHORT, 0.59), share(P.COHORT, 0.6, OLDER), share(OWN, 0.47))
    assert all(figure in both for figure in ("59%", "60%", "47%"))


def test_failures_and_limits_are_always_there():
    found = by_key(ModelRecord())
    for word in ("FOXA2", "GAPDH", "RACK1"):
        assert word in found["failures"].text
    assert found["limits"].text == LIMITS and "hypothesis" in LIMITS
    assert "treatment" not in " ".join(markdown(one).lower() for one in found.values())


def test_names_from_a_file_do_not_reach_the_text_and_a_bar_does_not_break_a_table(some):
    source = with_values(some.training.trained_on, name="[click](http://x.y) | b")
    changed = replace(some, training=with_values(some.training, trained_on=source))
    assert not any("click" in section.text for section in sections(changed))
    assert r"| Training | [click](http://x.y) \| b |" in markdown(by_key(changed)["data"])


def test_the_shipped_card_has_every_section(shipped):
    card = (default_model_folder() / "MODEL_CARD.md").read_text()
    for section in sections(shipped):
        assert markdown(section) in card
    assert PredictorId(shipped.default_predictor) is P.ELASTIC_NET
