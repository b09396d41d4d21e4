"""Sphinx settings: MyST markdown, the furo theme, warnings are errors (`make docs`)."""

project = "paceline"
author = "the paceline authors"
copyright = "the paceline authors, Apache-2.0"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "plots", "**/README.md"]
nitpicky = True

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "paceline"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
