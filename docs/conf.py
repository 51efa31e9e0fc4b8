"""Settings of Sphinx, which builds the documentation into a site: `make site`."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
[REPOSITORY] = re.findall(r'^repository-code: "?([^"\n]+)', (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)

project = "m1flow"
extensions = ["myst_parser", "sphinxcontrib.mermaid"]
root_doc = "README"
exclude_patterns = ["_build"]
html_theme = "furo"
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
linkcheck_anchors = False


def read_source(app, name: str, source: list[str]) -> None:
    """Fit a page, which is written to be read in the repository as well, to the site.

    Links to files outside docs/ lead to the repository, and the index has all pages in the site's navigation.
    """
    page = DOCS / f"{name}.md"

    def outside(link: re.Match[str]) -> str:
        target = (page.parent / link[1]).resolve()
        if target.is_relative_to(DOCS):
            return link[0]
        return f"]({REPOSITORY}/blob/main/{target.relative_to(ROOT)}{link[2]})"

    source[0] = re.sub(r"\]\((?!\w+:)([^)#\s]+)((?:#[^)\s]+)?)\)", outside, source[0])
    if name == root_doc:
        shelves = re.findall(r"^## ([^:\n]+).*\n((?:(?!## ).*\n?)+)", source[0], re.MULTILINE)
        for title, text in shelves:
            pages = re.findall(r"\[([^\]]+)\]\(((?!\w+:)[^)#]+)\.md\)", text)
            lines = "\n".join(f"{label} <{path}>" for label, path in pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{lines}\n```\n"


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("source-read", read_source)
