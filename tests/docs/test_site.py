"""The site builds without a warning, which a dead link or anchor is, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

import cellstate
from cellstate.cli import COMMANDS
from cellstate.ui.help.content import sections
from cellstate.ui.help.glossary import GLOSSARY
from cellstate.ui.help.templates import TEMPLATES
from tests.e2e.steps import HEIGHT, WIDTH

REPOSITORY = Path(__file__).resolve().parents[2]
#: Of a picture in README: it is loaded before anything is read.
MOST_BYTES = 200_000
#: What a browser loads by itself.
_LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=\"([^\"]+)\"|<link\b[^>]*\bhref=\"([^\"]+)\""
)
_BUILD = """
import sys
from sphinx.application import Sphinx
# The tutorials are executed by tests of their own.
settings = {"nb_custom_formats": {".py": ["jupytext.reads", {"fmt": "py:percent"}]}}
docs, out = sys.argv[1:]
app = Sphinx(docs, docs, out, out + "/.doctrees", "html", settings, status=None, warningiserror=True)
app.build()
sys.exit(app.statuscode)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the built site."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(REPOSITORY / "docs"), str(out)], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr[-3_000:]
    return out


def text(site: Path, page: str) -> str:
    html = (site / page).read_text(encoding="utf-8")
    return unescape(re.sub(r"<[^>]+>", "", html[html.index("<article") : html.index("</article>")]))


def test_the_pictures_of_the_readme_are_of_one_screen_and_small() -> None:
    named = re.findall(r"\bsrc(?:set)?=\"([^\"]+)\"", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert {Path(name).stem for name in named} == {"workbench-light", "workbench-dark"}
    for name in named:
        with Image.open(REPOSITORY / name) as picture:
            assert picture.size == (WIDTH, HEIGHT)
        assert (REPOSITORY / name).stat().st_size <= MOST_BYTES


@pytest.mark.timeout(900)
def test_no_page_loads_anything_from_elsewhere(site: Path):
    loaded = {
        (path.name, address)
        for path in site.rglob("*.html")
        for found in _LOADED.findall(path.read_text(encoding="utf-8"))
        for address in found
        if re.match(r"(?:[a-z]+:)?//", address)
    }
    assert loaded == set()
    styles = [path.read_text(encoding="utf-8") for path in (site / "_static").rglob("*.css")]
    assert not any(re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style) for style in styles)


@pytest.mark.timeout(900)
def test_the_references_are_complete(site: Path):
    commands, api = text(site, "reference/cli.html"), text(site, "reference/api.html")
    assert all(f"cellstate {name}" in commands for name in COMMANDS)
    assert "--against" in commands and "cellstate train finetune" in commands and "<!--" not in commands
    html = (site / "reference/api.html").read_text(encoding="utf-8")
    assert all(f'id="cellstate.{name}"' in html for name in cellstate.__all__), "a public name is missing"
    assert "tpm_SA" in api


@pytest.mark.timeout(900)
def test_texts_of_the_help_page_are_on_the_site(site: Path):
    glossary, figures = text(site, "reference/glossary.html"), text(site, "concepts/figures.html")
    assert all(term.name in glossary for term in GLOSSARY)
    assert all(figure.title in figures for figure in sections("figures"))
    assert all((site / "_static" / "templates" / one.file_name).read_bytes() == one.make() for one in TEMPLATES)


@pytest.mark.timeout(900)
def test_every_tutorial_can_be_taken_as_a_notebook(site: Path):
    page = (site / "tutorials" / "index.html").read_text(encoding="utf-8")
    links = re.findall(r"href=\"\.\./(_static/notebooks/\w+\.ipynb)\"", page)
    assert len(links) == 6 and all((site / link).is_file() for link in links)
