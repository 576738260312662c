"""What axe-core finds wrong with a page for people who use it in other ways than by sight and mouse."""

from __future__ import annotations

from dataclasses import dataclass

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: Findings of these weights fail a test.
GRAVE = ("serious", "critical")


@dataclass(frozen=True)
class Known:
    """A finding inside one of Streamlit's own widgets, which this project cannot change.

    Attributes
    ----------
    rule : str
        axe's name of the rule.
    part : str
        What the selector of the finding's element must hold.
    reason : str
    """

    rule: str
    part: str
    reason: str


#: As narrow as possible: one rule, one part of one widget.
EXCEPTIONS: tuple[Known, ...] = ()


def grave_findings(page: Page) -> list[str]:
    """Return the serious and critical findings on a page, one line each: rule, selector, what axe says."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} {' '.join(map(str, node['target']))}: {node['html'][:160]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
        if not _is_excepted(rule["id"], node)
    ]


def _is_excepted(rule: str, node: dict) -> bool:
    where = " ".join(map(str, node["target"])) + node["html"]
    return any(known.rule == rule and known.part in where for known in EXCEPTIONS)
