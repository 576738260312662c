"""The tutorials are executed as they are, each within three minutes, with figures inside."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest

from docs.site.notebooks import FOLDER, execute, figures, tutorials

#: Seconds of one processor, which a busy machine does not stretch; with two, a tutorial is done sooner.
MOST_SECONDS = 180


def test_the_tutorials_of_the_list_are_there():
    listed = re.findall(r"\]\((\w+)\.py\)", (FOLDER / "index.md").read_text(encoding="utf-8"))
    assert sorted(listed) == [path.stem for path in tutorials()] and len(listed) == 6


@pytest.mark.parametrize("path", tutorials(), ids=lambda path: path.stem)
@pytest.mark.timeout(1_200)
def test_a_tutorial_runs_with_figures_inside(path: Path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    notebook = execute(path.read_text(encoding="utf-8"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert figures(notebook)
    assert all(figure["data"] for figure in figures(notebook))
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= MOST_SECONDS
