"""The loss during training: recorded, logged, and watched for divergence."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback, TrainerState

from m1flow.errors import M1FlowError

log = logging.getLogger(__name__)

POINTS = 500
"""Approximate maximum number of points of a loss curve."""

WINDOW = 20
"""Number of steps whose mean loss is compared to detect divergence."""

SHOW_SECONDS = 60
"""Seconds after which progress is shown again; it is also shown after each tenth of the steps."""


class LossCurve(TrainerCallback):
    """Watches every step's loss; the losses themselves are kept by the trainer, in its checkpoints too.

    Attributes:
        ends: time at which each step of this process ended, in seconds from the start of the first one.
    """

    def __init__(self, name: str, steps: int, speaks: bool = True):
        """
        Args:
            name: the run's name, for messages.
            steps: number of steps of the whole run.
            speaks: whether to show progress, which one process does.
        """  # noqa: D205, D212
        self._name, self._steps, self._speaks = name, steps, speaks
        self._history: list[dict[str, float]] = []
        self.ends: list[float] = []
        self._started = self._ended = self._shown = time.monotonic()
        self._first_step, self._first_tokens = 0, 0

    @property
    def losses(self) -> list[dict[str, float]]:
        """An entry for every step: step, loss, learning_rate, tokens trained on so far."""
        return [entry for entry in self._history if "loss" in entry]

    @property
    def tokens(self) -> int:
        """Tokens trained on so far, repeats counted, padding not."""
        return int(self.losses[-1]["tokens"]) if self.losses else 0

    @property
    def seconds(self) -> float:
        """Wall time of this process's training steps."""
        return self._ended - self._started

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Start the clock; a resumed run begins with the losses of its checkpoint."""
        self._history = state.log_history
        self._started = self._ended = self._shown = time.monotonic()
        self._first_step, self._first_tokens = state.global_step, int(state.num_input_tokens_seen)

    def on_log(
        self, args: Any, state: TrainerState, control: Any, logs: Mapping[str, float] | None = None, **_: Any
    ) -> None:
        """Record one step."""
        if logs is None or "loss" not in logs:
            return
        self._ended = time.monotonic()
        self.ends.append(self._ended - self._started)
        self._check(state.global_step, logs)
        tenth = state.global_step % max(1, self._steps // 10) == 0
        if self._speaks and (tenth or self._ended - self._shown > SHOW_SECONDS):
            self._shown = self._ended
            self._show(state.global_step, logs["loss"])

    def _check(self, step: int, logs: Mapping[str, float]) -> None:
        cure = "lower training.learning_rate or raise training.warmup"
        if not math.isfinite(logs["loss"]) or not math.isfinite(logs.get("grad_norm", 0.0)):
            raise M1FlowError(
                f"{self._name}: training: the loss is {logs['loss']} (gradient {logs.get('grad_norm')}) "
                f"at step {step}; {cure}"
            )
        losses = [entry["loss"] for entry in self.losses]
        if len(losses) < 2 * WINDOW:
            return
        first, last = sum(losses[:WINDOW]) / WINDOW, sum(losses[-WINDOW:]) / WINDOW
        if last > 1.5 * first + 0.5:
            raise M1FlowError(
                f"{self._name}: training: the loss diverges: {last:.3f} at step {step}, {first:.3f} at first "
                f"(means of {WINDOW} steps); {cure}"
            )

    def _show(self, step: int, loss: float) -> None:
        seconds_left = self.seconds / max(step - self._first_step, 1) * (self._steps - step)
        speed = (self.tokens - self._first_tokens) / max(self.seconds, 1e-9)
        text = "%s: step %d of %d, loss %.3f, %.0f tokens/s, %.0f s left"
        log.info(text, self._name, step, self._steps, loss, speed, seconds_left)

    def csv(self) -> str:
        """The curve as CSV text: step, loss (the mean since the point before), learning_rate, tokens."""
        every = max(1, self._steps // POINTS)
        lines, since = ["step,loss,learning_rate,tokens\n"], []
        for entry in self.losses:
            since.append(entry["loss"])
            if int(entry["step"]) % every == 0:
                loss, since = sum(since) / len(since), []
                lines.append(f"{entry['step']},{loss:.6g},{entry['learning_rate']:.6g},{entry['tokens']}\n")
        return "".join(lines)

    def point(self, state: TrainerState, logs: Mapping[str, Any]) -> dict[str, Any]:
        """The values that the curve needs and that the trainer's log entry of a step lacks."""
        return {"tokens": int(state.num_input_tokens_seen)} if "loss" in logs else {}
