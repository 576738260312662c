"""``screen`` and ``combine``, and what all searches have in common."""

from __future__ import annotations

import gzip
import io

import pandas as pd
import pytest

from cellstate.cli.options import ProgressBar
from cellstate.genes import gene_axis, transcription_factors
from cellstate.genes.dossier import dossier
from tests.unit.cli.conftest import refusal

BASELINES = {"pca", "coexpression", "whitened_coexpression", "ridge", "elastic_net", "ridge_tf"}

COMMON = {"goal", "goal_label", "goal_missing", "sample", "kind", "ood_score", "is_ood"}


@pytest.fixture
def ask(run, table, small_model):
    """Run a search on the first sample of the upload, towards the first genes of the model."""
    first, second, third = small_model.space.symbols[:3]

    def call(command, *arguments, goal=f"genes:+{first},+{second},-{third}", file=table, **options):
        return run(command, file, "--goal", goal, "--model", small_model.folder, *arguments, **options)

    return call


def test_screen(ask, small_model, tmp_path):
    out = tmp_path / "out.csv"
    shown = ask(
        "screen", "--perturb", "ko,x3", "--perturb", "=q90", "--sample", "P061", "--top", "7", "--out", out, "--json"
    )
    assert shown.keys() >= COMMON | {"ranked", "n_candidates", "n_exact", "n_cohort"}
    assert (shown["sample"], shown["kind"], shown["perturbations"]) == ("P061", "hypothesis", ["ko", "x3", "=q90"])
    assert shown["n_candidates"] == shown["n_exact"] == 720
    ranked = shown["ranked"]
    assert len(ranked) == 7 and all(row["exact"] for row in ranked)
    assert ranked[0].keys() >= {
        "gene", "ensembl_id", "perturbation", "score", "score_per_sd", "fraction_of_distance", "z_patient", "p", "fdr",
        "exact", "baselines", "tpm_before", "tpm_after",
    }  # fmt: skip
    assert set(ranked[0]["baselines"]) == BASELINES
    for row in ranked:
        known, lowered = dossier(row["gene"]), row["tpm_after"] - row["tpm_before"]
        assert row["dossier"]["essentiality"] == known.essentiality and row["dossier"]["links"] == known.links
        assert [one["name"] for one in row["dossier"]["drugs"]] == [c.name for c in known.fitting(lowered)]
    assert [row["score"] for row in ranked] == sorted((row["score"] for row in ranked), reverse=True)
    written = pd.read_csv(out)
    assert len(written) == 720  # the whole table, not what is shown
    assert written["gene"].head(7).tolist() == [row["gene"] for row in ranked]
    assert written["score"].head(7).to_numpy() == pytest.approx([row["score"] for row in ranked])
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("command", ["screen", "combine", "pairs"])
def test_a_sample_is_named_after_the_file_too(ask, table, command):
    by_option, by_fragment = ask(command, "--sample", "P061", "--json"), ask(command, "--json", file=f"{table}#P061")
    assert by_fragment == by_option and by_fragment["sample"] == "P061"
    assert "no sample called 'nobody'" in ask(command, file=f"{table}#nobody", status=2).err


@pytest.mark.parametrize("command", ["screen", "combine", "pairs"])
def test_the_option_edit_is_another_name_of_perturb(ask, command):
    assert ask(command, "--edit", "kd50", "--json") == ask(command, "--perturb", "kd50", "--json")


def test_more_rows_than_usual(ask):
    assert len(ask("screen", "--top", "230", "--json")["ranked"]) == 230
    assert len(ask("screen", "--json")["ranked"]) == 200


def test_screen_for_a_person(ask, small_model):
    captured = ask("screen")
    assert "note: 2 samples; the first, P060, is used (--sample NAME)" in captured.err
    lines = captured.out.splitlines()
    assert "hypotheses" in lines[0] and lines[2].startswith("Autoencoder scores.") and "coexpression" in lines[4]
    assert len(lines) == 5 + 20
    assert len(ask("screen", "--top", "3").out.splitlines()) == 5 + 3


def test_a_screen_by_another_predictor(ask):
    usual, other = ask("screen", "--json"), ask("screen", "--predictor", "elastic_net", "--json")
    assert usual["predictor"] == "autoencoder" and other["predictor"] == "elastic_net"
    assert "was chosen" in other["predictor_reason"]
    scores = {(row["gene"], row["perturbation"]): row for row in usual["ranked"]}
    assert other["n_exact"] == other["n_candidates"] and "autoencoder" in other["ranked"][0]["baselines"]
    for row in other["ranked"]:
        if (same := scores.get((row["gene"], row["perturbation"]))) is not None:
            assert row["score"] == pytest.approx(same["baselines"]["elastic_net"])


def test_names_of_the_goal_that_are_no_genes_are_listed(ask, small_model):
    captured = ask("screen", goal=f"genes:+{small_model.space.symbols[0]},+NOSUCHGENE")
    assert "NOSUCHGENE" in captured.err
    shown = ask("screen", "--json", goal=f"genes:+{small_model.space.symbols[0]},+NOSUCHGENE")
    assert shown["goal_missing"] == ["NOSUCHGENE"]


def test_transcription_factors_alone(ask, small_model):
    space = small_model.space
    factors = {space.symbols[g] for g, a in enumerate(space.axis_index_G) if int(a) in transcription_factors()}
    shown = ask("screen", "--genes", "TF", "--json")
    assert 0 < len(factors) < len(space)
    assert {row["gene"] for row in shown["ranked"]} == factors


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_list_of_genes(ask, small_model, tmp_path, pack):
    a, b, c, d = small_model.space.symbols[:4]
    entrez = gene_axis().entrez[small_model.space.axis_index_G[3]]
    text = f'\ufeffgene\tnote\n# a comment\n{a}\tx\n\n  {b} # why\n"{c}",1\n{a}\n{entrez or d}\nNOSUCHGENE\n'
    path = tmp_path / "list"
    path.write_bytes(pack(text.encode()))
    shown = ask("screen", "--genes", path, "--json")
    assert {row["gene"] for row in shown["ranked"]} == {a, b, c, d}
    notes = [line for line in ask("screen", "--genes", path).err.splitlines() if "names" in line]
    assert notes == [f"note: 2 of the 6 names in {path} are not genes of the model: gene, NOSUCHGENE"]


def test_combine(ask, small_model, tmp_path):
    out = tmp_path / "steps.csv"
    shown = ask("combine", "--max", "3", "--perturb", "ko", "--perturb", "x3", "--out", out, "--json")
    assert pd.read_csv(out)["gene"].tolist() == [step["gene"] for step in shown["steps"]]
    assert shown.keys() >= COMMON | {"steps", "reached", "greedy", "sum_of_singles", "n_scored"}
    assert not shown["reached"] and 1 <= len(shown["steps"]) <= 3
    assert set(shown["steps"][0]) == {
        "gene",
        "perturbation",
        "score",
        "gain",
        "fraction_of_distance",
        "alone",
        "sentence",
    }
    assert shown["sum_of_singles"] == pytest.approx(sum(step["alone"] for step in shown["steps"]))
    assert shown["steps"][-1]["score"] >= shown["greedy"][-1]["score"] - 1e-9
    assert shown["predictor"] == "autoencoder"
    assert "Only the autoencoder predicts interactions" in shown["predictor_reason"]
    captured = ask("combine", "--max", "2")
    assert "Autoencoder scores." in captured.out
    assert "Not reached" in captured.out and "hypotheses" in captured.out


def test_a_combination_by_another_predictor(ask):
    shown = ask("combine", "--max", "2", "--predictor", "elastic_net", "--json")
    best = ask("screen", "--predictor", "elastic_net", "--json")["ranked"][0]
    assert shown["predictor"] == "elastic_net" and "It is linear" in shown["predictor_reason"]
    assert shown["steps"][0]["gene"] == best["gene"] and shown["steps"][0]["alone"] == pytest.approx(best["score"])
    assert "Elastic net scores." in ask("combine", "--max", "1", "--predictor", "elastic_net").out
    assert "There is no predictor 'oracle'" in ask("combine", "--predictor", "oracle", status=2).err


def test_combine_stops_where_the_share_is_reached(ask):
    best = ask("screen", "--json")["ranked"][0]
    shown = ask("combine", "--fraction", str(best["fraction_of_distance"] / 2), "--json")
    assert shown["reached"] and len(shown["steps"]) == 1


@pytest.mark.parametrize("command", ["screen", "pairs", "combine"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--goal", "better"], "is not a goal"),
        (["--goal", "genes:+NOSUCHGENE"], "knows no gene of this goal: NOSUCHGENE"),
        (["--goal", "up:nowhere.gmt#SET"], "nowhere.gmt"),
        (["--perturb", "foo"], "'foo' is not a perturbation"),
        (["--perturb", ","], "no perturbation to try"),
        (["--genes", "nowhere.txt"], "no gene list nowhere.txt"),
        (["--genes", "."], ". is not a list of names"),
        (["--genes", "UNKNOWN"], "knows none of the 2 names in"),
        (["--genes", "EMPTY"], "knows none of the 0 names in"),
        (["--sample", "nobody"], "no sample called 'nobody'"),
        (["--model", "nowhere"], "no model folder nowhere"),
    ],
)
def test_bad_input_is_one_sentence_a_hint_and_status_2(ask, command, arguments, words, tmp_path):
    lists = {"UNKNOWN": "NOSUCHGENE\nNEITHER\n", "EMPTY": "# nothing\n"}
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    assert words in refusal(ask(command, *(tmp_path / a if a in lists else a for a in arguments), status=2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["screen", "--top", "0"], "--top 0"),
        (["screen", "--out", "nowhere/x.csv"], "There is no folder nowhere"),
        (["pairs", "--top", "-1"], "--top -1"),
        (["pairs", "--by", "luck"], "not ranked by 'luck'"),
        (["pairs", "--perturb", "ko,x3"], "tries one perturbation, not 2"),
        (["pairs", "--anchor", "NOSUCHGENE"], "No gene is called 'NOSUCHGENE'"),
        (["pairs", "--anchor", "OUTSIDE"], "The model does not cover"),
        (["pairs", "--anchor", "FIRST", "--genes", "tf"], "--anchor and --genes"),
        (["combine", "--max", "0"], "at most 0 perturbations"),
        (["combine", "--fraction", "0"], "is no fraction of a distance"),
        (["combine", "--fraction", "nan"], "is no fraction of a distance"),
    ],
)
def test_bad_input_of_one_command(ask, small_model, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outside = next(e for a, e in enumerate(gene_axis().ensembl) if a not in small_model.space.axis_index_G)
    names = {"OUTSIDE": outside, "FIRST": small_model.space.symbols[0]}
    assert words in refusal(ask(*(names.get(a, a) for a in arguments), status=2))
    assert not list(tmp_path.iterdir())


def test_progress_is_shown_on_a_terminal_and_nowhere_else(ask, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert ask("screen", "--sample", "P060").err == ""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with ProgressBar() as bar:
        bar(0, 2, "first part")
        bar(2, 2, "first part")
        bar(1, 2, "second part")
    shown = terminal.getvalue()
    assert "first part" in shown and "100%" in shown and "second part" in shown
    terminal.truncate(0)
    with ProgressBar(quiet=True) as bar:
        bar(1, 2, "first part")
    assert "first part" not in terminal.getvalue()
