"""What is claimed of privacy, of the server and the browser as they run; `tests/app/test_privacy.py` has the rest."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import FilePayload, Page, expect

from cellstate.genes import gene_axis
from tests.e2e.serving import LOOPBACK, Server
from tests.e2e.steps import (
    a_file,
    drop_file,
    forget,
    knock_out,
    open_page,
    press,
    settle,
    sound,
    strip,
    taken,
    titles,
)
from tests.support.factories import make_samples

pytestmark = pytest.mark.browser

#: Sample and file names that occur nowhere else.
OURS, THEIRS = ("Wq7Zk-tumour", "kJ3vX-upload"), ("Hm2Rt-tumour", "pL9cF-upload")
N_GENES = 15_000
HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(2)</script>"


def profile(names: tuple[str, str], seed: int, also: str = "") -> FilePayload:
    """Return a file to drop: one sample of 15,000 genes under a name of its own."""
    text = tpm(seed).rename(names[0]).to_csv(index_label="gene")
    return a_file(f"{names[1]}.csv", (text + also).encode())


def tpm(seed: int) -> pd.Series:
    """Return what such a file holds."""
    return pd.Series(make_samples(1, seed=seed).tpm_SA[0, :N_GENES], index=gene_axis().symbol[:N_GENES])


def file_input(page: Page, file: FilePayload, sample: str) -> None:
    """Drop a file on the sample page and see its sample."""
    open_page(page, "Sample")
    drop_file(page, file)
    expect(strip(page)).to_contain_text(sample)
    settle(page)
    sound(page)


def visit_all(page: Page) -> str:
    """Go to every page by the navigation; returns all that they showed, as HTML."""
    shown = []
    for title in titles(page):
        open_page(page, title)
        sound(page)
        shown.append(page.content())
    return "\n".join(shown)


def measured(page: Page) -> pd.Series:
    """Download a shift and return the TPM that it began with, by gene."""
    open_page(page, "Perturb")
    knock_out(page, "p53", "TP53")
    expect(page.get_by_role("heading", name="Predicted shift")).to_be_visible()
    _, data = taken(page, "Download all genes as CSV")
    return pd.read_csv(io.BytesIO(data)).set_index("gene")["tpm_before"]


def alike(one: pd.Series, other: pd.Series) -> float:
    """Correlate two profiles over the genes that they share."""
    genes = one.index.intersection(other.index)
    return float(np.corrcoef(np.log1p(one[genes]), np.log1p(other[genes]))[0, 1])


def test_two_visitors_never_see_each_other(visitor: Callable[..., Page], server: str) -> None:
    heard: dict[str, list[bytes]] = {"ours": [], "theirs": [], "later": []}
    we, they = visitor(heard=heard["ours"]), visitor(heard=heard["theirs"])
    file_input(we, profile(OURS, 1), OURS[0])
    open_page(they, "Sample")
    expect(strip(they)).to_contain_text("No sample")
    file_input(they, profile(THEIRS, 2), THEIRS[0])

    our_tpm, their_tpm = measured(we), measured(they)
    assert alike(our_tpm, tpm(1)) > 0.99 and alike(their_tpm, tpm(2)) > 0.99
    assert alike(our_tpm, their_tpm) < 0.95
    shown = visit_all(they)
    assert THEIRS[0] in shown and not any(word in shown for word in OURS)

    # A link carries settings, and no data.
    open_page(we, "Perturb")
    press(we.get_by_role("button", name="Export"))
    link = we.get_by_test_id("stCode").inner_text().strip()
    we.keyboard.press("Escape")
    later = visitor(link.removeprefix(server), heard=heard["later"])
    expect(later.get_by_text("TP53 knocked out").first).to_be_visible()

    # What one visitor forgets, the other keeps.
    forget(we)
    said_before = len(heard["ours"])
    shown = visit_all(we)
    assert not any(word in shown for word in (*OURS, *THEIRS))
    assert not any(word.encode() in frame for frame in heard["ours"][said_before:] for word in OURS)
    open_page(they, "Sample")
    expect(strip(they)).to_contain_text(THEIRS[0])

    # Not only the pages: all that the server ever sent to each.
    for name, strange in (("ours", THEIRS), ("theirs", OURS), ("later", (*OURS, *THEIRS))):
        sent = b"".join(heard[name])
        assert len(sent) > 10_000 and not any(word.encode() in sent for word in strange)
    assert OURS[0].encode() in b"".join(heard["ours"])


def test_the_server_asks_nobody_writes_nothing_and_logs_no_name(page: Page, serving: Server) -> None:
    before, said_before = serving.written_bytes(), len(serving.log.read_text())
    told_before = serving.events.stat().st_size
    file_input(page, profile(OURS, 1, also="SECRETGENE-1,123.4567\n"), OURS[0])
    measured(page)
    taken(page, "Download all genes as CSV")
    visit_all(page)
    # What goes wrong is the likeliest to be told.
    open_page(page, "Sample")
    another = a_file(f"{THEIRS[1]}.csv", f"gene,{THEIRS[0]}\nTP53,many\n".encode())
    drop_file(page, another)
    expect(page.get_by_text("could not be read").first).to_be_visible()
    for url in ("/_stcore/upload_file/x/y", f"/{OURS[0]}", f"/media/{THEIRS[1]}.csv", f"/sample?v=9&x={THEIRS[0]}"):
        page.request.put(serving.address + url, multipart={"file": another}, fail_on_status_code=False)
        page.request.get(serving.address + url, fail_on_status_code=False)
    forget(page)

    assert serving.wrong() == []
    assert serving.peers() <= {LOOPBACK}
    log = serving.log.read_text()[said_before:]
    # By Linux's own count, in whole pages, whoever writes: the log, what the watch itself tells, and nothing of the
    # 400 kB of each upload.
    watched = serving.events.stat().st_size - told_before
    assert serving.written_bytes() - before <= len(log) + watched + 2 * 4096
    assert not any(word in log for word in (*OURS, *THEIRS, "SECRETGENE", "123.4567", "TP53", "many"))


@pytest.mark.thorough
def test_markup_in_names_is_shown_as_text(page: Page) -> None:
    # A dialog or a request of the picture would fail the test in `visitor`.
    names = (HOSTILE, SCRIPT.replace("/", "_"))
    file_input(page, profile(names, 1, also=f"{SCRIPT},5\n<b>BOLD</b>,7\n"), HOSTILE[:20])
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    open_page(page, "Perturb")
    knock_out(page, "p53", "TP53")
    for title in titles(page):
        open_page(page, title)
        sound(page)
        assert page.locator("img[src='x'], b:text('BOLD')").count() == 0
        assert page.evaluate("[...document.scripts].filter(s => s.textContent.includes('alert(')).length") == 0


def test_a_download_is_dropped_when_its_sample_is_forgotten(page: Page, server: str) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if "/media/" in request.url else None)
    file_input(page, profile(OURS, 1), OURS[0])
    measured(page)
    address = next(url for url in addresses if url.endswith(".csv"))
    urllib.request.urlopen(address).close()
    forget(page)
    expect(page.get_by_text("No sample yet")).to_be_visible()
    with pytest.raises(HTTPError, match="404"):
        urllib.request.urlopen(address)
