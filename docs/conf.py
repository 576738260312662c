"""Settings of the documentation site: ``make docs`` builds it, without a network, and a warning is an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cellstate import __version__

project = "CellState"
author = "CellState contributors"
copyright = "CellState contributors, Apache-2.0. For research use only"
version = release = __version__

extensions = [
    "docs.site",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "conf.py", "site", "requirements.txt"]

# Pages are Markdown; tutorials are py:percent scripts, which docs.site.notebooks executes.
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 4
nb_custom_formats = {".py": ["docs.site.notebooks.read_for_site", {}]}
nb_execution_mode = "off"

# A signature names types that are imported for type checkers only, so it is shown as it is written.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "py:obj"
add_module_names = False
toc_object_entries = False

html_theme = "pydata_sphinx_theme"
html_title = "CellState"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "../cellstate/ui/components/icon.svg"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "CellState", "image_light": "../cellstate/ui/components/icon.svg"}
    | {"image_dark": "../cellstate/ui/components/icon.svg"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 7,
    "show_nav_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars: dict[str, list[str]] = {"start": [], "faq": [], "glossary": []}
copybutton_prompt_text = "$ "
