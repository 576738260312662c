"""Pictures of every page, kept to be looked at after a run."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.e2e.screens import SCHEMES, shoot_all
from tests.e2e.steps import ARTIFACTS, N_PAGES

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_every_page_has_its_pictures(chromium: Browser, server: str) -> None:
    taken = shoot_all(chromium, server, ARTIFACTS / "screens")
    # Empty and full, wide and narrow; each picture shows something, and none shows the same as another.
    assert len(taken) == len(set(taken)) == N_PAGES * len(SCHEMES) * 2 * 2
    assert len({path.read_bytes() for path in taken}) == len(taken)
