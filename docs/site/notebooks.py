"""Tutorials: scripts in jupytext's py:percent form, executed for the site and in the tests.

A figure of plotly becomes a place in the page and its data; the copy of plotly.js that Python's plotly carries draws
it. So a page loads nothing from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[1] / "tutorials"
#: Seconds a cell may take on a busy machine; on a quiet one a whole tutorial takes less than three minutes.
LIMIT = 900
FIGURE = "application/vnd.plotly.v1+json"
PLOTLY, DRAW = "plotly.min.js", "draw.js"
_CACHE = FOLDER.parent / "_build" / "executed"
_REPOSITORY = FOLDER.parents[1]
_DRAW = """\
// Draws the figures of a tutorial from the data in the page.
window.addEventListener("DOMContentLoaded", () => {
  for (const held of document.querySelectorAll("script.figure-data")) {
    const place = document.createElement("div")
    held.before(place)
    const { data, layout } = JSON.parse(held.textContent)
    const config = { displaylogo: false, responsive: true }
    Plotly.newPlot(place, data, { ...layout, autosize: true, width: undefined }, config)
  }
})
"""


def tutorials() -> list[Path]:
    """Return the scripts."""
    return sorted(FOLDER.glob("*.py"))


def execute(text: str) -> NotebookNode:
    """Run a script as a notebook, in an empty folder and a process of its own; an error in a cell is raised."""
    notebook = jupytext.reads(text, fmt="py:percent")
    # The checkout's own package and trainer are used; plotly gives data only, never a script from elsewhere.
    settings = {"PLOTLY_RENDERER": "plotly_mimetype", "PYTHONPATH": str(_REPOSITORY)}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        work.mkdir()
        # Sockets in the folder instead of ports of the machine.
        config = Config({"KernelManager": {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}})
        resources = {"metadata": {"path": str(work)}}
        client = NotebookClient(notebook, config=config, kernel_name="python3", timeout=LIMIT, resources=resources)
        client.execute(env=os.environ | settings)
    return notebook


def read_for_site(text: str) -> NotebookNode:
    """Return an executed script with its figures as HTML; one whose code is as it was is not executed again."""
    notebook = jupytext.reads(text, fmt="py:percent")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kept = _CACHE / f"{hashlib.sha256(json.dumps([cell.source for cell in code]).encode()).hexdigest()}.ipynb"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(execute(text), kept)
    executed = [cell for cell in nbformat.read(kept, as_version=4).cells if cell.cell_type == "code"]
    for cell, done in zip(code, executed, strict=True):
        cell.update(outputs=done.outputs, execution_count=done.execution_count)
        for output in cell.outputs:
            if FIGURE in output.get("data", {}):
                output["data"] = {"text/html": _html(output["data"][FIGURE])}
    return notebook


def figures(notebook: NotebookNode) -> list[dict]:
    """Return the figures in the outputs of a notebook."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][FIGURE] for output in outputs if FIGURE in output.get("data", {})]


def write_downloads(folder: Path) -> None:
    """Write each tutorial as a notebook without outputs, for readers who want to run it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in tutorials():
        jupytext.write(jupytext.read(path, fmt="py:percent"), folder / f"{path.stem}.ipynb", fmt="ipynb")


def write_plotly(folder: Path) -> None:
    """Write plotly.js, as Python's plotly carries it, and the script that draws."""
    from plotly.offline import get_plotlyjs

    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLOTLY).write_text(get_plotlyjs(), encoding="utf-8")
    (folder / DRAW).write_text(_DRAW, encoding="utf-8")


def _html(figure: dict) -> str:
    from plotly.io import templates

    title = figure["layout"].get("title", {}).get("text", "figure")
    layout = figure["layout"] | {"template": templates["plotly_white"].to_plotly_json()}
    data = json.dumps({"data": figure["data"], "layout": layout}).replace("<", "\\u003c")
    held = f'<script type="application/json" class="figure-data">{data}</script>'
    return f'<div class="tutorial-figure" role="img" aria-label="{escape(title, quote=True)}">{held}</div>'
