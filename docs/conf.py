# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration: pages in Markdown, the reference from the headers' comments."""

import pathlib
import re

root = pathlib.Path(__file__).resolve().parent.parent
header = (root / "include/royong/version.hpp").read_text()

project = "royong"
author = "the royong authors"
release = ".".join(re.findall(r"#define ROYONG_VERSION_\w+ (\d+)", header))

extensions = ["breathe", "myst_parser"]
breathe_projects = {"royong": str(root / "build/docs/xml")}
breathe_default_project = "royong"
breathe_default_members = ("members", "undoc-members")

html_theme = "furo"
html_title = f"royong {release}"
myst_heading_anchors = 3
suppress_warnings = ["ref.myst"]  # the README's links to its neighbours
primary_domain = "cpp"
highlight_language = "cpp"
