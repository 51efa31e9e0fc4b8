"""Simulated early exit: where would thinking have stopped if the model had been asked for its answer at every budget?

The nested sweep holds the answers at all cuts of the same thought, so stopping rules can be tried without generating a
new token. A rule goes through the cuts from the smallest budget on, and stops at the first one where its condition
holds:
    stable: the same option was read at this and the m - 1 cuts before it (answer convergence: Liu and Wang 2025,
        arXiv 2506.02536; Fu et al. 2025, arXiv 2412.20993);
    confident: an option was read, and the geometric mean probability of the answer's tokens is at least p (as in DEER:
        Yang et al. 2025, arXiv 2504.15895);
    both: both conditions hold.
Thinking that ends by itself before a cut stops there in any case. Thinking that never meets the rule goes on to the
largest budget.

The cost is what a real system would spend: the thinking up to the exit, and the answers decoded at earlier cuts and
thrown away (probes). The final answer costs the same with and without an early exit, so it isn't counted.

A setting that is chosen and scored on the same questions looks better than it is. So questions are split into two
random halves, SPLITS times. On each half, the choice is among the settings whose accuracy there is at most
``tolerance`` below that of thinking to the end; the one that spends least is taken, and it is scored on the other half.
This is done twice: counting all tokens in the choice, and counting thinking tokens alone, as if probes were free. A
question's result is its mean over the splits; intervals are over questions, and don't include the randomness of the
splits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.choosing import SPLITS, random_halves
from m1flow.analysis.intervals import MACRO, mean_draws, means_with_intervals, percentiles
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import UNREAD, Grid, by_model, read_grids

TOLERANCES = (0.0, 0.01, 0.02, 0.05)
"""Losses of accuracy that are allowed on the half used for choosing, as shares."""
PROBABILITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
WITH_BOTH = (2, 3)
"""The numbers of cuts with which the rule "both" is tried."""

FULL, STABLE, CONFIDENT, BOTH = "full", "stable", "confident", "both"
ALL_TOKENS, THINKING_ONLY = "all", "thinking"


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """Make the table from scored sweeps; of several cues, only ``cue`` counts (by default, each sweep's first)."""
    return early_exit_table(read_grids(sweeps, cue))


TABLE = Table(
    title="What stopping early saves and loses",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "rule": Kind.TEXT,
        "cuts": Kind.COUNT,
        "probability": Kind.NUMBER,
        "tolerance": Kind.SHARE,
        "counted": Kind.TEXT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "change": Kind.POINTS,
        "change_low": Kind.POINTS,
        "change_high": Kind.POINTS,
        "thinking_tokens": Kind.TOKENS,
        "probe_tokens": Kind.TOKENS,
        "thinking_saved": Kind.SHARE,
        "saved": Kind.SHARE,
        "saved_low": Kind.SHARE,
        "saved_high": Kind.SHARE,
    },
    make=make,
)


@dataclass(frozen=True)
class Setting:
    """A rule and its thresholds: at least ``cuts`` in a row with one answer, and at least ``probability`` (0: any)."""

    rule: str
    cuts: int = 0
    probability: float = 0.0


@dataclass(frozen=True)
class Aim:
    """The criteria for choosing a setting: the rule, the accuracy that may be lost, and the tokens that count."""

    rule: str
    tolerance: float
    counted: str = ALL_TOKENS


@dataclass(frozen=True)
class Exits:
    """The results of settings on one benchmark: arrays (question, setting), means over samples.

    Attributes:
        right: share of right answers.
        thinking: thinking tokens up to the exit.
        probes: tokens of the answers that were thrown away.
    """

    right: np.ndarray
    thinking: np.ndarray
    probes: np.ndarray


def early_exit_table(grids: Iterable[Grid]) -> pd.DataFrame:
    """The results of every setting and, for each aim, of the setting chosen on other questions.

    Args:
        grids: the grids of all models and benchmarks; models that don't think, or have only one budget, are left out.

    Returns:
        The table's columns: tokens are means per question; ``change`` is the accuracy minus that of thinking to the
        end; ``saved`` is the share of the tokens of thinking to the end that is saved if probes are counted (below 0 if
        more was spent), ``thinking_saved`` the same without probes. The settings of rows with a tolerance are chosen on
        one half and scored on the other; rows without one are scored on all questions.
    """
    rows = []
    for model, own in by_model(grids):
        if not own[0].thinks or len(own[0].budgets) < 2:
            continue
        settings = settings_for(own)
        exits = {one.benchmark: simulate(one, settings) for one in own}
        labels = [{"rule": s.rule, "cuts": s.cuts or None, "probability": s.probability or None} for s in settings]
        rows += _rows(model, labels, exits, exits)
        rules = dict.fromkeys(setting.rule for setting in settings[1:])
        aims = [Aim(*aim) for aim in product(rules, TOLERANCES, (ALL_TOKENS, THINKING_ONLY))]
        scored = {name: crossed(one, settings, aims, name) for name, one in exits.items()}
        rows += _rows(model, [asdict(aim) for aim in aims], scored, exits)
    return pd.DataFrame(rows, columns=TABLE.names).astype({"cuts": "Int64"})


def settings_for(grids: Sequence[Grid]) -> list[Setting]:
    """Every setting to try, thinking to the end first; settings with a probability only if probabilities are known."""
    most = len(grids[0].budgets)
    stable = [Setting(STABLE, cuts) for cuts in range(2, most + 1)]
    if any(np.isnan(one.logprob).all() for one in grids):
        return [Setting(FULL), *stable]
    confident = [Setting(CONFIDENT, probability=p) for p in PROBABILITIES]
    both = [Setting(BOTH, cuts, p) for cuts in WITH_BOTH if cuts <= most for p in PROBABILITIES]
    return [Setting(FULL), *stable, *confident, *both]


def simulate(one: Grid, settings: Sequence[Setting]) -> Exits:
    """Stop every thought according to every setting."""
    places = one.budgets
    chosen, ended, tokens = (array[:, :, places] for array in (one.chosen, one.natural_end, one.thinking_tokens))
    correct, answers = one.correct[:, :, places], one.answer_tokens[:, :, places]
    same = same_in_a_row(chosen)
    with np.errstate(invalid="ignore"):
        sure = np.where(chosen != UNREAD, np.nan_to_num(np.exp(one.logprob[:, :, places])), 0.0)
    probed = np.cumsum(answers, axis=2) - answers
    right, thinking, probes = (np.empty((len(chosen), len(settings))) for _ in range(3))
    for number, setting in enumerate(settings):
        stop = ended.copy()
        stop[:, :, -1] = True
        if setting.rule != FULL:
            stop |= (same >= max(1, setting.cuts)) & (sure >= setting.probability)
        at = stop.argmax(axis=2)[:, :, None]
        probing = setting.rule != FULL  # else nobody asks before the end
        for into, array in ((right, correct), (thinking, tokens), (probes, probed * probing)):
            into[:, number] = np.take_along_axis(array, at, axis=2)[:, :, 0].mean(axis=1)
    return Exits(right, thinking, probes)


def same_in_a_row(chosen: np.ndarray) -> np.ndarray:
    """The number of cuts in a row, up to each (question, sample, cut), with its answer; 0 if none was read."""
    runs = np.zeros(chosen.shape, np.int16)
    runs[:, :, 0] = chosen[:, :, 0] != UNREAD
    for cut in range(1, chosen.shape[2]):
        repeated = chosen[:, :, cut] == chosen[:, :, cut - 1]
        runs[:, :, cut] = np.where(chosen[:, :, cut] != UNREAD, 1 + repeated * runs[:, :, cut - 1], 0)
    return runs


def crossed(one: Exits, settings: Sequence[Setting], aims: Sequence[Aim], salt: str) -> Exits:
    """Results of settings that are chosen on one half of the questions and scored on the other.

    Args:
        one: the results of every setting.
        settings: the settings, in the order of the columns of ``one``.
        aims: the criteria to choose by.
        salt: the benchmark's name, which seeds the splits.

    Returns:
        The results as arrays (question, aim), means over the splits.
    """
    halves = random_halves(len(one.right), salt)
    totals = [np.zeros((len(one.right), len(aims))) for _ in range(3)]
    for half in halves:
        for number, aim in enumerate(aims):
            setting = choose(one, settings, half, aim)
            for total, array in zip(totals, (one.right, one.thinking, one.probes), strict=True):
                total[~half, number] += array[~half, setting]
    # Each split scores a question once: by the setting chosen on the half that the question isn't in.
    return Exits(*(total / SPLITS for total in totals))


def choose(one: Exits, settings: Sequence[Setting], half: np.ndarray, aim: Aim) -> int:
    """The setting of the aim's rule that spends least on a half, of those that are accurate enough there.

    Thinking to the end is always one of the candidates.
    """
    candidates = [number for number, setting in enumerate(settings) if setting.rule in (FULL, aim.rule)]
    accuracy = one.right[np.ix_(half, np.array(candidates))].sum(axis=0)
    tokens = one.thinking + one.probes if aim.counted == ALL_TOKENS else one.thinking
    spent = tokens[np.ix_(half, np.array(candidates))].sum(axis=0)
    enough = accuracy >= accuracy[0] - aim.tolerance * half.sum() - 1e-9
    return candidates[int(np.where(enough, spent, np.inf).argmin())]


def _rows(model: str, labels: Sequence[dict], exits: dict[str, Exits], reference: dict[str, Exits]) -> list[dict]:
    """A row per benchmark (and macro average) and column of ``exits``; ``reference`` has full thinking as column 0."""
    right = {name: one.right for name, one in exits.items()}
    gained = {name: one.right - reference[name].right[:, :1] for name, one in exits.items()}
    spent = {
        name: np.concatenate([one.thinking + one.probes, reference[name].thinking[:, :1]], axis=1)
        for name, one in exits.items()
    }
    change = means_with_intervals(gained, change=True)
    draws = {name: mean_draws(array, name) for name, array in spent.items()}
    rows = []
    for name, means in means_with_intervals(right).items():
        averaged = list(exits) if name == MACRO else [name]
        drawn = np.mean([draws[other] for other in averaged], axis=0)
        low, high = percentiles(_saved(drawn[:, :-1], drawn[:, -1:]))
        thinking, probes = (
            np.mean([getattr(exits[other], what).mean(axis=0) for other in averaged], axis=0)
            for what in ("thinking", "probes")
        )
        full = np.mean([reference[other].thinking[:, 0].mean() for other in averaged])
        numbers = {
            "accuracy": means.value,
            "ci_low": means.low,
            "ci_high": means.high,
            "change": change[name].value,
            "change_low": change[name].low,
            "change_high": change[name].high,
            "thinking_tokens": thinking,
            "probe_tokens": probes,
            "thinking_saved": _saved(thinking, full),
            "saved": _saved(thinking + probes, full),
            "saved_low": low,
            "saved_high": high,
        }
        for place, label in enumerate(labels):
            row = {"model": model, "benchmark": name, "n": means.n} | label
            rows.append(row | {key: array[place] for key, array in numbers.items()})
    return rows


def _saved(spent: np.ndarray, whole: np.ndarray | float) -> np.ndarray:
    """The share of the tokens of thinking to the end that is saved; 0 if there are none."""
    return np.where(whole > 0, 1 - spent / np.where(whole > 0, whole, 1), 0.0)
