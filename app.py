"""The web app's pages: `cellstate app`, `make run` or `streamlit run app.py` serves them."""

import streamlit as st

from cellstate.ui.components.shell import ICON, draw, menu_position, old_addresses

PAGES = [
    st.Page("pages/home.py", title="Home", icon=":material/home:", url_path="start", default=True),
    st.Page("pages/workbench.py", title="Workbench", icon=":material/science:"),
    st.Page("pages/candidates.py", title="Candidates", icon=":material/hub:"),
    st.Page("pages/validate.py", title="Validate", icon=":material/compare:"),
    st.Page("pages/evidence.py", title="Evidence", icon=":material/fact_check:"),
    st.Page("pages/help.py", title="Help", icon=":material/help:"),
]

st.set_page_config(page_title="CellState", page_icon=ICON, layout="wide")
draw(st.navigation([*PAGES, *old_addresses()], position=menu_position()))
