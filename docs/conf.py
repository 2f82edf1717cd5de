"""How Sphinx makes HTML of these pages, which are plain Markdown for the forge, too.

``make docs`` builds them; every warning is an error, so that no link leads nowhere. The
table of contents is what ``README.md`` lists: no page holds a directive of Sphinx.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

DOCS = Path(__file__).parent
PROJECT = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]

project = "recorder"
author = "the authors of recorder"
release = PROJECT["version"]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "README"
exclude_patterns = ["requirements.txt", "examples"]
nitpicky = True

myst_heading_anchors = 4
"""Headings have the anchors that the forge gives them."""

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {release}"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_copy_source = False
html_show_sourcelink = False

_ITEM = re.compile(r"\]\(([\w./-]+)\.md\)")


def contents(text: str) -> str:
    """Tables of contents, one for each list of the first page, under its title."""
    titles = re.split(r"^(\w+):$", text, flags=re.MULTILINE)[1:]
    trees = []
    for title, items in zip(titles[::2], titles[1::2], strict=True):
        if pages := _ITEM.findall(items):
            head = ["```{toctree}", ":hidden:", f":caption: {title}", ""]
            trees.append("\n".join([*head, *pages, "```"]))
    return "\n\n".join(trees)


def add_contents(_app: Any, page: str, source: list[str]) -> None:
    """Append them where Sphinx reads the first page."""
    if page == root_doc:
        source[0] += "\n" + contents(source[0])


def setup(app: Any) -> None:
    """What Sphinx is told beyond settings."""
    app.connect("source-read", add_contents)
    # Pygments has no such language; the forge draws these, here they are text.
    app.add_lexer("mermaid", TextLexer)
