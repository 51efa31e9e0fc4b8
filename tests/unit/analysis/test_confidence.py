"""Confidence: what an answer's probability says, over options and of the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from m1flow.analysis.confidence import option_confidence


def test_confidence_over_options_is_a_softmax():
    logprobs = pd.Series([[-1.0, -1.0], [-3.0, -3.0, -3.0 + np.log(2)], None, [0.0, 0.0], [-np.inf, -1.0]])
    sure, mass = option_confidence(logprobs, np.array([1, 2, 0, -1, 1]))
    assert sure[:2].tolist() == pytest.approx([0.5, 0.5]) and np.isnan(sure[2:4]).all() and sure[4] == 1
    assert mass[[0, 1, 4]].tolist() == pytest.approx([2 * np.exp(-1), 4 * np.exp(-3), np.exp(-1)])
    assert np.isnan(mass[2:4]).all()
