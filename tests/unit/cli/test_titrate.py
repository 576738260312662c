"""``titrate``: the same numbers as the package gives, at the levels that were asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.io import read_samples
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.titration import titrate
from tests.unit.cli.conftest import refusal


@pytest.fixture
def gene(small_model, table) -> str:
    """A gene that the first sample of the upload expresses."""
    tpm_G = read_samples(table).tpm_SA[0, small_model.space.axis_index_G]
    return small_model.space.symbols[int(np.nanargmax(tpm_G))]


@pytest.fixture
def ask(run, table, small_model, gene):
    def call(*arguments, **options):
        return run("titrate", table, "--gene", gene, "--model", small_model.folder, *arguments, **options)

    return call


def test_titrate(ask, table, small_model, gene):
    shown = ask("--sample", "P061", "--top", "3", "--json")
    curve = titrate(prepare_sample(small_model, read_samples(table).select("P061")), gene)
    keys = {"sample", "gene", "present_tpm", "usual_tpm", "kind", "levels", "responders", "is_ood", "is_measured"}
    assert shown.keys() >= keys and "goal" not in shown
    assert (shown["sample"], shown["gene"], shown["kind"]) == ("P061", gene, "hypothesis")
    assert shown["present_tpm"] == curve.present_tpm and shown["usual_tpm"] == pytest.approx(curve.usual_tpm)
    assert all(set(level) == {"tpm", "present"} for level in shown["levels"])
    assert [level["tpm"] for level in shown["levels"]] == curve.tpm_D.tolist()
    assert [level["tpm"] for level in shown["levels"] if level["present"]] == [curve.present_tpm]
    assert len(shown["responders"]) == 3
    expected = curve.responders(1)
    first = shown["responders"][0]
    assert set(first) == {"gene", "ensembl_id", "is_measured", "changes"} and first["gene"] == expected["gene"].iloc[0]
    pd.testing.assert_frame_equal(
        pd.DataFrame(first["changes"]), expected[["level_tpm", "tpm", "log2_fold_change"]], check_dtype=False, rtol=1e-6
    )


def test_another_predictor_is_named(ask, table, small_model, gene):
    shown = ask("--predictor", "coexpression", "--json")
    curve = titrate(prepare_sample(small_model, read_samples(table).take([0])), gene, predictor="coexpression")
    assert shown["predictor"] == "coexpression"
    assert shown["responders"][0]["gene"] == curve.responders(1)["gene"].iloc[0]
    assert "Co-expression predicts" in ask("--predictor", "coexpression").out


def test_a_goal_gives_each_level_a_score(ask, small_model, gene, tmp_path):
    others = [symbol for symbol in small_model.space.symbols if symbol != gene][:2]
    goal = f"genes:+{others[0]},-{others[1]},+NOSUCHGENE"
    shown = ask("--goal", goal, "--multiples", "0, 0.5,2", "--out", tmp_path / "out.csv", "--json")
    assert (shown["goal"], shown["goal_missing"]) == (goal, ["NOSUCHGENE"])
    present = shown["present_tpm"]
    assert [level["tpm"] for level in shown["levels"]] == pytest.approx([0, present / 2, present, 2 * present])
    assert shown["levels"][2]["score"] == 0 and shown["levels"][0]["score"] != 0
    assert shown["levels"][0]["fraction_of_distance"] == pytest.approx(
        shown["levels"][0]["score"] / shown["goal_distance"]
    )
    written = pd.read_csv(tmp_path / "out.csv")
    assert written["gene"].nunique() == 239 and len(written) == 239 * 4 and gene not in set(written["gene"])
    assert written["score"].to_numpy() == pytest.approx(np.tile([level["score"] for level in shown["levels"]], 239))


def test_titrate_for_a_person(ask, gene):
    captured = ask()
    assert "note: 2 samples; the first, P060, is used (--sample NAME)" in captured.err
    lines = captured.out.splitlines()
    assert "hypotheses" in lines[0] and "extrapolated" in lines[2]
    assert lines[3].startswith(f"{gene} in TPM") and len(lines) == 4 + 20
    named = ask("--goal", "cohort:median", "--top", "2").out.splitlines()
    assert named[1].startswith("Goal: ") and named[5].startswith("score (SD)") and len(named) == 6 + 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gene", "NOSUCHGENE"], "No gene is called 'NOSUCHGENE'"),
        (["--multiples", "1,much"], "--multiples 1,much is not a list of numbers"),
        (["--multiples=-1"], "not below 0"),
        (["--multiples", ","], "A level is a multiple"),
        (["--top", "0"], "--top 0"),
        (["--goal", "better"], "is not a goal"),
        (["--sample", "nobody"], "no sample called 'nobody'"),
        (["--out", "nowhere/x.csv"], "There is no folder nowhere"),
    ],
)
def test_bad_input_is_one_sentence_a_hint_and_status_2(ask, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert words in refusal(ask(*arguments, status=2))
    assert not list(tmp_path.iterdir())
