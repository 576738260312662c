"""The command line that scripts rely on: keys, exit status, nothing but JSON on standard output."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from cellstate.files import resource_path
from cellstate.model import load_model
from tests.support.tissue_factories import with_tissues
from tests.unit.cli.conftest import refusal

EXAMPLES = sorted(resource_path("data", "examples").glob("*.tpm.tsv.gz"))

#: Methods beside the autoencoder.
BASELINES = {"no_change", "pca", "coexpression", "whitened_coexpression", "ridge", "elastic_net", "ridge_tf"}


def test_inspect(run, table, small_model):
    shown = run("inspect", table, "--model", small_model.folder, "--json")
    assert {
        "format", "orientation", "unit", "id_type", "n_samples", "n_genes_read", "n_genes_matched",
        "fraction_matched", "warnings", "samples",
    } <= set(shown)  # fmt: skip
    assert (shown["n_samples"], shown["n_genes_matched"], shown["fraction_matched"]) == (2, 240, 1.0)
    assert set(shown["samples"][0]) == {"name", "detected_genes", "ood_score", "is_ood", "tissue"}
    assert not shown["samples"][0]["is_ood"] and shown["samples"][0]["tissue"] is None


def test_doubts_come_before_the_result(run, table, small_model, tmp_path):
    scaled = pd.read_csv(table, index_col=0) * [0.31, 0.42]
    scaled.to_csv(tmp_path / "unsure.csv")
    arguments = ("inspect", tmp_path / "unsure.csv", "--model", small_model.folder)
    found = {one["name"]: one for one in run(*arguments, "--json")["decisions"]}
    assert list(found) == ["unit", "names", "orientation", "samples"]
    assert found["unit"]["value"] == "FPKM" and found["unit"]["confidence"] < 0.6 and found["unit"]["reason"]
    assert found["orientation"]["confidence"] == 1.0
    first = small_model.space.symbols[0]
    for more in ((), ("--unit", "FPKM")):
        printed = run("perturb", *arguments[1:], "--perturb", f"{first}=ko", *more)
        notes = [line for line in printed.err.splitlines() if "--unit" in line]
        assert len(notes) == (not more) and printed.out


def test_nothing_is_predicted_from_few_genes_but_they_are_inspected(run, table, small_model, tmp_path):
    pd.read_csv(table, index_col=0).iloc[:59].to_csv(tmp_path / "panel.csv")
    arguments = (tmp_path / "panel.csv", "--unit", "TPM", "--model", small_model.folder)
    assert run("inspect", *arguments, "--json")["n_genes_matched"] == 59
    first = small_model.space.symbols[0]
    for command in (("perturb", "--perturb", f"{first}=ko"), ("titrate", "--gene", first)):
        refused = run(command[0], *arguments, *command[1:], status=2)
        assert "59 known genes" in refusal(refused)


def test_several_files_are_one_table(run, table, small_model, tmp_path):
    frame = pd.read_csv(table, index_col=0)
    files = []
    for name in ("first", "second"):
        files.append(tmp_path / name / "expression.csv")
        files[-1].parent.mkdir()
        frame[["P061"]].to_csv(files[-1], header=["TPM"])
    arguments = (*files, "--model", small_model.folder)
    found = run("inspect", *arguments, "--json")
    assert [sample["name"] for sample in found["samples"]] == ["first.expression", "second.expression"]
    gene = small_model.space.symbols[0]
    chosen = ("--sample", "second.expression", "--perturb", f"{gene}=ko")
    assert run("perturb", *arguments, *chosen, "--json")["sample"] == "second.expression"
    run("report", *arguments, *chosen, "--out", tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 1000


def test_inspect_names_the_tissue(run, table, small_model, tmp_path):
    model = with_tissues(small_model, tmp_path / "colon", ("colon",))
    found = run("inspect", table, "--model", model.folder, "--json")["samples"]
    for sample in found:
        call = sample["tissue"]
        assert set(call) == {
            "tissues", "state", "state_probability", "tissue_distance", "platform_distance", "is_known"
        }  # fmt: skip
        assert call["tissues"][0]["tissue"] == "colon" and call["tissues"][0]["probability"] > 0.5
        assert call["state"] == "normal" and call["is_known"] and not sample["is_ood"]
    assert run("inspect", table, "--model", model.folder).out.count("colon (") == len(found)


def test_perturb(run, table, small_model, tmp_path):
    first, second = small_model.space.symbols[:2]
    shown = run(
        "perturb", table, "--perturb", f"{first}=ko", "--perturb", f"{second}=x3", "--sample", "P061",
        "--out", tmp_path / "out.csv", "--model", small_model.folder, "--json",
    )  # fmt: skip
    assert shown["sample"] == "P061"
    assert shown["perturbations"] == [f"{first}=ko", f"{second}=x3"]
    genes = shown["genes"]
    assert len(genes) == 240
    assert {"gene", "tpm_before", "tpm_after", "log2_fold_change", "baselines", "is_reliable"} <= set(genes[0])
    assert {g["gene"] for g in genes[-2:]} == {first, second} and all(g["is_perturbed"] for g in genes[-2:])
    sizes = [abs(g["log2_fold_change"]) for g in genes[:-2]]
    assert sizes == sorted(sizes, reverse=True)
    assert set(genes[0]["baselines"]) == BASELINES
    written = pd.read_csv(tmp_path / "out.csv")
    assert written["gene"].tolist() == [g["gene"] for g in genes]
    assert written["log2_fold_change"].to_numpy() == pytest.approx([g["log2_fold_change"] for g in genes], abs=1e-6)


def test_the_prediction_method_is_named_and_the_others_are_its_baselines(run, table, small_model, tmp_path):
    arguments = ("perturb", table, "--perturb", f"{small_model.space.symbols[0]}=ko", "--model", small_model.folder)
    usual = run(*arguments, "--json")
    other = run(*arguments, "--predictor", "coexpression", "--out", tmp_path / "out.csv", "--json")
    assert (usual["predictor"], other["predictor"]) == ("autoencoder", "coexpression")
    assert "no evidence" in usual["predictor_reason"] and "was chosen" in other["predictor_reason"]
    before, after = ({g["gene"]: g for g in shown["genes"]} for shown in (usual, other))
    for gene, one in after.items():
        assert set(one["baselines"]) == {
            "autoencoder", "no_change", "pca", "whitened_coexpression", "ridge", "elastic_net", "ridge_tf",
        }  # fmt: skip
        assert one["log2_fold_change"] == before[gene]["baselines"]["coexpression"]
        assert one["baselines"]["autoencoder"] == before[gene]["log2_fold_change"]
    assert "log2_fold_change_autoencoder" in pd.read_csv(tmp_path / "out.csv")
    assert "Co-expression predicts. Co-expression was chosen" in run(*arguments, "--predictor", "coexpression").out


def test_the_shipped_model_predicts_by_its_default_method(run):
    shown = run("perturb", EXAMPLES[0], "--edit", "MYC=ko", "--json")
    assert shown["predictor"] == load_model(device="cpu").record.default_predictor
    assert "0.058" in shown["predictor_reason"]


def test_a_note_names_the_sample_used_of_several(run, table, small_model):
    gene = small_model.space.symbols[0]
    captured = run("perturb", table, "--perturb", f"{gene}=ko", "--model", small_model.folder)
    assert "P060" in captured.err and "hypothesis" in captured.out


def test_evaluate(run, table, small_model):
    shown = run("evaluate", table, "--model", small_model.folder, "--json")
    assert {"r2_pooled", "r2_gene_median", "bins", "baselines"} <= set(shown)
    assert set(shown["baselines"]) == {"gene_mean", "pca"}
    chosen = run("evaluate", table, "--edges", "0,5,inf", "--relative", "0.5", "--model", small_model.folder, "--json")
    assert [b["low"] for b in chosen["bins"]] == [0, 5]
    assert "Gene mean" in run("evaluate", table, "--model", small_model.folder).out


def test_evaluate_one_sample(run, table, small_model):
    model = ("--model", small_model.folder, "--json")
    both = run("evaluate", table, *model)
    assert [one["name"] for one in both["samples"]] == ["P060", "P061"]
    for asked in ((table, "--sample", "P061"), (f"{table}#P061",)):
        one = run("evaluate", *asked, *model)
        assert one["samples"] == [pytest.approx(both["samples"][1])]
    assert run("evaluate", f"{table}#P060,P061", *model) == both


def test_a_sample_is_named_after_the_file_too(run, table, small_model):
    model, gene = ("--model", small_model.folder, "--json"), small_model.space.symbols[0]
    for command in (("perturb", "--perturb", f"{gene}=ko"), ("titrate", "--gene", gene), ("inspect",)):
        by_option = run(command[0], table, *command[1:], "--sample", "P061", *model)
        assert run(command[0], f"{table}#P061", *command[1:], *model) == by_option
        assert (by_option["samples"][0]["name"] if command == ("inspect",) else by_option["sample"]) == "P061"


def test_the_option_edit_is_another_name_of_perturb(run, table, small_model):
    first, second = small_model.space.symbols[:2]
    model = ("--model", small_model.folder, "--json")
    usual = run("perturb", table, "--perturb", f"{first}=ko", "--perturb", f"{second}=x2", *model)
    assert run("perturb", table, "--edit", f"{first}=ko", "--perturb", f"{second}=x2", *model) == usual
    control = ("--control", f"{table}#P060", "--treated", f"{table}#P061")
    named = (run("compare", *control, option, f"{first}=kd50", *model) for option in ("--edit", "--perturb"))
    assert next(named) == next(named)


def test_compare(run, table, small_model):
    gene = small_model.space.symbols[0]
    arguments = ("compare", "--control", f"{table}#P060", "--treated", f"{table}#P061", "--perturb", f"{gene}=kd50")
    shown = run(*arguments, "--model", small_model.folder, "--json")
    assert {"pearson_delta", "sign_accuracy_top50", "baselines"} <= set(shown)
    assert (shown["n_control"], shown["n_treated"], shown["predictor"]) == (1, 1, "autoencoder")
    assert set(shown["baselines"]) == BASELINES
    other = run(*arguments, "--predictor", "pca", "--model", small_model.folder, "--json")
    assert (other["predictor"], other["pearson_delta"]) == ("pca", shown["baselines"]["pca"]["pearson_delta"])
    assert "Pearson-delta" in run(*arguments, "--model", small_model.folder).out


def test_model_init_and_show(run, tmp_path):
    made = run("model", "init", "--preset", "demo", "--dtype", "float16", "--out", tmp_path / "m", "--json")
    shown = run("model", "show", tmp_path / "m", "--json")
    assert {"n_parameters", "layers", "genes", "dtype", "sha256"} <= set(shown)
    assert made["n_parameters"] == shown["n_parameters"]
    assert run("model", "show", "--json")["name"] == "coadread"
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"no weights")
    damaged, random = run("model", "list", tmp_path, "--json")["models"]
    assert damaged["problem"].startswith("damaged: ") and random["problem"] is None
    assert (random["n_parameters"], random["trained_on"]) == (made["n_parameters"], [])
    coadread, human = run("model", "list", "--json")["models"]
    assert coadread.keys() == human.keys() >= {"name", "path", "n_parameters", "trained_on"}
    assert (coadread["name"], len(coadread["trained_on"])) == ("coadread", 2)
    assert (human["name"], len(human["trained_on"])) == ("human", 1)
    assert run("model", "show", "human", "--json")["n_parameters"] == human["n_parameters"]
    assert run("model", "list", tmp_path).out.splitlines()[0] == damaged["problem"]


def test_data_get_refuses_another_file(run, tmp_path):
    (tmp_path / "w.whl").write_text("no wheel")
    captured = run("data", "get", "coadread", "--out", tmp_path / "c", "--from", tmp_path / "w.whl", status=2)
    assert captured.err.splitlines()[-2].startswith("error: The wheel is not the pinned one")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["perturb", "FILE", "--perturb", "NOSUCHGENE=ko"], "No gene is called 'NOSUCHGENE'"),
        (["perturb", "FILE", "--perturb", "TP53"], "is not a perturbation"),
        (["perturb", "FILE"], "There is no perturbation"),
        (["perturb", "FILE", "--perturb", "TP53==2e6"], "at most one million"),
        (["perturb", "FILE", "--perturb", "TP53=x999999"], "would reach"),
        (["perturb", "FILE", "--perturb", "TP53=ko", "--perturb", "p53=x2"], "perturbed twice"),
        (["perturb", "FILE", "--perturb", "TP53=ko", "--sample", "nobody"], "no sample called 'nobody'"),
        (["perturb", "FILE", "--perturb", "1-Mar=ko"], "into a date"),
        (["perturb", "FILE", "--perturb", "TP53=ko", "--predictor", "oracle"], "no predictor 'oracle'"),
        (["titrate", "FILE", "--gene", "TP53", "--predictor", "oracle"], "no predictor 'oracle'"),
        (["compare", "--control", "FILE", "--treated", "FILE", "--perturb", "TP53=ko"], "are the same"),
        (["evaluate", "FILE", "--edges", "a,b"], "not a list of numbers"),
        (["evaluate", "FILE", "--edges", "5,1"], "must ascend"),
        (["evaluate", "FILE", "--relative", "-1"], "not negative"),
        (["inspect", "FILE", "--model", "nowhere"], "no model folder nowhere"),
        (["inspect", "FILE", "--device", "abacus"], "no device 'abacus'"),
        (["inspect", "nowhere.csv"], "nowhere.csv"),
        (["model", "show", "nowhere"], "no model folder nowhere"),
        (["model", "list", "nowhere"], "no folder nowhere"),
        (["model", "init", "--preset", "huge", "--out", "x"], "no preset 'huge'"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(run, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert words in refusal(run(*[EXAMPLES[0] if a == "FILE" else a for a in arguments], status=2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["cellstate", "cellstate.cli"])
def test_standard_output_is_json_alone_in_a_process_of_its_own(module):
    """Also the imports stay silent, and a reader that stops early is no error."""
    command = [sys.executable, "-W", "error", "-m", module, "inspect", str(EXAMPLES[0]), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=resource_path())
    assert json.loads(done.stdout)["n_samples"] == 1
    assert done.stderr == ""


def test_six_examples_read_and_are_of_the_held_out_patients(run):
    assert len(EXAMPLES) == 6
    for path in EXAMPLES:
        shown = run("inspect", path, "--json")
        assert (shown["unit"], shown["n_samples"]) == ("TPM", 1)
        assert shown["fraction_matched"] > 0.85 and not shown["samples"][0]["is_ood"]


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["pairs", "--help"], {"torch", "numpy", "pandas", "rich"}),
        (["inspect", str(EXAMPLES[0]), "--json"], {"torch", "pandas", "plotly", "sklearn"}),
        (["perturb", str(EXAMPLES[0]), "--perturb", "TP53=ko", "--json"], {"torch", "plotly", "sklearn"}),
        (["model", "list", "--json"], {"torch", "pandas"}),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments, heavy):
    code = (
        f"import sys; from cellstate.cli import main\ntry: main({arguments})\nexcept SystemExit: pass\n"
        f"sys.exit(sorted({heavy} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=resource_path(), stdout=subprocess.DEVNULL)


def test_a_table_that_cannot_be_written_is_refused_before_the_work(run, table, small_model, tmp_path):
    gene = small_model.space.symbols[0]
    arguments = ("perturb", table, "--perturb", f"{gene}=ko", "--model", small_model.folder, "--out")
    assert "error: There is no folder" in run(*arguments, tmp_path / "none" / "x.csv", status=2).err
    assert "is a folder" in run(*arguments, tmp_path, status=2).err
