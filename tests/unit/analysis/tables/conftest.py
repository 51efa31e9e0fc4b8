"""What the tests of policies share: both tables of a study."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.hand_made import made_grid
from m1flow.analysis.tables.matched import matched_table
from m1flow.analysis.tables.policies import policies_table


@pytest.fixture(scope="module")
def tables():
    """Two benchmarks, three samples, forced extensions."""
    rng = np.random.default_rng(0)
    cells = [(10, 0), (20, 0), (40, 0), (40, 1), (40, 2)]
    grids = []
    for name, skill in (("b", 0.5), ("c", 0.8)):
        right = rng.random((60, 3, 5)) < skill * np.array([0.4, 0.7, 1, 0.9, 0.8])
        chosen = np.where(right, 0, rng.integers(1, 4, right.shape))
        thinking = np.minimum(rng.integers(5, 40, (60, 3, 1)) + np.array([0, 0, 0, 6, 12]), [10, 20, 40, 40, 40])
        grids.append(
            made_grid(chosen, cells=cells, thinking=thinking, logprob=-rng.random(chosen.shape), benchmark=name)
        )
    return grids, policies_table(grids), matched_table(grids)
