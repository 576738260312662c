"""The command that brings cohorts."""


def test_the_atlas_is_imported_with_its_licence(run, shared_data, tmp_path):
    table = shared_data / "reference" / "RNAtableExtended.tsv.gz"
    shown = run("data", "get", "hpa", "--from", table, "--out", tmp_path / "hpa", "--json")
    assert {"path", "n_samples", "n_genes", "sha256", "attribution"} <= set(shown)
    assert (shown["n_samples"], shown["licence"], shown["splits"]) == (130, "CC BY-SA 4.0", {"train": 130})
    assert "already complete" in run("data", "get", "hpa", "--out", tmp_path / "hpa").err


def test_another_table_is_refused(run, tmp_path):
    (tmp_path / "t.tsv").write_text("GeneID\tliver\n")
    captured = run("data", "get", "hpa", "--out", tmp_path / "c", "--from", tmp_path / "t.tsv", status=2)
    assert captured.err.splitlines()[-2].startswith("error: The table is not the pinned one")
    assert "proteinatlas.org" in captured.err.splitlines()[-1]
