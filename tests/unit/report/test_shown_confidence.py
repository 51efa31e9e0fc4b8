"""Confidence that is shown: over options only where a model would state one."""

from __future__ import annotations

import pandas as pd

from m1flow.report import shown_confidence


def test_options_that_a_model_would_never_state_give_no_confidence():
    kinds = [("m", "options", 1e-40), ("m", "answer", None), ("n", "options", 0.9), ("n", "answer", None)]
    scores = pd.DataFrame(kinds, columns=["model", "confidence", "option_mass"]).assign(benchmark="b", budget=8)
    shown = shown_confidence.one_confidence(pd.concat([scores.assign(budget=4), scores], ignore_index=True))
    assert shown[["model", "confidence", "budget"]].values.tolist() == [["m", "answer", 8], ["n", "options", 8]]
