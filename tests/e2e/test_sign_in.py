"""Sign-in by OpenID Connect, with a provider on this machine: in, out, and no other browser in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.oidc import NAME, provider
from tests.e2e.serving import serve
from tests.e2e.steps import PAGES, PATIENCE_MS, press, settle, strip, try_example

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_a_user_signs_in_and_out(start_chromium: Callable[..., Browser], tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    with provider() as secrets, serve(tmp_path, secrets) as server:
        browser = start_chromium()
        one, other = (browser.new_context().new_page() for _ in range(2))
        for page in (one, other):
            page.set_default_timeout(PATIENCE_MS)
            page.goto(f"{server.address}/workbench")
            expect(page.get_by_text("Sign in to use this server")).to_be_visible()
            expect(page.get_by_test_id("stTopNavLink")).to_have_count(0)
        press(one.get_by_role("button", name="Sign in"))
        expect(one.get_by_role("heading", level=1)).to_contain_text(PAGES["Home"])
        out = one.get_by_role("button", name=f"Sign out {NAME}")
        expect(out).to_be_visible()
        try_example(one)
        # Another browser is another visitor.
        other.reload()
        expect(other.get_by_text("Sign in to use this server")).to_be_visible()
        press(out)
        expect(one.get_by_text("Sign in to use this server")).to_be_visible()
        press(one.get_by_role("button", name="Sign in"))
        settle(one)
        expect(strip(one)).to_contain_text("No sample")
        browser.close()
