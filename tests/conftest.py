"""What every test may ask for: the shared reference data, and a Chromium for the tests marked ``browser``."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

from tests.support.factories import make_cohort

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from cellstate.cohorts import Cohort
    from cellstate.model import Model

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
THOROUGH = "a longer test: .ci/run runs it, and CELLSTATE_REQUIRE_BROWSER=1 make test"
#: Folders in which every test is slow.
SLOW_FOLDERS = {("tests", "e2e"), ("tests", "packaging")}
NO_CHROMIUM = "no Chromium found (install chromium, or google-chrome, to run the browser tests)"

# Examples are the same in every run, so a failure is one that was always there; a busy machine is no failure.
settings.register_profile("cellstate", derandomize=True, deadline=None)
settings.load_profile("cellstate")


@lru_cache(maxsize=1)
def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome."""
    names = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests: whole folders that start programs of their own, and those of `slow_tests.txt`.

    A browser test that failed runs once more: on a busy machine a page may be redrawn between a look and a click. The
    summary names each (`rerun`).
    """
    listed = set((REPOSITORY / "tests" / "slow_tests.txt").read_text().split("\n"))
    for item in items:
        in_folder = item.path.relative_to(REPOSITORY).parts[:2] in SLOW_FOLDERS
        if in_folder or item.get_closest_marker("browser") or item.name.partition("[")[0] in listed:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("thorough") and os.environ.get("CELLSTATE_REQUIRE_BROWSER") != "1":
        pytest.skip(THOROUGH)
    if item.get_closest_marker("browser") and not find_chromium():
        if os.environ.get("CELLSTATE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"CELLSTATE_REQUIRE_BROWSER=1, but {NO_CHROMIUM}", pytrace=False)
        pytest.skip(NO_CHROMIUM)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out, and why, and which had to run twice."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.line(f"ran once more: {report.nodeid}")
    left_out: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        left_out[reason.removeprefix("Skipped: ")].append(report.nodeid)
    if left_out:
        terminalreporter.section("left out")
    for reason, tests in left_out.items():
        terminalreporter.line(f"{len(tests)} x {reason}")
        # Tests of one reader differ in their file only: a few names say which.
        shown = tests if reason == NO_CHROMIUM else tests[:3]
        for test in shown:
            terminalreporter.line(f"    {test}")
        if len(shown) < len(tests):
            terminalreporter.line(f"    and {len(tests) - len(shown)} more")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real public files that are too large for the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder ../shared/data with real public files is not there")
    return SHARED_DATA


@pytest.fixture(scope="session")
def start_chromium() -> Iterator[Callable[..., Browser]]:
    """Starts a headless Chromium with further options. Playwright itself can be started once a process only."""
    from playwright.sync_api import sync_playwright

    # In a container, as root and with a small /dev/shm, Chromium starts only so.
    options = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        yield lambda *more: playwright.chromium.launch(executable_path=find_chromium(), args=[*options, *more])


@pytest.fixture(scope="session")
def chromium(start_chromium: Callable[..., Browser]) -> Iterator[Browser]:
    """One headless Chromium for the whole run; a test opens its own page in it. For tests marked ``browser``."""
    browser = start_chromium()
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """A stored synthetic cohort of 240 genes."""
    return make_cohort(tmp_path_factory.mktemp("data") / "cohort")


@pytest.fixture(scope="session")
def small_model(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model trained on the synthetic cohort, through the trainer's own front door."""
    from cellstate.model import load_model
    from tests.support.factories import small_config
    from train.callbacks import ProgressDisplay
    from train.distributed import DistributedContext
    from train.fit import fit

    folder = tmp_path_factory.mktemp("models") / "small"
    fit(
        small_config(cohort.path, folder), DistributedContext(0, 1, torch.device("cpu")), ProgressDisplay(visible=False)
    )
    return load_model(folder, device="cpu")
