"""Answers of cells, made column by column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from m1flow.sweep.grids import Grid

RIGHT, WRONG = 0, 1


def named(model: str, grid: Grid) -> Grid:
    return replace(grid, model=model)


def column(*parts: tuple[int, int]) -> np.ndarray:
    """Answers of one cell, one sample: (answer, how often) after another."""
    return np.concatenate([np.full(times, answer) for answer, times in parts])


def cells(*columns: np.ndarray) -> np.ndarray:
    return np.stack(columns, axis=-1)[:, None, :]
