"""Pictures of every page, kept to be looked at after a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.e2e.readme_picture import FOLDER, take
from tests.e2e.screens import RESULTS, SCHEMES, SIZES, shoot_all
from tests.e2e.steps import ARTIFACTS, PAGES, TABS

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


# Minutes of work, and more on a busy machine.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_has_its_pictures(chromium: Browser, server: str, scheme: Literal["light", "dark"]) -> None:
    pictures = shoot_all(chromium, server, ARTIFACTS / "screens", schemes=[scheme])
    # Empty and full, and every kind of result; no two are equal.
    n_states = 2 * (len(PAGES) + len(TABS) - 1) + len(RESULTS)
    assert len(pictures) == len(set(pictures)) == n_states * len(SIZES)
    assert len({path.read_bytes() for path in pictures}) == len(pictures)


def test_the_pictures_of_the_readme_can_be_taken_anew(chromium: Browser, server: str, tmp_path: Path) -> None:
    pictures = take(chromium, server, tmp_path)
    assert {path.name for path in pictures} == {path.name for path in FOLDER.glob("workbench-*.png")}
    assert len({path.read_bytes() for path in pictures}) == len(pictures)
