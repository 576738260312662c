"""Privacy of the server and the browser as they run; `tests/app/test_privacy.py` has the rest."""

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
    button,
    delete_data,
    drop_file,
    knock_out,
    open_page,
    open_sample,
    press,
    saved,
    settle,
    sound,
    strip,
    views,
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
    """Return the values of such a file."""
    return pd.Series(make_samples(1, seed=seed).tpm_SA[0, :N_GENES], index=gene_axis().symbol[:N_GENES])


def load(page: Page, file: FilePayload, sample: str) -> None:
    """Drop a file on the workbench and see its sample."""
    open_page(page, "Workbench")
    drop_file(page, file)
    expect(strip(page)).to_contain_text(sample)
    settle(page)
    sound(page)


def visit_all(page: Page) -> str:
    """Open every page and tab; returns all that they show, as HTML."""
    shown = []
    for _ in views(page):
        sound(page)
        shown.append(page.content())
    return "\n".join(shown)


def measured(page: Page) -> pd.Series:
    """Download a prediction and return the TPM before it, by gene."""
    open_page(page, "Workbench")
    knock_out(page, "p53", "TP53")
    _, data = saved(page, button(page, "download-shift"))
    return pd.read_csv(io.BytesIO(data)).set_index("gene")["tpm_before"]


def alike(one: pd.Series, other: pd.Series) -> float:
    """Correlate two profiles over the genes that they share."""
    genes = one.index.intersection(other.index)
    return float(np.corrcoef(np.log1p(one[genes]), np.log1p(other[genes]))[0, 1])


def test_two_visitors_never_see_each_other(visitor: Callable[..., Page], server: str) -> None:
    received: dict[str, list[bytes]] = {"ours": [], "theirs": [], "later": []}
    we, they = visitor(received=received["ours"]), visitor(received=received["theirs"])
    load(we, profile(OURS, 1), OURS[0])
    open_page(they, "Workbench")
    expect(strip(they)).to_contain_text("No sample")
    load(they, profile(THEIRS, 2), THEIRS[0])

    our_tpm, their_tpm = measured(we), measured(they)
    assert alike(our_tpm, tpm(1)) > 0.99 and alike(their_tpm, tpm(2)) > 0.99
    assert alike(our_tpm, their_tpm) < 0.95
    shown = visit_all(they)
    assert THEIRS[0] in shown and not any(word in shown for word in OURS)

    # A link carries settings, and no data.
    open_page(we, "Workbench")
    press(button(we, "export-prediction"))
    link = we.get_by_test_id("stCode").inner_text().strip()
    we.keyboard.press("Escape")
    later = visitor(link.removeprefix(server), received=received["later"])
    expect(later.get_by_text("TP53 knocked out").first).to_be_visible()

    # What one visitor deletes, the other keeps.
    delete_data(we)
    n_before = len(received["ours"])
    shown = visit_all(we)
    assert not any(word in shown for word in (*OURS, *THEIRS))
    after = b"".join(received["ours"][n_before:]).replace(b"\\", b"")
    assert not any(word.encode() in after for word in OURS)
    open_page(they, "Workbench")
    expect(strip(they)).to_contain_text(THEIRS[0])

    # Everything that the server ever sent to each, without the escapes of Markdown.
    for name, strange in (("ours", THEIRS), ("theirs", OURS), ("later", (*OURS, *THEIRS))):
        sent = b"".join(received[name]).replace(b"\\", b"")
        assert len(sent) > 10_000 and not any(word.encode() in sent for word in strange)
        assert name == "later" or {"ours": OURS, "theirs": THEIRS}[name][0].encode() in sent


def test_the_server_connects_nowhere_writes_nothing_and_logs_no_name(page: Page, serving: Server) -> None:
    before, n_logged = serving.written_bytes(), len(serving.log.read_text())
    n_recorded = serving.events.stat().st_size
    load(page, profile(OURS, 1, also="SECRETGENE-1,123.4567\n"), OURS[0])
    measured(page)
    saved(page, button(page, "download-shift"))
    visit_all(page)
    # Errors are the most probable cause of a name in the log.
    delete_data(page)
    another = a_file(f"{THEIRS[1]}.csv", f"gene,{THEIRS[0]}\nTP53,many\n".encode())
    open_page(page, "Workbench")
    drop_file(page, another)
    expect(page.get_by_text("could not be read").first).to_be_visible()
    for url in ("/_stcore/upload_file/x/y", f"/{OURS[0]}", f"/media/{THEIRS[1]}.csv", f"/sample?v=9&x={THEIRS[0]}"):
        page.request.put(serving.address + url, multipart={"file": another}, fail_on_status_code=False)
        page.request.get(serving.address + url, fail_on_status_code=False)

    assert serving.wrong() == []
    assert serving.peers() <= {LOOPBACK}
    log = serving.log.read_text()[n_logged:]
    # By Linux's own count, in whole pages: the log, the record itself, and nothing of the 400 kB of each upload.
    recorded = serving.events.stat().st_size - n_recorded
    assert serving.written_bytes() - before <= len(log) + recorded + 2 * 4096
    assert not any(word in log for word in (*OURS, *THEIRS, "SECRETGENE", "123.4567", "TP53", "many"))


@pytest.mark.thorough
def test_markup_in_names_is_shown_as_text(page: Page) -> None:
    # A dialog or a request of the picture would fail the test in `visitor`.
    names = (HOSTILE, SCRIPT.replace("/", "_"))
    load(page, profile(names, 1, also=f"{SCRIPT},5\n<b>BOLD</b>,7\n"), HOSTILE[:20])
    knock_out(page, "p53", "TP53")
    open_sample(page)
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    for _ in views(page):
        sound(page)
        assert page.locator("img[src='x'], b:text('BOLD')").count() == 0
        assert page.evaluate("[...document.scripts].filter(s => s.textContent.includes('alert(')).length") == 0


def test_a_download_is_deleted_with_its_sample(page: Page, server: str) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if "/media/" in request.url else None)
    load(page, profile(OURS, 1), OURS[0])
    measured(page)
    address = next(url for url in addresses if url.endswith(".csv"))
    assert page.request.get(address).status == 200
    # Without the cookie of a browser whose page offers it, nobody gets it.
    with pytest.raises(HTTPError, match="403"):
        urllib.request.urlopen(address)
    delete_data(page)
    assert page.request.get(address).status in (403, 404)
