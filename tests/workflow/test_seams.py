"""What runs again after a change of a seam: users of an entry after an edit of it, nothing after an entry more."""

from __future__ import annotations

import re

import pytest

from helpers.project import small_project

TARGETS = ["results/small/questions/wards.parquet", "results/small/questions/exam.parquet"]
ROWS = "stem,a,b,key\nIs it 1?,yes,no,A\nIs it 2?,no,yes,B\n"
SCRIPTS = "workflow/scripts/m1flow"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The small study with a second source, of which the questions are collected."""
    project = small_project(tmp_path_factory.mktemp("project"))
    (project.folder / "exam.csv").write_text(ROWS, encoding="utf-8")
    fields = {"question": "stem", "options": ["a", "b"], "answer": "key"}
    project.overlay("exam.yaml", {"sources": {"exam": {"adapter": "records", "path": "exam.csv", "fields": fields}}})
    project.snakemake(*TARGETS, "--configfile", "small.yaml", "exam.yaml")
    return project


def collected_again(project) -> list[str]:
    said = project.snakemake("--dry-run", *TARGETS, "--configfile", "small.yaml", "exam.yaml").stdout
    return sorted(re.findall(r"collect the source (\w+)", said))


def edited(project, path: str) -> None:
    file = project.folder / SCRIPTS / path
    file.write_text(file.read_text(encoding="utf-8") + "\n\nEDITED = True\n", encoding="utf-8")


@pytest.mark.slow
def test_an_adapter_is_code_of_its_sources_alone(project):
    assert collected_again(project) == []
    (project.folder / SCRIPTS / "questions" / "adapters" / "added.py").write_text("raise SystemExit('imported')\n")
    edited(project, "questions/adapters/headqa.py")
    assert collected_again(project) == [], "no source names these"
    edited(project, "questions/adapters/records.py")
    assert collected_again(project) == ["exam"]
    edited(project, "questions/adapters/formulary.py")
    assert collected_again(project) == ["exam", "wards"]


@pytest.fixture(scope="module")
def code_of(project):
    """A function that gives the modules of the library on which the job stands that makes a file."""
    far = {"url": "http://127.0.0.1:9/v1", "model": "m"}
    settings = {"engine": {"name": "transformers"}, "endpoints": {"far": far}}
    project.overlay("asked.yaml", settings | {"solvers": {"second": {"weights": None, "endpoint": "far"}}})
    for file in (project.folder / "rules").glob("*.smk"):  # a job with a message doesn't list its inputs
        file.write_text(
            re.sub(r"^ +message:\n.*\n", "", file.read_text(encoding="utf-8"), flags=re.M), encoding="utf-8"
        )
    said = project.snakemake("--dry-run", "--forceall", "--configfile", "small.yaml", "asked.yaml").stdout
    jobs = re.findall(r"^    input: (.*)\n    output: (.*)$", said, re.M)
    inputs = {made: files.split(", ") for files, outputs in jobs for made in outputs.split(", ")}
    return lambda made: {path.removeprefix(f"{SCRIPTS}/") for path in inputs[f"results/small/{made}"]}


def test_jobs_stand_on_the_entries_that_the_study_names(code_of):
    swept = code_of("generations/student/in_domain/1-of-1.parquet")
    assert "engines/backends/transformers.py" in swept and "engines/backends/vllm.py" not in swept
    scored = code_of("sweeps/student/in_domain.parquet")
    assert "answers/scorers/strict.py" in scored and "answers/scorers/m1.py" not in scored
    assert "training/methods/sft.py" in code_of("models/student")


def test_only_those_who_ask_an_endpoint_stand_on_its_client(code_of):
    far, local, formulary = map(
        code_of, ("attempts/second.parquet", "attempts/first.parquet", "traces/pharmacist.parquet")
    )
    client, engine = "endpoints/http.py", "engines/opening.py"
    assert client in far and engine not in far
    assert client not in local and engine in local
    assert client not in formulary and engine not in formulary
