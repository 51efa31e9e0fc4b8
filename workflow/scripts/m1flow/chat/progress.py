"""Progress of a stage, as a bar on a terminal or as lines in the log."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from m1flow.chat.turns import ModelTurn

log = logging.getLogger(__name__)

_LOG_SECONDS = 20.0


class Progress:
    """Progress of a stage: a bar on a terminal, else a log line now and then; rate, cost so far and time left."""

    def __init__(self, label: str, total: int):
        """Count up to ``total``."""
        self.label, self.total = label, total
        self._done = self._reused = 0
        self._cost: float | None = None
        self._started = self._shown = time.monotonic()
        self._bar = tqdm(total=total, desc=label, file=sys.stderr) if sys.stderr.isatty() else None

    def reused(self) -> None:
        """Count a turn that was in the journal."""
        self._reused += 1
        self._advance()

    def answered(self, turn: ModelTurn) -> None:
        """Count a turn that was answered."""
        if turn.cost is not None:
            self._cost = (self._cost or 0.0) + turn.cost
        self._advance()

    def __enter__(self) -> Self:
        """Start."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Log how the stage ended, and how many turns came from the journal."""
        if self._bar is not None:
            self._bar.close()
        how = "answered" if kind is None else "answered before it stopped"
        new = self._done - self._reused
        counts = f"{self._done:,} of {self.total:,} {how}: {self._reused:,} from the journal, {new:,} new"
        log.info("%s: %s%s", self.label, counts, self._money(" for "))

    def _advance(self) -> None:
        self._done += 1
        now = time.monotonic()
        if self._bar is not None:
            self._bar.initial = self._reused  # the rate counts only turns that are asked
            self._bar.set_postfix_str(self._money(), refresh=False)
            self._bar.update()
        elif now - self._shown >= _LOG_SECONDS:
            self._shown = now
            text = tqdm.format_meter(
                self._done, self.total, now - self._started, initial=self._reused, ncols=0, postfix=self._money()
            )
            log.info("%s: %s", self.label, text.strip())

    def _money(self, before: str = "") -> str:
        return "" if self._cost is None else f"{before}${self._cost:,.2f}"
