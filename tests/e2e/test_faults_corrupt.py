"""A file that is damaged is found by name before its content is used, and made again by the rerun that is named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from helpers.faults import RESULTS, journal_keys

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def content(project, name: str):
    """What a file holds, but how long it took and what of it came from a journal; of a table the rows."""
    path = project.folder / RESULTS / name
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_json(double_precision=5)
    if path.suffix == ".json":
        return json.loads(path.read_bytes()) | {"generated": 0, "seconds": 0}
    return path.read_bytes()


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


SWEPT = "in_domain/1-of-1.parquet"
SWEEP = "sweeps/student/in_domain.parquet"
ANSWERS = f"generations/student/{SWEPT}"


@pytest.mark.parametrize(
    ("damage", "damaged", "target", "cured_by"),
    [
        (flip, ANSWERS, SWEEP, ANSWERS),
        (cut, ANSWERS, SWEEP, ANSWERS),
        (cut, "generations/student/1-of-1.report.json", SWEEP, "generations/student/1-of-1.report.json"),
        (flip, "models/student/model.safetensors", ANSWERS, "models/student"),
        (cut, "models/student/model.safetensors", ANSWERS, "models/student"),
        (flip, "examples/pharmacist/tiny/m1.parquet", "datasets/hard.parquet", "examples/pharmacist/tiny/m1.parquet"),
    ],
)
def test_a_damaged_file_is_named_and_made_again(finished, small, damage, damaged, target, cured_by):
    path, wanted = small.folder / RESULTS / damaged, str(RESULTS / target)
    (small.folder / wanted).unlink()
    damage(path)
    done = small.snakemake("--configfile", "small.yaml", "--", wanted, check=False)
    assert done.returncode == 1, done.stdout
    [said] = set(re.findall(r"^error: .*$", done.stdout, re.MULTILINE))
    assert said.startswith(f"error: {RESULTS / damaged}: ") and re.search(
        r"; .*(delete it|move (it|the folder) away)", said
    ), said
    assert "Traceback" not in done.stdout
    remove(small.folder / RESULTS / cured_by)
    small.snakemake("--configfile", "small.yaml", "--", wanted)
    for made in (damaged, target):
        assert content(small, made) == content(finished, made)
    assert journal_keys(small.folder) == journal_keys(finished.folder)


def test_a_damaged_line_of_a_journal_costs_that_answer_alone(finished, small):
    name = "sweeps/tiny.jsonl"
    journal = small.folder / RESULTS / "journals" / name
    lines = journal.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    damaged = bytearray(lines[middle])
    damaged[len(damaged) // 2] ^= 4
    journal_with_damage = b"".join([*lines[:middle], damaged, *lines[middle + 1 :]])
    journal.write_bytes(journal_with_damage)
    shutil.rmtree(small.folder / RESULTS / "generations" / "tiny")
    target = str(RESULTS / "generations" / "tiny" / SWEPT)
    small.snakemake("--configfile", "small.yaml", "--", target)
    log = (small.folder / RESULTS / "logs" / "generate" / "tiny" / "1-of-1.log").read_text(encoding="utf-8")
    assert f"{RESULTS}/journals/{name}: 1 torn or corrupt lines ignored, {len(lines) - 1} records kept" in log, log
    again = journal.read_bytes().splitlines()
    assert len(again) == len(lines) + 1 and again[: len(lines)] == journal_with_damage.splitlines()
    found, lost = json.loads(again[-1]), json.loads(lines[middle])
    assert found["key"] == lost["key"] and found["record"]["token_ids"] == lost["record"]["token_ids"]
    made = f"generations/tiny/{SWEPT}"
    assert content(small, made) == content(finished, made)
