"""What the page and the card say: from the metrics alone, missed marks included, and kindly where there are none."""

from __future__ import annotations

import copy
import json

import pytest

from cellstate.model.folder import default_model_folder
from cellstate.report import (
    LIMITS,
    Section,
    all_marks,
    figures_of,
    lead_reason,
    markdown,
    said_by,
    sections,
    what_it_is,
)


def mark(name: str, value: float | None, bound: str | None = None, reached: bool | None = None) -> dict:
    return {"name": name, "value": value, "unit": "", "mark": bound, "reached": reached}


EVIDENCE = {
    "trust": [
        mark("newer sequencer: false alarms", 0.01, "<= 0.05", True),
        mark("newer sequencer: AUROC of log of log", 0.91, ">= 0.95", False),
        mark("newer sequencer: log of log, flagged", 0.77),
        mark("older sequencer: the same for hidden genes", 0.8),
        mark("older sequencer: accuracy / noise ceiling, 0-2.5 TPM, PCA's likeliest value", 0.7),
    ],
    "regulons": [
        mark("regulators", 40),
        mark("tumours: variability, AUROC in z", 0.63),
        mark("tumours: coexpression, AUROC in z", 0.56),
        mark("tumours: network, AUROC in z", 0.51, ">= 0.562", False),
        mark("tumours: network, less co-expression, low end of 95 %", -0.02, ">= 0", False),
    ],
    "reconstruction": [mark("half hidden: network minus probabilistic PCA", -0.0042, ">= 0", False)],
    "simulated": [mark("planted pairs among the 20 highest", 0.75, ">= 0.5", True), mark("not to be had", None)],
    "experiments": [
        mark("HOXA1 knock-down: network, Pearson-delta", -0.0001),
        mark("HOXA1 knock-down: pca, Pearson-delta", 0.123),
        mark("HOXA1 knock-down: pca, sign accuracy of the top 50", 0.48),
    ],
}


@pytest.fixture
def metrics() -> dict:
    """Those of the shipped model, with made-up evidence."""
    found = json.loads((default_model_folder() / "metrics.json").read_text())
    kept = {"date": "2026-01-02", "machine": "a machine"}
    return found | {"evidence": {name: kept | {"marks": marks} for name, marks in EVIDENCE.items()}}


def by_key(metrics: dict) -> dict[str, Section]:
    return {section.key: section for section in sections(metrics)}


def rows(section: Section) -> list[list[str]]:
    assert section.table is not None
    return section.table.to_numpy().tolist()


def test_every_figure_of_reconstruction_is_there(metrics):
    table = rows(by_key(metrics)["patients"])
    for split, words in (("test", "Same sequencer"), ("older_test", "Older sequencer")):
        figures = metrics["evaluation"][split]
        for name, one in {"Autoencoder": figures, "PCA": figures["baselines"]["pca"]}.items():
            assert [words, name, f"{one['r2_pooled']:.4f}", f"{one['r2_gene_median']:.3f}"] in table


@pytest.mark.parametrize(
    "gain, said", [(0.05, "better than PCA"), (-0.05, "worse than PCA"), (0.001, "level with PCA")]
)
def test_the_network_is_compared_with_pca_as_it_is(metrics, gain, said):
    for figures in metrics["evaluation"].values():
        figures["r2_gene_median"] = figures["baselines"]["pca"]["r2_gene_median"] + gain
    assert by_key(metrics)["patients"].text.count(said) == 2


def test_bins_are_shares_of_the_ceiling(metrics):
    first = metrics["evaluation"]["test"]["bins"][0]
    first |= {"accuracy": 0.3, "accuracy_likeliest": 0.45, "ceiling": 0.6}
    section = by_key(metrics)["levels"]
    table = {tuple(row[:2]): row[2] for row in rows(section)}
    assert table["Same sequencer", "Autoencoder"] == "50 %"
    assert table["Same sequencer", "Autoencoder, likeliest value"] == "75 %"
    assert table["Same sequencer", "Ceiling: values hit"] == "60 %"
    assert "from 50 % to 75 % (same sequencer)" in section.text
    assert "70.0 % (older sequencer)" in section.notes[0]


def test_intervals_tell_what_they_hold(metrics):
    metrics["evaluation"]["test"]["interval_coverage"]["overall"] = 0.7123
    section = by_key(metrics)["intervals"]
    assert rows(section)[0][:2] == ["Same sequencer", "71.2 %"]
    assert "80.0 % (older sequencer)" in section.notes[0]


def test_sources_name_licence_and_makers(metrics):
    further = {"name": "an atlas", "licence": "CC BY-SA 4.0", "attribution": "its makers", "splits": {"train": 7}}
    section = by_key(metrics | {"also_trained_on": [further]})["data"]
    assert ["Training", "an atlas", "7"] in rows(section)
    assert "licence CC BY-SA 4.0; by its makers. 7 profiles" in section.notes[-1]


def test_a_missed_mark_is_told_in_a_word_and_a_symbol(metrics):
    found = by_key(metrics)
    assert ["log of log", "0.910 ✗ missed", "77.0 %"] in rows(found["flags"])
    assert ["Held-out patients (false alarms)", "–", "1.0 % ✓"] in rows(found["flags"])
    assert ["tumours", "Autoencoder", "0.510 ✗ missed", "-0.020 ✗ missed", "–"] in rows(found["regulons"])
    assert "AUROC at least 0.562 (tumours)" in found["regulons"].notes[0]
    assert ["Planted pairs among the 20 highest", "0.75", "at least 0.5", "✓ reached"] in rows(found["simulated"])
    hidden = ["Half hidden: network minus probabilistic PCA", "-0.0042", "at least 0", "✗ missed"]
    assert rows(found["reconstruction"]) == [hidden]
    assert "Of 6 marks that the project set itself, **4 are missed**" in found["failures"].text
    assert [row[1] for row in rows(found["failures"])] == [
        one["name"] for marks in EVIDENCE.values() for one in marks if one["reached"] is False
    ]


def test_who_knows_nothing_and_does_better_is_named(metrics):
    text = by_key(metrics)["regulons"].text
    assert "the best is Co-expression with 0.560, the network reaches 0.510" in text
    assert "A ranking that knows nothing of the factor does better** (0.630)" in text


def test_real_experiments_are_not_flattered(metrics):
    section = by_key(metrics)["experiments"]
    assert rows(section) == [
        ["HOXA1 knock-down", "Autoencoder", "0.000", "–"],
        ["HOXA1 knock-down", "PCA", "0.123", "48 %"],
    ]
    assert "0.12 (PCA, HOXA1 knock-down). **No predictor clearly agrees" in section.text
    assert "a machine" in section.notes[-1] and "2026-01-02" in section.notes[-1]


def test_who_leads_and_where_the_truths_disagree(metrics):
    assert "no figures on who finds known targets" in by_key(metrics)["leader"].absent
    what = ("AUROC in z", "own - others in z", "own - others less the network's, low end of 95 %")
    standing = {"network": (0.51, 0.01, 0), "pca": (0.58, 0.02, -0.01), "coexpression": (0.57, 0.04, 0.03)}
    metrics["evidence"]["regulons"]["marks"] += [
        mark(f"this model: {who}, {name}", value)
        for who, values in standing.items()
        for name, value in zip(what, values, strict=True)
    ]
    metrics["evidence"]["simulated"]["marks"] += [
        mark("PCA: Pearson-delta", 0.62),
        mark("co-expression: Pearson-delta", 0.66),
    ]
    found = by_key(metrics)
    section = found["leader"]
    assert rows(section) == [
        ["Autoencoder", "0.510", "+0.010", "–", "–", "0.00"],
        ["PCA", "0.580", "+0.020", "-0.010", "0.62", "0.12"],
        ["Co-expression (leads)", "0.570", "+0.040", "+0.030", "0.66", "–"],
    ]
    assert "does (AUROC of own less others' targets +0.040 against +0.010; 0 is blind)" in section.text
    assert "do not agree" not in section.text
    assert "a little too good" in section.notes[0]
    # What the model's own predictors reach stands there alone.
    assert {row[0] for row in rows(found["regulons"])} == {"tumours"}
    assert "0.57" not in found["regulons"].text
    assert lead_reason(metrics, "pca").startswith("It was chosen; by the model's own evidence Co-expression would lead")
    assert "own targets less others' +0.040 (0 is blind), the same method in a simulated network r = 0.66." in (
        figures_of(metrics, "coexpression")
    )
    # A truth that speaks against who finds targets best lets the network lead, and it is said.
    metrics["evidence"]["simulated"]["marks"].append(mark("auto-encoder: Pearson-delta", 0.7))
    text = by_key(metrics)["leader"].text
    assert text.startswith("**Autoencoder.**")
    assert "do not agree.** Co-expression tells own targets best (+0.040); in a simulated network its" in text
    metrics["evidence"]["simulated"]["marks"].pop()
    # So does an interval that touches 0.
    metrics["evidence"]["regulons"]["marks"][-1]["value"] = 0
    section = by_key(metrics)["leader"]
    assert section.text.startswith(
        "**Autoencoder.** It leads because no other predictor of this model is clearly better"
    )
    assert lead_reason(metrics, "coexpression").startswith("It was chosen; by the model's own evidence Autoencoder")


def test_of_random_weights_nothing_was_measured():
    assert lead_reason({}, "autoencoder").startswith("It leads because this model folder holds no figures")
    assert figures_of({}, "pca") == ""
    assert said_by("autoencoder") == "Autoencoder" and said_by("ridge_tf") == "Ridge on TFs"
    assert "prior knowledge" in what_it_is("ridge_tf") and "trained autoencoder" in what_it_is("autoencoder")


def test_every_mark_is_listed(metrics):
    assert len(all_marks(metrics)) == sum(map(len, EVIDENCE.values()))
    assert (all_marks(metrics, missed=True)["Reached"] == "✗ missed").all()


def test_random_weights_are_told_as_such():
    for section in sections({}):
        assert section.table is None
        assert section.absent or section.key == "limits"


def test_an_older_folder_says_what_is_not_there(metrics):
    old = copy.deepcopy({key: metrics[key] for key in ("trained_on", "evaluation")})
    for figures in old["evaluation"].values():
        del figures["interval_coverage"]
        for one in figures["bins"]:
            del one["accuracy_likeliest"]
    found = by_key(old)
    assert "likeliest value" not in {row[1] for row in rows(found["levels"])}
    absent = {key for key, section in found.items() if section.absent}
    assert absent == {
        "reconstruction",
        "intervals",
        "flags",
        "copying",
        "regulons",
        "simulated",
        "pairs",
        "experiments",
        "leader",
        "failures",
    }


def test_failures_and_limits_are_always_there():
    found = by_key({})
    for word in ("FOXA2", "GAPDH", "RACK1", "Conditioning is not intervening"):
        assert word in found["failures"].text
    assert found["limits"].text == LIMITS and "hypothesis" in LIMITS
    assert "treatment" not in " ".join(markdown(one).lower() for one in found.values())


def test_names_from_a_file_do_not_reach_the_text(metrics):
    bad = "[click](http://x.y)"
    metrics["evidence"]["regulons"]["marks"].append(mark(f"{bad}: network, AUROC in z", 0.9))
    metrics["trained_on"]["name"] = bad
    assert not any(bad in section.text for section in sections(metrics))


def test_a_table_survives_a_bar_in_a_name(metrics):
    metrics["trained_on"]["name"] = "a | b"
    lines = markdown(by_key(metrics)["data"]).splitlines()
    assert rf"| Training | a \| b | {metrics['trained_on']['splits']['train']} |" in lines


def test_the_shipped_card_says_what_the_metrics_say():
    folder = default_model_folder()
    card = (folder / "MODEL_CARD.md").read_text()
    for figures in json.loads((folder / "metrics.json").read_text())["evaluation"].values():
        assert f"{figures['r2_pooled']:.4f}" in card and f"{figures['baselines']['pca']['r2_pooled']:.4f}" in card
