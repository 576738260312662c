"""The report: whole in one file, silent, closed to code, and about nobody unless the user wants it."""

from __future__ import annotations

import base64
import hashlib
import json
from html.parser import HTMLParser

import pandas as pd
import pytest

from cellstate.report.html import Report, marked, render
from cellstate.report.html_prediction import prediction_report
from cellstate.report.html_search import goal_in_words, search_report
from cellstate.report.provenance import provenance
from cellstate.report.sections import Section
from cellstate.viz.search import screen_bars
from tests.unit.report.conftest import NASTY

LARGEST_BYTES = 6_000_000


class Page(HTMLParser):
    """What a browser would make of a report: tags, attributes, scripts and words."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[tuple[dict, str]] = []
        self.words = ""
        self.policy = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"] or ""

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and self.cdata_elem == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        else:
            self.words += data


@pytest.fixture(scope="module")
def prediction_page(answer, source, small_model) -> dict[bool, bytes]:
    """The report with and without the sample's name."""
    made = provenance(small_model)
    return {
        named: render(prediction_report(answer, source, made, small_model.record, named=named, on="2026-01-31"))
        for named in (True, False)
    }


def test_one_file_of_limited_size_without_requests(prediction_page) -> None:
    page = Page(prediction_page[True])
    assert len(prediction_page[True]) <= LARGEST_BYTES
    assert {"img", "link", "iframe", "object", "base", "form"}.isdisjoint(page.tags)
    assert [value for name, value in page.attributes if name in ("src", "srcset", "action", "data")] == []
    assert all(str(value).startswith("https://") for name, value in page.attributes if name == "href")
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_only_the_two_scripts_that_the_policy_names_may_run(prediction_page) -> None:
    page = Page(prediction_page[True])
    run = [text for attributes, text in page.scripts if not attributes]
    sums = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in run]
    assert len(run) == 2 and f"script-src {' '.join(sums)};" in page.policy
    assert page.policy.startswith("default-src 'none'; ") and "unsafe-eval" not in page.policy
    assert "'unsafe-inline'" not in page.policy.split("script-src ")[1].split(";")[0] and "http" not in page.policy


def test_figures_are_data_and_their_toolbar_sends_nothing(prediction_page) -> None:
    held = [json.loads(text) for attributes, text in Page(prediction_page[True]).scripts if attributes]
    assert len(held) == 2 and all(figure["data"] for figure in held)
    for figure in held:
        assert figure["config"]["showSendToCloud"] is False
        assert "sendChartToCloud" in figure["config"]["modeBarButtonsToRemove"]


def test_names_that_are_markup_are_shown_as_text(prediction_page) -> None:
    page = Page(prediction_page[True])
    assert NASTY in page.words
    assert sum(not attributes for attributes, _ in page.scripts) == 2
    assert b"<img" not in prediction_page[True].split(b"<script>")[0]


def test_names_are_left_out_by_default(prediction_page, source) -> None:
    named, nameless = (Page(prediction_page[key]) for key in (True, False))
    for words in (NASTY, source.name):
        assert words in named.words and words not in nameless.words
    assert (
        b"alert(" not in prediction_page[False].split(b"<script>")[0] and b"Patient-File" not in prediction_page[False]
    )


def test_the_report_holds_every_part(prediction_page, answer, source, small_model) -> None:
    words = Page(prediction_page[False]).words
    made = provenance(small_model)
    for what in ("Hypothesis", "research use only", "Limits", "Other methods"):
        assert what in words
    for value in (*answer.perturbations, source.sha256, *made.files.values(), *made.versions.values(), "2026-01-31"):
        assert value in words
    rest = answer.table[~answer.table["is_perturbed"]]
    assert {"model.safetensors", "baselines.safetensors"} <= set(made.files)
    assert (
        f"{rest['log2_fold_change'].abs().max():.2g} log2" in words
        and "PCA" in words
        and answer.before.sentence in words
    )


def test_the_checksum_is_that_of_the_command_lines_table(prediction_page, answer) -> None:
    from cellstate.io import to_csv

    assert hashlib.sha256(to_csv(answer.table).encode()).hexdigest() in Page(prediction_page[False]).words


def test_marks_of_markdown_and_nothing_else() -> None:
    assert marked("**a** and *b*, `c*d*`\n\n- one\n- <two>") == (
        "<p><strong>a</strong> and <em>b</em>, <code>c*d*</code></p>\n<ul><li>one</li><li>&lt;two&gt;</li></ul>"
    )
    assert marked("[x](https://a.org/b) [y](javascript:alert)") == (
        '<p><a href="https://a.org/b" rel="noreferrer">x</a> [y](javascript:alert)</p>'
    )
    assert marked(r"HLA\-A \*\*no\*\* \<b\> \&") == "<p>HLA&#45;A &#42;&#42;no&#42;&#42; &lt;b&gt; &amp;</p>"


def test_columns_of_numbers_stand_flush_right() -> None:
    table = pd.DataFrame({"gene": ["A", "<B>"], "x": ["+1.5", "–"], "sum": ["f" * 64, "x"]})
    html = render(Report("T", [], [Section("a", "A", "text", table)])).decode()
    assert html.count('class="n"') == 3 and html.count('class="x"') == 1 and "&lt;B&gt;" in html


def test_without_figures_there_is_no_script() -> None:
    page = Page(render(Report("T", [], [Section("a", "A", "text")])))
    assert page.scripts == [] and "script-src 'none'" in page.policy


def test_the_report_of_a_search_names_a_reference_only_with_names(small_model, source) -> None:
    from cellstate.io import read_samples
    from cellstate.perturb.sample import prepare_sample
    from cellstate.perturb.search.goal import toward_goal
    from cellstate.perturb.search.single import screen

    samples = read_samples(source.data, options=source.overrides)
    patient = prepare_sample(small_model, samples.take([1]))
    goal = toward_goal(
        patient, samples.take([0]), spec="toward:Ref.tsv#Quiet-Name", label="toward Quiet-Name of Ref.tsv"
    )
    found = screen(patient, goal)
    charts = [screen_bars(found.table.assign(name=found.table["gene"]), "", [])]
    for named in (True, False):
        report = search_report(
            "screen", goal, "all genes", "**Said.**", found.table, charts,
            source=source, made=provenance(small_model), record=small_model.record, named=named,
        )  # fmt: skip
        assert (b"Quiet-Name" in render(report)) is named
    assert goal_in_words(goal, named=True).startswith("toward Quiet-Name of Ref.tsv (")


@pytest.mark.browser
def test_it_opens_offline_and_draws(prediction_page, chromium, tmp_path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(prediction_page[True])
    context = chromium.new_context(offline=True, viewport={"width": 1440, "height": 900})
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('figure .main-svg').length >= 2")
    assert page.locator("dd").first.inner_text() == " ".join(NASTY.split())
    assert page.locator("text=Upload to").count() == 0
    # What a name might do if it ever got into the page as markup.
    page.evaluate(
        "() => { const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s) }"
    )
    assert page.evaluate("() => window.ran") is None
    assert len(page.pdf(prefer_css_page_size=True)) > 50_000
    context.close()
    assert asked == [path.as_uri()]
    assert [text for text in said if "Content Security Policy" not in text] == []
