"""Samples as the explorer packs them."""

from __future__ import annotations


def cells_of(sample: dict) -> list:
    """A sample's cells; 0 stands for the one before."""
    cells = []
    for cell in sample["c"]:
        cells.append(cells[-1] if cell == 0 else cell)
    return cells
