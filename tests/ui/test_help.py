"""The help page: templates that read back, words that are found, every figure explained, citations that are true."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from cellstate import __version__
from cellstate.files import sha256
from cellstate.io import READERS, read_gmt, read_samples
from cellstate.io.content import load
from cellstate.io.sniff import sniff
from cellstate.model import load_model
from cellstate.ui import help_cite
from cellstate.ui.help import TOPICS
from cellstate.ui.help_figures import FIGURES, PAGES
from cellstate.ui.help_formats import FORMATS
from cellstate.ui.help_glossary import GLOSSARY, search, tip
from cellstate.ui.help_templates import N_GENES, SAMPLES, TEMPLATES, gmt, sample_sheet_csv
from cellstate.ui.help_texts import privacy
from tests.ui.conftest import check, words

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def help_app(app: AppTest) -> AppTest:
    """The app on its help page."""
    app.switch_page("pages/help.py").run()
    check(app)
    return app


@pytest.mark.parametrize("topic", TOPICS)
def test_every_part_is_drawn_when_it_is_opened(app: AppTest, topic: str) -> None:
    app.query_params["topic"] = topic
    app.switch_page("pages/help.py").run()
    check(app)
    assert [tab.label for tab in app.tabs] == list(TOPICS)
    drawn = {tab.label: len(tab.header) for tab in app.tabs}
    assert drawn.pop(topic) > 0
    assert set(drawn.values()) == {0}
    assert "treatment" not in words(app).lower()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.file_name)
def test_template_reads_back(template) -> None:
    assert "made-up" in template.file_name
    data = template.make()
    assert data == template.make()
    if not template.is_samples:
        return
    samples = read_samples(data, name=template.file_name)
    assert samples.names == SAMPLES
    assert int(samples.measured_SA.any(axis=0).sum()) == N_GENES
    assert samples.report.unmatched == ()
    assert samples.report.unit == ("counts" if "counts" in template.file_name else "TPM")
    assert samples.report.id_type == ("ensembl" if template.file_name.endswith((".tsv", ".gct")) else "symbol")


def test_templates_of_one_unit_hold_the_same_samples() -> None:
    tpm = [
        read_samples(t.make(), name=t.file_name).tpm_SA for t in TEMPLATES if t.is_samples and "counts" not in t.name
    ]
    assert len(tpm) == 4
    for other in tpm[2:]:
        assert other == pytest.approx(tpm[0], rel=1e-5, nan_ok=True)


def test_sample_sheet_names_the_samples_of_the_other_templates() -> None:
    header, *lines = sample_sheet_csv().decode().splitlines()
    assert header == "sample,group"
    assert [line.split(",")[0] for line in lines] == list(SAMPLES)
    assert {line.split(",")[1] for line in lines} == {"control", "treated"}


def test_gene_sets_read_back_with_genes_of_the_tables() -> None:
    sets = read_gmt(gmt(), name="template.gmt")
    table = next(t for t in TEMPLATES if t.file_name.endswith("tpm.csv")).make().decode()
    genes = {line.split(",")[0] for line in table.splitlines()[1:]}
    assert len(sets) == 3
    assert all(len(members) >= 10 and set(members) <= genes for members in sets.values())


def test_page_offers_every_template(help_app: AppTest) -> None:
    offered = [button.key for button in help_app.get("download_button")]
    assert offered == [f"template-{template.file_name}" for template in TEMPLATES]


def test_every_reader_is_explained_once() -> None:
    explained = [name for one in FORMATS for name in one.readers]
    assert sorted(explained) == sorted(READERS)


@pytest.mark.parametrize("one", [one for one in FORMATS if one.header], ids=lambda one: one.name)
def test_format_is_recognised_by_what_the_page_says(one) -> None:
    assert sniff(load(f"{one.header}\n1\t2\t3\t4\t5\t6\t7\n".encode(), "a file")) in one.readers
    shown = {name.lower() for name in re.findall(r"`([^`]+)`", one.by)}
    assert shown & {part.lower() for part in one.header.split("\t")}


def test_glossary_has_the_words_of_the_pages() -> None:
    names = {term.name for term in GLOSSARY}
    wanted = (
        "TPM, log2 fold change, Knock-out, Latent, S, z, Held-out, R², TPM bin, Noise ceiling, Interaction, FDR, "
        "Trusted, Out-of-distribution, Co-expression, Ridge, PCA, NES, Hypothesis"
    )
    assert set(wanted.split(", ")) <= names
    assert len(names) == len(GLOSSARY)
    assert tip("Interaction") in {term.text for term in GLOSSARY}
    with pytest.raises(KeyError):
        tip("treatment")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("r2", "R²"),
        ("ko", "Knock-out"),
        ("knock out", "Knock-out"),
        ("OOD", "Out-of-distribution"),
        ("ceiling", "Noise ceiling"),
        ("fold", "log2 fold change"),
        ("s", "S"),
    ],
)
def test_search_finds_words_as_people_type_them(query: str, first: str) -> None:
    assert search(query)[0].name == first


def test_search_says_when_there_is_nothing(app: AppTest) -> None:
    app.query_params["topic"] = "Glossary"
    app.switch_page("pages/help.py").run()
    app.text_input(key="glossary").set_value("knock").run()
    check(app)
    shown = words(app)
    assert "**Knock-down**" in shown and "**TPM**" not in shown
    app.text_input(key="glossary").set_value("no such word").run()
    assert "No such word" in words(app)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=30))
def test_search_takes_any_text(query: str) -> None:
    found = search(query)
    assert len({term.name for term in found}) == len(found) <= len(GLOSSARY)
    if not query.strip():
        assert len(found) == len(GLOSSARY)


def test_every_word_is_found_by_its_name() -> None:
    assert [search(term.name)[0] for term in GLOSSARY] == list(GLOSSARY)


def test_every_figure_of_the_app_is_explained_once() -> None:
    """A figure is a public function of cellstate/viz that returns a `Chart`."""
    drawn = [
        node.name
        for path in (REPOSITORY / "cellstate" / "viz").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if node.returns is not None and ast.unparse(node.returns) == "Chart"
    ]
    assert sorted(name for figure in FIGURES for name in figure.drawn_by) == sorted(drawn)
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)


def test_every_page_with_a_figure_is_there() -> None:
    assert {figure.page for figure in FIGURES} == set(PAGES)
    assert all((REPOSITORY / "pages" / f"{page}.py").exists() for page in PAGES)


def test_citation_names_version_model_and_checksum(app: AppTest) -> None:
    app.query_params["topic"] = "Cite"
    app.switch_page("pages/help.py").run()
    check(app)
    said, entries = (code.value for code in app.code)
    whole = sha256(load_model().folder / "model.safetensors")
    assert f"CellState {__version__}" in said and "coadread" in said and whole[:16] in said
    assert whole in entries and "Nguyen and Le and Tran" in entries
    assert entries.count("{") == entries.count("}")
    shown = words(app)
    assert "CC BY\\-SA 4\\.0" in shown and "1,179,408,383" in shown
    assert f"{load_model().config.n_parameters:,}" in shown


def test_citation_survives_odd_model_names() -> None:
    entries = help_cite.bibtex(help_cite.Cited("my_{odd} 100%\n model\\", "f" * 64))
    assert r"Model my\_odd 100\% model," in entries
    assert entries.count("{") == entries.count("}")


def test_random_weights_have_no_sources() -> None:
    assert help_cite.sources({}) == []
    assert "has that size, too" in help_cite.poster(1_179_408_383)


def test_privacy_says_what_is_set() -> None:
    assert "about 2 minutes" in " ".join(privacy(120, False))
    assert "about 45 seconds" in " ".join(privacy(45, False))
    assert "No sign-in" in " ".join(privacy(120, False))
    assert "signed cookie" in " ".join(privacy(120, True))
