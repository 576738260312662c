"""Three tasks of a new user, done with what the pages offer, and how many actions each takes.

An action is a click, the Enter key, or the choice of a file; typing and reading are none. Each test prints the actions
and the seconds of its task; the seconds are of this machine, and nothing depends on them.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from cellstate.genes import gene_axis
from tests.e2e.steps import REPOSITORY, a_file, prediction, saved, settle, sound
from tests.support.factories import make_samples

pytestmark = pytest.mark.browser

SALMON = REPOSITORY.parent / "shared" / "data" / "uploads" / "ERR188021.salmon.quant.sf.gz"


class User:
    """Someone who uses the app for the first time, and counts what they do."""

    def __init__(self, page: Page) -> None:
        self.page, self.actions, self._began = page, 0, time.monotonic()

    def click(self, role: str, name: str | re.Pattern[str]) -> None:
        """Click what is called so."""
        self._act(self._find(role, name)).click()

    def enter(self, box: str, text: str) -> None:
        """Type a text into a box, and press Enter."""
        found = self._act(self._find("textbox", box))
        found.fill(text)
        found.press("Enter")

    def bring(self, file: Path | FilePayload) -> None:
        """Choose a file in the one upload box of the page."""
        self._act(self.page.get_by_test_id("stFileUploaderDropzoneInput")).set_input_files(file)

    def save(self, name: str) -> tuple[str, bytes]:
        """Press a button that saves a file; returns the file's name and bytes."""
        return saved(self.page, self._act(self._find("button", name)))

    def report(self) -> str:
        """Return what the task took."""
        return f"{self.actions} actions, {time.monotonic() - self._began:.1f} s"

    def _find(self, role: str, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role(role, name=name)  # type: ignore[arg-type]

    def _act(self, what: Locator) -> Locator:
        """Wait until the page is at rest and shows this once, and count the action."""
        settle(self.page)
        expect(what).to_have_count(1)
        self.actions += 1
        return what


@pytest.fixture
def user(page: Page, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture) -> Iterator[User]:
    """A user on the home page."""
    settle(page)
    one = User(page)
    yield one
    with capsys.disabled():
        print(f"\n{request.node.name}: {one.report()}")
    sound(page)


def quant_sf() -> FilePayload:
    """Return a file as salmon writes it for genes, of a made-up sample."""
    axis, tpm_G = gene_axis(), make_samples(1).tpm_SA[0]
    table = pd.DataFrame({"Name": axis.ensembl, "Length": 1500, "EffectiveLength": 1300.0, "TPM": tpm_G})
    return a_file("quant.sf", table.assign(NumReads=(tpm_G * 20).round(1)).to_csv(sep="\t", index=False).encode())


def test_what_a_tp53_knock_out_does_in_an_example(user: User) -> None:
    user.click("button", "Try an example patient")
    expect(prediction(user.page)).to_be_visible()
    # It begins with a knock-out that the model suggests.
    user.click("button", re.compile("^Remove"))
    user.enter("Knock out a gene", "TP53")
    answer = user.page.get_by_role("heading", level=2).first
    expect(answer).to_have_text(re.compile(r"^TP53 knock-out: [\d,]+ genes? down, [\d,]+ up, led by \S+ "))
    expect(prediction(user.page)).to_be_visible()
    assert user.actions <= 3


def test_a_salmon_file_to_its_first_chart(user: User) -> None:
    user.click("button", "Use my own file")
    user.bring(SALMON if SALMON.exists() else quant_sf())
    user.click("button", "Knock out a regulator of this sample")
    expect(prediction(user.page)).to_be_visible()
    assert user.actions <= 3


def test_candidates_that_lower_proliferation_are_exported(user: User) -> None:
    user.click("link", "Candidates")
    user.click("button", "Try an example patient")
    # The form's first sentence is already this question.
    expect(user.page.locator(".st-key-sentence input").last).to_have_value("less proliferative")
    user.click("button", re.compile("Search$"))
    expect(user.page.locator(".candidates tbody tr")).to_have_count(10)
    name, data = user.save("Download CSV")
    table = pd.read_csv(io.BytesIO(data))
    assert name.endswith(".csv") and len(table) > 1_000
    assert table["goal"].str.contains("HALLMARK_E2F_TARGETS").all() and table["score"].is_monotonic_decreasing
    assert user.actions <= 4
