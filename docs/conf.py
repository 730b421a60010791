"""Settings of Sphinx: ``make docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fitting
import qposer

for package in (qposer, fitting):  # autodoc lists what a module has, and these names are loaded when they are used
    for name in package.__all__:
        setattr(package, name, getattr(package, name))

project = "QPoser"
author = copyright = "The QPoser developers"
version = release = qposer.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md"]  # the list of documents where they are read without Sphinx
html_theme = "furo"
html_title = f"QPoser {release}"

myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # pages of results may skip a level

default_role = "literal"  # docstrings mark names with single backticks
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
