"""Tokens that a sweep decodes, compared with separate runs for every cell."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from m1flow.text.boxes import box_end

_LINE = ["question_id", "sample", "permutation"]


def nested_tokens(rows: pd.DataFrame, cue_tokens: Mapping[str, int], *, stop_at_box: bool = False) -> int:
    """The tokens that a sweep decodes (without speculation): each thought once, and one answer per distinct cut.

    The end of a thought counts as one token. Options whose probability is asked for are read, not decoded.

    Args:
        rows: generations of one model on one benchmark.
        cue_tokens: length of each cue; cues are given, not decoded.
        stop_at_box: whether answers ended at a closed box, without an end token.
    """
    forced = rows["cue"].where(rows["extensions_done"] > 0, "")
    rows = rows.assign(forced=forced)
    cut = ["extensions_done", "thinking_tokens", "natural_end"]
    plain = rows[rows["extensions_done"] == 0].sort_values(cut).drop_duplicates(_LINE, keep="last")
    extended = rows[rows["extensions_done"] > 0].sort_values(cut).drop_duplicates([*_LINE, "forced"], keep="last")
    # An extended line contains its plain thought, which is decoded once for all cues.
    again = extended[_LINE].merge(plain, on=_LINE, how="left")
    thinking = _thinking(plain, cue_tokens) + _thinking(extended, cue_tokens) - _thinking(again, cue_tokens)
    return thinking + _answers(rows.drop_duplicates([*_LINE, "forced", *cut]), stop_at_box)


def separate_tokens(rows: pd.DataFrame, cue_tokens: Mapping[str, int], *, stop_at_box: bool = False) -> int:
    """The tokens decoded if every cell were run from scratch (the paper's protocol)."""
    return _thinking(rows, cue_tokens) + _answers(rows, stop_at_box)


def _thinking(rows: pd.DataFrame, cue_tokens: Mapping[str, int]) -> int:
    given = rows["extensions_done"] * pd.Series([cue_tokens.get(cue, 0) for cue in rows["cue"]], rows.index, "int64")
    ended = rows["natural_end"] & (rows["budget"] > 0)  # a format without thinking decodes no marker
    return int((rows["thinking_tokens"] - given + rows["extensions_done"] + ended).sum())


def _answers(rows: pd.DataFrame, stop_at_box: bool) -> int:
    ended = rows["answer_finished"]
    if stop_at_box:
        ended = ended & rows["answer_text"].map(lambda text: box_end(text) is None).astype(bool)
    return int((rows["answer_tokens"] + ended).sum())
