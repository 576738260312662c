"""Two buttons below a figure that save it as SVG or PNG: made in the browser, so nothing leaves it.

Plotly's own toolbar offers one form only and shows when a mouse is over it. These buttons are always there, can be
reached with the keyboard, and ask the same plotly for either form.
"""

from __future__ import annotations

import streamlit as st

#: Pixels of a PNG for each pixel of the page: sharp on a slide and in print.
PNG_SCALE = 3
#: Begins the key of the container that holds a figure and its buttons.
FRAME = "figure-"

_HTML = """
<button type="button" data-form="svg">SVG</button>
<button type="button" data-form="png">PNG</button>
"""
_CSS = """
:host { display: block; }
button {
  padding: 0.1rem 0.5rem;
  border: 1px solid var(--st-widget-border-color, var(--st-border-color));
  border-radius: var(--st-button-radius);
  background: transparent;
  color: var(--st-text-color);
  font: 0.75rem var(--st-font);
  line-height: 1.5;
  cursor: pointer;
}
button:hover { border-color: var(--st-primary-color); color: var(--st-link-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
"""
# The figure's own toolbar button does the work; only its options are other ones for the time of the click.
_JS = """
export default function ({ data, parentElement }) {
  const frame = (parentElement.host ?? parentElement).closest('[class*="st-key-' + data.frame + '"]')
  for (const button of parentElement.querySelectorAll("button")) {
    const form = button.dataset.form
    button.setAttribute("aria-label", form.toUpperCase() + ": save the figure " + data.title)
    button.title = "Save this figure as " + form.toUpperCase()
    button.onclick = () => {
      const plot = frame?.querySelector(".js-plotly-plot")
      const camera = plot?._fullLayout?._modeBar?.buttons?.flat().find((one) => one.name === "toImage")
      if (!camera) return
      const usual = plot._context.toImageButtonOptions
      plot._context.toImageButtonOptions = {
        format: form,
        filename: data.name,
        scale: form === "png" ? data.scale : 1,
      }
      camera.click(plot)
      plot._context.toImageButtonOptions = usual
    }
  }
}
"""
_BUTTONS = st.components.v2.component("cellstate_figure_files", html=_HTML, css=_CSS, js=_JS)


def figure_files(key: str, title: str, name: str) -> None:
    """Draw the buttons of a figure.

    Parameters
    ----------
    key : str
        The figure's. Figure and buttons stand together in a container whose key is `FRAME` and this one.
    title : str
        What the figure is called, for screen readers.
    name : str
        Of the files, without an ending.
    """
    _BUTTONS(
        key=f"files-{key}",
        data={"frame": FRAME, "title": title, "name": name, "scale": PNG_SCALE},
        width="content",
    )
