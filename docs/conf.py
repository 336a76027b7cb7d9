"""The web site, `make docs`: the pages of this directory, the notebooks with their stored outputs, the docstrings.

The whole repository is the source, so links between README, docs and notebooks are the same here as on a code
hosting site. `include_patterns` says which files become pages. Nothing is run, and nothing is fetched from a network.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The docstrings are those of the sources, which need no compiler. This must be set before pmemobj is imported.
os.environ["PMEMOBJ_PURE"] = "1"
DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_site")]

project = "pmemobj"
author = copyright = "The pmemobj authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "made_pages"]

root_doc = "docs/index"
include_patterns = [
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("notebooks/*.ipynb", "notebooks/scripts/README.md"),
    *("docs/*.md", "docs/design/*.md", "docs/howto/*.md", "docs/reference/*.md"),
]
# These directories are not searched at all.
exclude_patterns = [
    *(".*", "build", "dist", "**/.ipynb_checkpoints"),
    *("pmemobj", "pmemobj_magics", "benchmarks", "tests", "tools"),
]

myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "off"
# The notebooks are stored without the state of their widgets, so the HTML beside a widget is shown. The scripts that
# show widgets would be fetched from a network.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

default_role = "py:obj"  # single backticks in docstrings become a link, if there is a target
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__"}
napoleon_custom_sections = ["Durability", "Cost", "C function", "C functions"]
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 90
add_module_names = False

html_theme = "furo"
html_title = "pmemobj"
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "footer_icons": [],
    "light_css_variables": {"color-brand-primary": "#1d5fa8", "color-brand-content": "#1d5fa8"},
    "dark_css_variables": {"color-brand-primary": "#7db4f0", "color-brand-content": "#7db4f0"},
}
pygments_style, pygments_dark_style = "default", "github-dark"
