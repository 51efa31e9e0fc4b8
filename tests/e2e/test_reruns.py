"""A second run does nothing; a change reruns what it must and no more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from helpers.project import Project
from m1flow.analysis.registry import needs
from m1flow.study.seams.tables import TABLES

RESULTS = Path("results") / "small"
LACKING = {"judged", "leaked_pairs", "published_as"}
"""What the small study doesn't have, nor tables that are made from it."""


def made_from(name: str) -> set[str]:
    """All that a table is made from, tables between counted as well."""
    return {*needs(name)}.union(*(made_from(need) for need in needs(name) if need in TABLES.names()))


def tables_from(*changed: str, lacking: set[str] = LACKING) -> dict[str, int]:
    """The jobs that make tables, where some of what tables are made from changes."""
    given = [made_from(name) for name in TABLES.names() if not made_from(name) & lacking]
    return {"make_table": sum(not needed.isdisjoint(changed) for needed in given)}


PAGE = {"render_report": 1}
REPORT = {"write_paper_tables": 1, **PAGE}
SCORED = ("sweeps", "token_counts")
LEARNT = ("traces", "bills", "datasets", *SCORED)
POOLED = ("pool", "pool_removed", "attempts", "difficulty", *LEARNT)
NUMBERS = {**tables_from(*SCORED), **REPORT}
SCORES = {"score": 3, **NUMBERS}
SWEPT_AGAIN = {"generate": 3, **SCORES}
TRAINED_AGAIN = {"fine_tune": 2, "generate": 2, "score": 2, **NUMBERS}
FROM_TRACES = {"teach": 1, "tokenise_traces": 1, "select_dataset": 2, **TRAINED_AGAIN, **tables_from(*LEARNT)}
# What reads answers; a dry run can't know whether datasets stay as they are, and counts on training.
READ_AGAIN = {"attempt": 2, "rate_difficulty": 1, "teach": 2, "tokenise_traces": 1, "select_dataset": 2, **SCORES}
READ_AGAIN |= tables_from("attempts", "difficulty", *LEARNT)
FROM_PARSER = {**READ_AGAIN, "fine_tune": 2, "generate": 2}
FROM_POOL = {"build_pool": 1, "attempt": 2, "rate_difficulty": 1, **FROM_TRACES, "teach": 2, **tables_from(*POOLED)}
# A new benchmark takes copies of its questions out of the pool, and all follows from the pool.
FROM_BENCHMARK = {"collect_benchmark": 1, **FROM_POOL, "generate": 3, "score": 3, **tables_from("benchmarks", *POOLED)}
FROM_CORPUS = {"write_corpus": 1, "train_base": 1, **FROM_PARSER, "generate": 3}
EVERYTHING = {"collect_source": 1, "write_corpus": 1, "train_base": 1, **FROM_BENCHMARK}
EVERYTHING |= tables_from("questions", "benchmarks", *POOLED)

# Each line of the table in docs/running/reruns.md: what is changed, and the jobs that follow.
CHANGES = {
    "a budget": ({"sweep": {"budgets": [0, 8, 16, 24, 32]}}, SWEPT_AGAIN),
    "an extension": ({"sweep": {"extensions": {"counts": [0, 1, 2, 3], "budgets": [48]}}}, SWEPT_AGAIN),
    "shards": ({"sweep": {"shards": 2}}, {**SWEPT_AGAIN, "generate": 6}),
    "a model": (
        {"models": {"second_tiny": {"weights": "tiny", "format": "m1"}}},
        {"generate": 1, "score": 1, **NUMBERS},
    ),
    "a model's sweep": (
        {"models": {"student": {"sweep": {"samples": 3, "temperature": 0.7}}}},
        {"generate": 1, "score": 1, **NUMBERS},
    ),
    "a model less": ({"models": {"random_student": None}}, NUMBERS),
    "a student": (
        {
            "students": {
                "longer": {
                    "base": "tiny",
                    "dataset": "hard",
                    "training": {"steps": 50, "batch_size": 16, "learning_rate": 3e-3},
                }
            },
            "models": {"longer": {}},
        },
        {"fine_tune": 1, "generate": 1, "score": 1, **NUMBERS},
    ),
    "a benchmark": (
        {"benchmarks": {"longer": {"adapter": "formulary", "questions": 20, "chain": [4, 5], "seed": 9}}},
        FROM_BENCHMARK,
    ),
    "a benchmark that the pool doesn't know": (
        {
            "benchmarks": {"longer": {"adapter": "formulary", "questions": 20, "chain": [4, 5], "seed": 9}},
            "pool": {"against": ["in_domain"]},
        },
        {"collect_benchmark": 1, "find_leaks": 1, **SWEPT_AGAIN}
        | tables_from("benchmarks", "leaked_pairs", *SCORED, lacking={"judged", "published_as"}),
    ),
    # Nothing but the page, which names the config files of the study: one more of them.
    "the benchmarks that the pool knows, by name": ({"pool": {"against": ["in_domain"]}}, PAGE),
    "similarity": ({"pool": {"similarity": 95}}, FROM_POOL),
    "the scorer": ({"scorer": "m1"}, SCORES),
    "a teacher's temperature": (
        {"teachers": {"local": {"temperature": 0.5}}},
        {"teach": 1, **tables_from("traces", "bills"), **PAGE},
    ),
    "a teacher with datasets": ({"teachers": {"pharmacist": {"slip_rate": 0.06}}}, FROM_TRACES),
    "a dataset's seed": (
        {"datasets": {"random": {"seed": 5}}},
        {"select_dataset": 1, "fine_tune": 1, "generate": 1, "score": 1, **NUMBERS} | tables_from("datasets", *SCORED),
    ),
    "the study's seed": ({"seed": 1}, EVERYTHING),
    "the engine's precision": (
        {"engine": {"dtype": "bfloat16"}},
        {"attempt": 2, "rate_difficulty": 1, **FROM_TRACES, "teach": 2, "generate": 3, "score": 3},
    ),
    "the engine's speed": ({"engine": {"batch_size": 16, "memory_mb": 512, "threads": 2, "gpus": 1}}, PAGE),
    "a student's resources": (
        {"students": {"student": {"resources": {"mem_mb": 9000, "runtime": 60, "threads": 2, "device_tokens": 100}}}},
        PAGE,
    ),
    "a judge": (
        {"judge": {"weights": "tiny"}},
        {"judge_answers": 1} | tables_from("judged", "bills", lacking=LACKING - {"judged"}) | PAGE,
    ),
    "a published name": (
        {"models": {"student": {"published": "m1-7B-1K"}}},
        {**tables_from("published_as", lacking=LACKING - {"published_as"}), **REPORT},
    ),
    "a format": (
        {"formats": {"think": {"thinking_start": "<think>", "thinking_end": "</think>", "forced_end": "</think>"}}},
        {"train_base": 1, "attempt": 2, "rate_difficulty": 1, **FROM_TRACES, "teach": 2, "generate": 3, "score": 3},
    ),
    "an endpoint": ({"endpoints": {"unused": {"url": "http://127.0.0.1:9/v1", "model": "m"}}}, PAGE),
    "the description": ({"description": "Another sentence."}, PAGE),
    "the study's name": ({"study": "other"}, EVERYTHING),
}

pytestmark = pytest.mark.e2e


def planned(small, name: str, settings: dict) -> dict[str, int]:
    return small.planned("--configfile", "small.yaml", small.overlay(name, settings))


def test_a_second_run_does_nothing(small):
    assert small.planned("--configfile", "small.yaml") == {}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_setting_reruns_what_it_must(small, change):
    settings, jobs = CHANGES[change]
    assert planned(small, "change.yaml", settings) == jobs


def test_two_studies_live_side_by_side(small):
    """Planning or running another study leaves the first one with nothing to do."""
    other = small.overlay("other.yaml", {"study": "other"})
    target = "results/other/questions/wards.parquet"
    small.snakemake("--configfile", "small.yaml", other, "--", target)
    assert small.planned("--configfile", "small.yaml", other, "--", target) == {}
    assert small.planned("--configfile", "small.yaml") == {}


@pytest.mark.parametrize(
    ("arguments", "jobs"),
    [
        (("-f", str(RESULTS / "sweeps" / "student" / "in_domain.parquet")), {"score": 1}),
        (("-f", str(RESULTS / "report" / "index.html")), PAGE),
        (("-R", "score"), SCORES),
    ],
)
def test_a_target_is_made_again_on_demand(small, arguments, jobs):
    assert small.planned("--configfile", "small.yaml", *arguments) == jobs


def test_by_time_alone_settings_and_code_are_no_reason(small):
    overlay = small.overlay("change.yaml", CHANGES["a budget"][0])
    assert small.planned("--configfile", "small.yaml", overlay, "--rerun-triggers", "mtime") == {}


@contextmanager
def edited(project: Project, module: str, more: str = "# edited\n") -> Iterator[None]:
    """Something at the end of a module of the library, for a while; then the module is as before, date and all."""
    path = project.folder / "workflow" / "scripts" / "m1flow" / module
    text, before = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(text + more, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("module", "jobs"),
    [
        ("answers/strict.py", FROM_PARSER),
        ("answers/scorers/strict.py", SCORES),
        ("answers/scorers/m1.py", {}),
        ("analysis/tables/flips.py", {"make_table": 1, **PAGE}),
        ("sweep/run.py", SWEPT_AGAIN),
        ("training/corpus.py", FROM_CORPUS),
    ],
)
def test_an_edited_module_reruns_the_rules_that_use_it(small, module, jobs):
    with edited(small, module):
        assert small.planned("--configfile", "small.yaml") == jobs
    assert small.planned("--configfile", "small.yaml") == {}


def test_an_edited_client_reruns_nothing_where_no_endpoint_is_asked(small):
    with edited(small, "endpoints/http.py"):
        assert small.planned("--configfile", "small.yaml") == {}


def test_a_moved_project_has_nothing_to_do(copied_small):
    assert copied_small.planned("--configfile", "small.yaml") == {}


def test_touched_files_do_not_rerun(copied_small):
    for path in [
        *copied_small.folder.glob("rules/*.smk"),
        *copied_small.folder.glob("workflow/scripts/**/*.py"),
        copied_small.folder / "small.yaml",
    ]:
        path.touch()
    for path in (copied_small.folder / RESULTS).glob("*.parquet"):
        path.touch()
    assert copied_small.planned("--configfile", "small.yaml") == {}


def test_a_pool_made_alone_first_that_stays_the_same_reruns_nothing_of_what_follows(copied_small):
    overlay = copied_small.overlay("benchmark.yaml", CHANGES["a benchmark"][0])
    copied_small.snakemake("pool", "--configfile", "small.yaml", overlay)
    assert copied_small.planned("--configfile", "small.yaml", overlay) == {
        **SWEPT_AGAIN,
        **tables_from("benchmarks", "pool_removed", *SCORED),
    }


ALL_LARGE = ("--max-checksum-file-size", "1KB")
"""Has Snakemake treat every table as it treats those above 1 MB by default: by date."""

NEVER_BELOW_B = """
_strictly = parse_answer


def parse_answer(text, options, *, finished=True):
    parsed = _strictly(text, options, finished=finished)
    return parsed if parsed.index else Parsed(None, UNPARSED)
"""
"""An edit to the parser that changes readings: A is never read."""


@pytest.mark.timeout(900)
def test_an_edited_parser_reads_again_and_pays_for_nothing_else(copied_small):
    """In one run, however large the tables are: no answer is generated, no model loaded and none trained."""
    results = copied_small.folder / RESULTS
    assert "loading the model" in (results / "logs" / "attempt" / "first.log").read_text()
    journals, models = contents(results / "journals"), contents(results / "models")
    with edited(copied_small, "answers/strict.py"):
        ran = copied_small.ran("--configfile", "small.yaml", *ALL_LARGE)
        assert ran == READ_AGAIN
        assert contents(results / "journals") == journals and contents(results / "models") == models
        for asked in ("attempt/first", "attempt/second", "teach/local"):
            log = (results / "logs" / f"{asked}.log").read_text()
            assert re.search(r"[1-9]\d* from the journal, 0 new", log) and "loading the model" not in log, log
        assert copied_small.planned("--configfile", "small.yaml", *ALL_LARGE) == {}
    # What other readings change is trained on in the same run.
    with edited(copied_small, "answers/strict.py", NEVER_BELOW_B):
        student = str(RESULTS / "models" / "random_student")
        ran = copied_small.ran("--configfile", "small.yaml", *ALL_LARGE, "--", student)
    assert ran == {"attempt": 2, "rate_difficulty": 1, "teach": 1, "tokenise_traces": 1} | {
        "select_dataset": 1,
        "fine_tune": 1,
    }
    assert contents(results / "journals") == journals and contents(results / "models") != models


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and date of every file in a folder, by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_a_dataset_above_1_mb_with_other_bytes_and_the_same_rows_trains_nobody(copied_small):
    path = copied_small.folder / RESULTS / "datasets" / "hard.parquet"
    rows = pd.read_parquet(path)
    rows.assign(more=[os.urandom(20_000) for _ in range(len(rows))]).to_parquet(path)
    assert path.stat().st_size > 1_000_000
    planned = copied_small.planned("--configfile", "small.yaml")
    assert planned and not {"fine_tune", "generate", "score"} & set(planned)


def test_deleting_all_output_leaves_the_journals_and_so_what_was_generated(copied_small):
    copied_small.snakemake("--configfile", "small.yaml", "--delete-all-output")
    results = copied_small.folder / RESULTS
    left = [path.relative_to(results) for path in results.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in left} <= {"journals", "logs", "checkpoints"}
    assert Path("journals") / "attempts" / "second.jsonl" in left
    assert copied_small.planned("--configfile", "small.yaml") == EVERYTHING
    copied_small.snakemake("--configfile", "small.yaml", "--", str(RESULTS / "attempts" / "second.parquet"))
    log = (copied_small.folder / RESULTS / "logs" / "attempt" / "second.log").read_text()
    assert re.search(r"[1-9]\d* from the journal, 0 new", log), log


def test_a_new_budget_costs_only_answers(copied_small):
    """Below the largest budget nothing is thought again: what is decoded anew is at most the new answers."""
    overlay = copied_small.overlay("budget.yaml", {"sweep": {"budgets": [0, 8, 12, 16, 32]}})
    target = str(RESULTS / "generations" / "student" / "in_domain" / "1-of-1.parquet")
    copied_small.snakemake("--configfile", "small.yaml", overlay, "--", target)
    log = (copied_small.folder / RESULTS / "logs" / "generate" / "student" / "1-of-1.log").read_text()
    [fresh] = re.findall(r"(\d+) tokens decoded now", log)
    assert 0 < int(fresh) <= 60 * 12  # questions x answer_tokens
