"""The help page: small drawing code over the texts of the modules help_*."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cellstate.report import LIMITS
from cellstate.ui import help_cite, help_formats
from cellstate.ui.guard import guard
from cellstate.ui.help_figures import FIGURES, MARKS, PAGES, TOOLS, Figure
from cellstate.ui.help_glossary import GLOSSARY, search
from cellstate.ui.help_templates import TEMPLATES
from cellstate.ui.help_texts import KEYS, REACH, privacy
from cellstate.ui.parts import READABLE, heading
from cellstate.ui.resources import description, model, model_folder_name
from cellstate.ui.sign_in import signed_in_as
from cellstate.ui.text import literal, plural

#: Parts of the page; an address with ``?topic=Glossary`` opens one.
TOPICS = ("Files", "Figures", "Glossary", "Cite", "Privacy and limits", "Keyboard")
TOPIC = "topic"
#: A source or licence is cut beyond this.
_LONG = 600


def help_page() -> None:
    """Draw the help page."""
    heading("Help", "Which files are read, how to read what you see, what the words mean, and what is kept private.")
    draws = (_files, _figures, _glossary, _cite, _privacy_and_limits, _keyboard)
    for tab, topic, draw in zip(
        st.tabs(TOPICS, key=TOPIC, bind="query-params", on_change="rerun"), TOPICS, draws, strict=True
    ):
        # Only the open part is drawn: the others would be sent for nothing.
        if tab.open:
            with tab, guard(f"drawing the part “{topic}”"):
                draw()


def _files() -> None:
    st.header("What is read", anchor=False)
    st.markdown(
        "A file is known by what it holds, never by its name. :material/search: says what it is recognised by, "
        ":material/input: what is taken from it.",
        width=READABLE,
    )
    with st.grid(2, min_column_width=320):
        for one in help_formats.FORMATS:
            st.markdown(f"**{one.name}** {one.file}  \n:material/search: {one.by}  \n:material/input: {one.takes}")
    upload_mb = int(st.get_option("server.maxUploadSize"))
    for text in (help_formats.NAMES, help_formats.UNITS, help_formats.sizes(upload_mb), help_formats.NOT_READ):
        st.markdown(text, width=READABLE)
    st.header("Templates", anchor=False)
    st.markdown("The numbers are **made up**, and the file names say so: put your own in their place.", width=READABLE)
    with st.grid(3, min_column_width=280):
        for template in TEMPLATES:
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{template.name}**")
                st.caption(template.told)
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


def _figures() -> None:
    st.header("How to read each figure", anchor=False)
    for text in (MARKS, TOOLS):
        st.markdown(text, width=READABLE)
    for page, title in PAGES.items():
        st.subheader(title, anchor=False)
        for figure in (one for one in FIGURES if one.page == page):
            with st.expander(figure.name, icon=":material/insert_chart:"):
                _figure(figure)


def _figure(figure: Figure) -> None:
    st.markdown(
        f":material/visibility: {figure.shows}\n\n:material/search: **Look at**: {figure.look}\n\n"
        f":material/warning: **Beware**: {figure.beware}",
        width=READABLE,
    )
    st.page_link(f"pages/{figure.page}.py", label=f"Open {PAGES[figure.page]}", icon=":material/arrow_forward:")


def _glossary() -> None:
    st.header("Glossary", anchor=False)
    query = st.text_input(
        "Find a word",
        placeholder="R2, interaction, ceiling …",
        icon=":material/search:",
        type="search",
        live=True,
        key="glossary",
        width=360,
    )
    found = search(query or "")
    st.caption(
        f"{plural(len(found), 'word')} of {len(GLOSSARY):,}."
        if found
        else "No such word. Try a shorter one, or clear it."
    )
    for term in found:
        also = f" :gray[({', '.join(term.also)})]" if term.also else ""
        st.markdown(f"**{term.name}**{also}  \n{term.text}", width=READABLE)


def _cite() -> None:
    st.header("How to cite", anchor=False)
    opened = model()
    about = description(opened, str(opened.folder))
    cited = help_cite.Cited(model_folder_name(), about["sha256"])
    st.markdown("The software with the model that answers you:")
    st.code(help_cite.citation(cited), language=None, wrap_lines=True)
    st.code(help_cite.bibtex(cited), language=None, wrap_lines=True)
    st.markdown(help_cite.SAY, width=READABLE)
    if found := help_cite.sources(opened.metrics):
        st.subheader("Data behind this model", anchor=False)
        st.markdown("\n".join(f"- {literal(text, _LONG)}" for text in found), width=READABLE)
    st.subheader("The poster", anchor=False)
    st.markdown(help_cite.poster(about["n_parameters"]), width=READABLE)


def _privacy_and_limits() -> None:
    st.header("Privacy", anchor=False)
    told = privacy(int(st.get_option("server.disconnectedSessionTTL")), bool(signed_in_as()))
    st.markdown("\n".join(f"- {text}" for text in told), width=READABLE)
    st.header("Limits", anchor=False)
    st.markdown(LIMITS, width=READABLE)
    st.page_link("pages/quality.py", label="Everything that was measured", icon=":material/fact_check:")


def _keyboard() -> None:
    st.header("Keyboard", anchor=False)
    st.markdown(REACH, width=READABLE)
    table = pd.DataFrame(KEYS, columns=["Keys", "What they do"])
    with st.container(width=READABLE):
        st.table(table, hide_index=True, border="horizontal", alt="Keys and what they do")
