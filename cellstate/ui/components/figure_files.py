"""Buttons below a figure: save it as SVG or PNG, copy its legend. Made in the browser, so nothing leaves it.

The figure's own toolbar offers one format only and appears under the mouse. These buttons are always visible, can be
reached with the keyboard, and save figures of plotly and of Vega-Lite in both formats.
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
<button type="button" class="legend">Legend</button>
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
# A figure of plotly is saved by its own toolbar button, with other options during the click; one of Vega-Lite is an SVG
# element of the page.
_JS = """
function save(url, name) {
  const link = Object.assign(document.createElement("a"), { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
function saveVega(drawn, form, data) {
  const { width, height } = drawn.getBoundingClientRect()
  const background = getComputedStyle(document.querySelector(".stApp") ?? document.body).backgroundColor
  const copy = drawn.cloneNode(true)
  copy.setAttribute("width", width)
  copy.setAttribute("height", height)
  copy.style.background = background
  const url = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }))
  if (form === "svg") return save(url, data.name + ".svg")
  const image = new Image()
  image.onload = () => {
    const canvas = Object.assign(document.createElement("canvas"), {
      width: Math.round(width * data.scale),
      height: Math.round(height * data.scale),
    })
    const context = canvas.getContext("2d")
    context.fillStyle = background
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.drawImage(image, 0, 0, canvas.width, canvas.height)
    URL.revokeObjectURL(url)
    canvas.toBlob((made) => save(URL.createObjectURL(made), data.name + ".png"))
  }
  image.src = url
}
async function copy(text) {
  // Browsers offer the clipboard to encrypted pages and on this machine; elsewhere an older way still works.
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }))
  area.select()
  document.execCommand("copy")
  area.remove()
}
export default function ({ data, parentElement }) {
  const frame = (parentElement.host ?? parentElement).closest('[class*="st-key-' + data.frame + '"]')
  const copier = parentElement.querySelector(".legend")
  copier.hidden = !data.legend
  copier.setAttribute("aria-label", "Legend: copy the legend of the figure " + data.title)
  copier.title = "Copy the legend of this figure: " + data.legend
  copier.onclick = async () => {
    await copy(data.legend)
    copier.textContent = "Copied"
    setTimeout(() => { copier.textContent = "Legend" }, 2_000)
  }
  for (const button of parentElement.querySelectorAll("button[data-form]")) {
    const form = button.dataset.form
    button.setAttribute("aria-label", form.toUpperCase() + ": save the figure " + data.title)
    button.title = "Save this figure as " + form.toUpperCase()
    button.onclick = () => {
      const drawn = frame?.querySelector("svg.marks")
      if (drawn) return saveVega(drawn, form, data)
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


def figure_files(key: str, title: str, name: str, legend: str = "") -> None:
    """Draw the buttons of a figure.

    Parameters
    ----------
    key : str
        The figure's. Figure and buttons stand together in a container whose key is `FRAME` and this one.
    title : str
        What the figure is called, for screen readers.
    name : str
        Of the files, without an ending.
    legend : str
        Plain text; without it there is nothing to copy.
    """
    _BUTTONS(
        key=f"files-{key}",
        data={"frame": FRAME, "title": title, "name": name, "scale": PNG_SCALE, "legend": legend},
        width="content",
    )
