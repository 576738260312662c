"""The help page: layout of the texts in content/."""

from __future__ import annotations

import streamlit as st

from cellstate.expression.reading import MAX_SAMPLES
from cellstate.expression.units import MEASURES
from cellstate.formatting import escape_markdown, plural
from cellstate.io.source import MAX_BYTES
from cellstate.perturb.sample import FEWEST_GENES
from cellstate.report.narrative.evidence import LIMITS, source_sentence
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import READABLE
from cellstate.ui.help import cite
from cellstate.ui.help.content import Section, markdown, sections
from cellstate.ui.help.glossary import GLOSSARY, search
from cellstate.ui.help.templates import TEMPLATES
from cellstate.ui.runtime.resources import description, model, model_folder_name
from cellstate.ui.runtime.sign_in import signed_in_as
from cellstate.viz.style import LOOKS

#: Parts of the page; an address with ``?topic=Glossary`` opens one.
TOPICS = ("Files", "Figures", "Glossary", "Cite", "Privacy and limits", "Keyboard")
TOPIC = "topic"
#: Pages that draw figures, in the order of the menu, with their titles.
PAGES = {"workbench": "Workbench", "candidates": "Candidates", "validate": "Validate", "evidence": "Evidence"}
#: Symbols whose names in plotly are not plain English.
_SYMBOLS = {"circle-open": "open circle", "triangle-up": "triangle", "triangle-down": "inverted triangle", "x": "×"}
#: Characters of a source or licence.
_MAX_SOURCE = 600


def help_page() -> None:
    """Draw the help page."""
    draws = (_files, _figures, _glossary, _cite, _privacy_and_limits, _keyboard)
    for tab, topic, draw in zip(
        st.tabs(TOPICS, key=TOPIC, bind="query-params", on_change="rerun"), TOPICS, draws, strict=True
    ):
        # Only the open part is drawn, so only that part is sent to the browser.
        if tab.open:
            with tab, error_boundary(f"drawing the part “{topic}”"):
                draw()


def _files() -> None:
    st.header("Supported files", anchor=False)
    st.markdown(
        "A file is recognised by its content, never by its name. :material/search: marks what it is recognised by, "
        ":material/input: what is read.",
        width=READABLE,
    )
    with st.grid(2, min_column_width=320):
        for one in sections("formats"):
            st.markdown(
                f"**{one.title}** {one.fields['Files']}  \n:material/search: {one.fields['Recognised by']}  \n"
                f":material/input: {one.fields['Read']}"
            )
    st.markdown(markdown("files", **file_limits()), width=READABLE)
    st.header("Templates", anchor=False)
    st.markdown("The numbers are **made up**, and the file names say so: replace them by your own.", width=READABLE)
    with st.grid(3, min_column_width=280):
        for template in TEMPLATES:
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{template.name}**")
                st.caption(template.note)
                st.download_button(
                    "Download",
                    template.make,
                    file_name=template.file_name,
                    mime=template.mime,
                    icon=":material/download:",
                    key=f"template-{template.file_name}",
                    on_click="ignore",
                    help=template.file_name,
                )


def file_limits() -> dict[str, str]:
    """Return the values of the placeholders in content/files.md."""
    return {
        "measures": ", ".join(f"`{one}`" for one in MEASURES),
        "upload_mb": f"{int(st.get_option('server.maxUploadSize')):,}",
        "unpacked_gb": f"{MAX_BYTES / 1e9:g}",
        "max_samples": f"{MAX_SAMPLES:,}",
        "fewest_genes": f"{FEWEST_GENES:,}",
    }


def figure_colours() -> str:
    """Return each prediction method with its symbol, as content/figure_tools.md lists them."""
    return ", ".join(f"{one.label} ({_SYMBOLS.get(one.symbol, one.symbol)})" for one in LOOKS.values())


def _figures() -> None:
    st.header("How to read each figure", anchor=False)
    st.markdown(markdown("figure_tools", colours=figure_colours()), width=READABLE)
    figures = sections("figures")
    for page, title in PAGES.items():
        st.subheader(title, anchor=False)
        for figure in (one for one in figures if one.fields["Page"] == page):
            with st.expander(figure.title, icon=":material/insert_chart:", width=READABLE):
                _figure(figure)
                st.page_link(f"pages/{page}.py", label=f"Open {title}", icon=":material/arrow_forward:")


def _figure(figure: Section) -> None:
    st.markdown(
        f":material/visibility: {figure.fields['Shows']}\n\n:material/search: **Look at**: {figure.fields['Look at']}"
        f"\n\n:material/warning: **Beware**: {figure.fields['Beware']}",
        width=READABLE,
    )


def _glossary() -> None:
    st.header("Glossary", anchor=False)
    query = st.text_input(
        "Find a term",
        placeholder="R2, interaction, ceiling …",
        icon=":material/search:",
        type="search",
        live=True,
        key="glossary",
        width=360,
    )
    found = search(query or "")
    st.caption(
        f"{plural(len(found), 'term')} of {len(GLOSSARY):,}."
        if found
        else "No such term. Try a shorter one, or clear it."
    )
    for term in found:
        also = f" :gray[({', '.join(term.also)})]" if term.also else ""
        st.markdown(f"**{term.name}**{also}  \n{term.text}", width=READABLE)


def _cite() -> None:
    st.header("How to cite", anchor=False)
    opened = model()
    about = description(opened, str(opened.folder))
    texts = cite.texts(model_folder_name(), about["sha256"], about["n_parameters"])
    st.markdown("The software with the current model:")
    for part in ("citation", "bibtex"):
        st.code(texts[part], language=None, wrap_lines=True)
    st.markdown(texts["text"], width=READABLE)
    if opened.record.sources:
        st.subheader("Training data of this model", anchor=False)
        lines = [f"- {escape_markdown(source_sentence(one), _MAX_SOURCE)}" for one in opened.record.sources]
        st.markdown("\n".join(lines), width=READABLE)
    st.subheader("The poster", anchor=False)
    st.markdown(texts["poster"], width=READABLE)


def _privacy_and_limits() -> None:
    st.header("Privacy", anchor=False)
    seconds = int(st.get_option("server.disconnectedSessionTTL"))
    st.markdown(privacy(seconds, signed_in=bool(signed_in_as())), width=READABLE)
    st.header("Limits", anchor=False)
    st.markdown(LIMITS, width=READABLE)
    st.page_link("pages/evidence.py", label="All evidence", icon=":material/fact_check:")


def privacy(seconds: int, *, signed_in: bool) -> str:
    """Return the statement on a user's data, as Markdown.

    Parameters
    ----------
    seconds : int
        How long a session outlives its closed browser tab.
    signed_in : bool
        Whether this server asks its users to sign in.
    """
    variants = {one.title: one.text for one in sections("sign_in")}
    return markdown("privacy", time=_duration(seconds), sign_in=variants["required" if signed_in else "none"])


def _duration(seconds: int) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds} seconds"


def _keyboard() -> None:
    st.header("Keyboard", anchor=False)
    st.markdown(markdown("keyboard"), width=READABLE)
