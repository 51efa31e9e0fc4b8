"""What the strict reading makes of real models' outputs: counts as in docs/methods/traces.md, and readings by eye."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from m1flow.chat.turns import ModelTurn
from m1flow.traces.teaching import OUTCOMES, verify

pytestmark = pytest.mark.real

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "methods" / "traces.md"
READINGS = Path(__file__).resolve().parents[2] / "data" / "parser_readings.tsv"
THINK, BOXED = "think-outputs", "boxed-outputs"
# The boxed outputs come without their questions' options: only letters can be read, as none of these is ever said.
UNKNOWN = ["the first option", "the second option", "the third option", "the fourth option"]


class Output(NamedTuple):
    """One recorded output and what the parser makes of it."""

    file: str
    row: str
    group: str
    letter: str
    outcome: str


@pytest.fixture(scope="module")
def outputs(shared_data) -> list[Output]:
    """Every output of both sets, verified as a trace is."""
    return [*_think_outputs(shared_data), *_boxed_outputs(shared_data)]


def test_counts_are_those_of_the_document(outputs):
    document = DOCUMENT.read_text()
    for kind in (THINK, BOXED):
        counts: dict[str, Counter] = {}
        for output in outputs:
            if output.file.startswith(kind):
                counts.setdefault(output.group, Counter())[output.outcome] += 1
        for group, counted in [*counts.items(), (f"all {kind}", sum(counts.values(), Counter()))]:
            cells = [group, counted.total(), *(counted[outcome] for outcome in OUTCOMES)]
            assert f"| {' | '.join(map(str, cells))} |" in document


def test_truncated_thinking_is_never_verified(shared_data):
    cut = [row for _, row in _think_rows(shared_data) if "</think>" not in row["completion"]]
    assert len(cut) == 129
    for row in cut:
        # Not even with the right answer boxed at the end of what was thought.
        thought = f"{row['completion']} So the answer is \\boxed{{{row['answer_idx']}}}."
        assert _judged({**row, "completion": thought}) == ("none", "truncated")


def test_no_option_is_named_but_the_one_read_by_eye(outputs):
    now = {(output.file, output.row): output for output in outputs}
    missed = Counter()
    for reading in _readings():
        output = now[reading["file"], reading["row"]]
        assert (output.letter, output.outcome) == (reading["parsed"], reading["outcome"]), reading
        assert output.letter in (reading["read"], "none"), reading
        missed[reading["file"].split("/")[0]] += output.letter != reading["read"]
    assert missed == {THINK: 0, BOXED: 10}


def test_the_readings_are_of_both_sets_and_all_outcomes_there(outputs):
    readings = _readings()
    assert Counter(reading["file"].split("/")[0] for reading in readings) == {THINK: 30, BOXED: 30}
    assert len({(reading["file"], reading["row"]) for reading in readings}) == 60
    assert {reading["outcome"] for reading in readings} == {output.outcome for output in outputs}


def _think_outputs(folder: Path) -> Iterator[Output]:
    for path, row in _think_rows(folder):
        group = path.name.removesuffix("-test_hard-zero_shot.json")
        yield Output(f"{THINK}/{path.name}", str(row["realidx"]), group, *_judged(row))


def _think_rows(folder: Path) -> Iterator[tuple[Path, dict]]:
    for path in sorted((folder / THINK).glob("*.json")):
        for row in json.loads(path.read_text()):
            yield path, row


def _judged(row: dict) -> tuple[str, str]:
    reasoning, ended, answer = row["completion"].partition("</think>")
    options = [row["options"][letter] for letter in sorted(row["options"])]
    return _verified(ModelTurn(reasoning, answer.strip(), 0, 0, finished=bool(ended)), options, row["answer_idx"])


def _boxed_outputs(folder: Path) -> Iterator[Output]:
    path = folder / BOXED / "qwen_medmcqa_raw.jsonl"
    with path.open() as lines:
        for row in map(json.loads, lines):
            name = "/".join(Path(row["path"]).with_suffix("").parts[-2:]).removesuffix("_response")
            # No finish reason is recorded, so each counts as finished; they answer without separate thinking.
            turn = ModelTurn("", row["raw_response"].strip(), 0, 0, finished=True)
            judged = _verified(turn, UNKNOWN, row["gold"], thinks=False)
            yield Output(f"{BOXED}/{path.name}", name, row["model"].split("/")[1], *judged)


def _verified(turn: ModelTurn, options: list[str], gold: str, thinks: bool = True) -> tuple[str, str]:
    index, outcome = verify(turn, options, "ABCDEFGHIJ".index(gold), thinks=thinks)
    return "none" if index is None else "ABCDEFGHIJ"[index], outcome


def _readings() -> list[dict[str, str]]:
    with READINGS.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))
