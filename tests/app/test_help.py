"""The help page: templates read back, the glossary is searchable, every figure and reader is explained."""

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
from cellstate.io.read import detect_format
from cellstate.io.source import load_content
from cellstate.model import load_model
from cellstate.ui.help import cite
from cellstate.ui.help.content import Section, markdown, sections
from cellstate.ui.help.glossary import GLOSSARY, search, tip
from cellstate.ui.help.page import PAGES, TOPICS, privacy
from cellstate.ui.help.templates import N_GENES, SAMPLES, TEMPLATES, gmt, sample_sheet_csv
from tests.app.conftest import check, words

REPOSITORY = Path(__file__).resolve().parents[2]
CONTENT = REPOSITORY / "cellstate" / "ui" / "help" / "content"
FORMATS, FIGURES = sections("formats"), sections("figures")


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
    explained = [name for one in FORMATS for name in one.items("Readers")]
    assert sorted(explained) == sorted(READERS)
    assert all({"Files", "Recognised by", "Read", "Readers"} <= set(one.fields) for one in FORMATS)


@pytest.mark.parametrize("one", [one for one in FORMATS if "Example" in one.fields], ids=lambda one: one.title)
def test_format_is_recognised_by_its_documented_columns(one: Section) -> None:
    header = "\t".join(one.fields["Example"].split())
    assert detect_format(load_content(f"{header}\n1\t2\t3\t4\t5\t6\t7\n".encode(), "a file")) in one.items("Readers")
    shown = {name.lower() for name in re.findall(r"`([^`]+)`", one.fields["Recognised by"])}
    assert shown & {part.lower() for part in header.split("\t")}


def test_glossary_has_unique_terms_with_texts() -> None:
    names = [term.name for term in GLOSSARY]
    wanted = (
        "TPM, log2 fold change, Knock-out, Latent, SD, z, Held-out, R², TPM bin, Counting-noise ceiling, Interaction, "
        "FDR, Reliability, Out of distribution, Co-expression, Ridge, PCA, NES, Hypothesis, Perturbation"
    )
    assert set(wanted.split(", ")) <= set(names)
    assert len(set(names)) == len(names)
    assert all(term.text.endswith(".") and "$" not in term.text for term in GLOSSARY)
    assert tip("Interaction") in {term.text for term in GLOSSARY}
    with pytest.raises(KeyError):
        tip("treatment")


def test_sections_have_titles_fields_and_text() -> None:
    first, second = sections("sign_in")
    assert (first.title, second.title) == ("required", "none") and not first.fields and second.text
    one = sections("glossary", **dict.fromkeys(_placeholders("glossary"), "1"))[0]
    assert one.title == "Accuracy" and one.items("Also") == ("within tolerance",) and one.items("Files") == ()
    with pytest.raises(KeyError):
        markdown("privacy")


@pytest.mark.parametrize("path", sorted(CONTENT.glob("*.md")), ids=lambda path: path.stem)
def test_every_content_file_is_read(path: Path) -> None:
    assert markdown(path.stem, **dict.fromkeys(_placeholders(path.stem), "1"))
    source = "".join(one.read_text(encoding="utf-8") for one in CONTENT.parents[1].rglob("*.py"))
    assert f'"{path.stem}"' in source


def _placeholders(name: str) -> list[str]:
    return re.findall(r"\$(\w+)", (CONTENT / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("r2", "R²"),
        ("ko", "Knock-out"),
        ("knock out", "Knock-out"),
        ("OOD", "Out of distribution"),
        ("ceiling", "Counting-noise ceiling"),
        ("interaction", "Interaction"),
        ("fold", "log2 fold change"),
        ("s", "SD"),
    ],
)
def test_search_finds_terms_as_people_type_them(query: str, first: str) -> None:
    assert search(query)[0].name == first


def test_search_without_a_result(app: AppTest) -> None:
    app.query_params["topic"] = "Glossary"
    app.switch_page("pages/help.py").run()
    app.text_input(key="glossary").set_value("knock").run()
    check(app)
    shown = words(app)
    assert "**Knock-down**" in shown and "**TPM**" not in shown
    app.text_input(key="glossary").set_value("no such word").run()
    assert "**TPM**" not in words(app) and "**Knock-down**" not in words(app)


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
    """A figure is a public function of cellstate/viz that returns a chart."""
    drawn = [
        node.name
        for path in (REPOSITORY / "cellstate" / "viz").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if node.returns is not None and ast.unparse(node.returns) in ("Chart", "LinkedChart", "RegulatorHeatmap")
    ]
    assert sorted(name for figure in FIGURES for name in figure.items("Functions")) == sorted(drawn)
    assert len({figure.title for figure in FIGURES}) == len(FIGURES)
    assert all({"Page", "Shows", "Look at", "Beware"} <= set(figure.fields) for figure in FIGURES)


def test_every_page_with_a_figure_is_there() -> None:
    assert {figure.fields["Page"] for figure in FIGURES} == set(PAGES)
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
    entries = cite.texts("my_{odd} 100%\n model\\", "f" * 64)["bibtex"]
    assert r"Model my\_odd 100\% model," in entries
    assert entries.count("{") == entries.count("}")
    assert "$HOME" in cite.texts("$HOME", "f" * 64)["citation"]


def test_the_poster_text_compares_the_size_of_the_model() -> None:
    same, other = (cite.texts("m", "f" * 64, n)["poster"] for n in (1_179_408_383, 1_234))
    assert same != other and "1,234" in other and "1,234" not in same


@pytest.mark.parametrize("seconds, shown", [(120, "2 minutes"), (45, "45 seconds")])
def test_privacy_states_the_settings_of_the_server(seconds: int, shown: str) -> None:
    without, signed_in = privacy(seconds, signed_in=False), privacy(seconds, signed_in=True)
    assert shown in without and shown in signed_in
    required, none = (one.text for one in sections("sign_in"))
    assert none in without and required not in without
    assert required in signed_in and none not in signed_in
