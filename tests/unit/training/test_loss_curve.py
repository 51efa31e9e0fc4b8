"""Loss curves: a diverging loss stops the run, and a long curve is thinned without losing a step."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from transformers import TrainerState

from m1flow.errors import M1FlowError
from m1flow.training.loss_curve import LossCurve


def stepped(curve: LossCurve, losses: list[float]) -> LossCurve:
    """A curve that has seen these losses, one a step."""
    state = TrainerState(log_history=[])
    curve.on_train_begin(None, state, None)
    for step, loss in enumerate(losses, start=1):
        state.global_step, state.num_input_tokens_seen = step, 10 * step
        logs = {"loss": loss, "learning_rate": 1e-3}
        state.log_history.append(logs | curve.point(state, logs) | {"step": step})
        curve.on_log(None, state, None, logs)
    return curve


def test_a_diverging_loss_stops_and_a_noisy_one_does_not():
    noisy = [2.0 + 0.5 * (-1) ** n for n in range(60)]
    stepped(LossCurve("student", 60), noisy)
    with pytest.raises(M1FlowError, match="student: training: the loss diverges: .* lower training.learning_rate"):
        stepped(LossCurve("student", 120), noisy + [5.0] * 60)


def test_a_long_curve_is_thinned_to_means_that_lose_no_step():
    curve = stepped(LossCurve("student", 1500), [float(n % 3) for n in range(1500)])
    table = pd.read_csv(io.StringIO(curve.csv()))
    assert list(table["step"]) == list(range(3, 1501, 3))
    assert (table["loss"] == 1).all()
    assert table["tokens"].iloc[-1] == 15_000
