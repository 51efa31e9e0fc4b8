"""What each figure shows, in the words of its module: captions for Snakemake's own report."""

from __future__ import annotations

import ast

from m1flow.study.seams.figures import FIGURES


def figure_captions() -> dict[str, str]:
    """The docstring of each figure's module, by the figure's name; no module is imported."""
    texts = {name: FIGURES.file(name).read_text(encoding="utf-8") for name in FIGURES.names()}
    return {name: ast.get_docstring(ast.parse(text)) or "" for name, text in texts.items()}
