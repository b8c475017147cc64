"""How Sphinx builds the documentation; see ``tests/docsite/__main__.py``, which calls it."""

from pathlib import Path

import yaml

project = "kubesphere.multicluster"
author = "The kubesphere.multicluster authors"
version = release = yaml.safe_load((Path(__file__).parents[2] / "galaxy.yml").read_text())["version"]

extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/ansible/latest/", "ansible.inv")}
"""Its labels that are used are in a file, so that nobody on the network is asked."""

myst_heading_anchors = 4
default_role = "any"
highlight_language = "YAML+Jinja"
suppress_warnings = ["misc.highlighting_failure"]  # outputs with … in them are no console's, and no YAML

html_theme = "sphinx_ansible_theme"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = f"kubesphere.multicluster {version}"
html_show_copyright = False
html_theme_options = {
    "display_version": True,
    "topbar_links": {},
    "vcs_pageview_mode": "blob",
}
html_use_smartypants = False
smartquotes = False
