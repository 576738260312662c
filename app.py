"""The web app: `streamlit run app.py`. The server that it starts, the navigation of each page, and nothing else."""

import streamlit as st

if __name__ == "__main__":
    from cellstate.ui.components.shell import ICON, draw
    from cellstate.ui.runtime.sign_in import is_let_in

    st.set_page_config(page_title="CellState", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    draw(
        st.navigation(
            [
                st.Page("pages/home.py", title="Home", icon=":material/home:", url_path="home", default=True),
                st.Page("pages/sample.py", title="Sample", icon=":material/person:", url_path="sample"),
                st.Page("pages/perturb.py", title="Perturb", icon=":material/edit:", url_path="perturb"),
                st.Page("pages/regulators.py", title="Regulators", icon=":material/hub:", url_path="regulators"),
                st.Page("pages/accuracy.py", title="Accuracy", icon=":material/target:", url_path="accuracy"),
                st.Page("pages/experiment.py", title="Experiment", icon=":material/compare:", url_path="experiment"),
                st.Page(
                    "pages/quality.py", title="How good is this?", icon=":material/fact_check:", url_path="quality"
                ),
                st.Page("pages/model.py", title="Model", icon=":material/network_node:", url_path="model"),
                st.Page("pages/help.py", title="Help", icon=":material/help:", url_path="help"),
            ],
            position="top" if is_let_in() else "hidden",
        )
    )
else:
    from cellstate.ui.runtime.server import begun

    app = st.App(__file__, lifespan=begun)
