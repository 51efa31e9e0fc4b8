"""Every code block of the README and the guide runs, or is planned where it takes a GPU, a hub or hours."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.project import ROOT, Project

Step = Callable[[Project, str], None]

pytestmark = pytest.mark.e2e


def file(name: str) -> Step:
    """The block is the content of a file, which later blocks use."""

    def step(project: Project, block: str) -> None:
        (project.folder / name).write_text(block, encoding="utf-8")

    return step


def over(*names: str) -> Step:
    """The block can be laid over these studies."""

    def step(project: Project, block: str) -> None:
        (project.folder / "over.yaml").write_text(block, encoding="utf-8")
        assert project.planned("--configfile", *names, "over.yaml")

    return step


def snakemake_lines(block: str) -> list[list[str]]:
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [words[1:] for words in lines if words and words[0] == "snakemake"]


def plans(project: Project, block: str) -> None:
    """Every `snakemake` command of the block plans."""
    commands = snakemake_lines(block)
    assert commands
    for words in commands:
        project.planned(*words)


def runs(project: Project, block: str) -> None:
    """Every command of the block runs."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "snakemake":
            project.snakemake(*words[1:])
        elif words[0] == "make":
            # In place of .venv, which the project's copy lacks, the environment of these tests.
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            command = ["make", "RUN=Makefile", *words[1:]]
            subprocess.run(command, cwd=project.folder, env=os.environ | {"PATH": path}, check=True)
        else:
            raise AssertionError(f"what is {words[0]}?")


def python(project: Project, block: str) -> None:
    subprocess.run([sys.executable, "-c", block], cwd=project.folder, check=True)


def each_line(*steps: Step) -> Step:
    """Each line of the block has a step of its own."""

    def step(project: Project, block: str) -> None:
        for line, one in zip(block.strip().splitlines(), steps, strict=True):
            one(project, line)

    return step


def left_out(reason: str) -> Step:
    """The block isn't run, for a reason."""
    assert reason
    return lambda project, block: None


SHOWN = left_out("what a command prints")
DEMO, LORA = "config/config.yaml", "config/presets/lora-1gpu.yaml"
BLOCKS: dict[str, list[Step]] = {
    "README.md": [
        each_line(runs, left_out("these tests are a part of it")),
        runs,
        plans,
        file("mine.yaml"),
    ],
    "asking.md": [runs, SHOWN, left_out("the syntax of a command")],
    "figures.md": [runs, python, left_out("LaTeX isn't installed for tests; test_paper_tables.py reads the tables")],
    "first-run.md": [runs, SHOWN],
    "troubleshooting.md": [SHOWN],
    "your-benchmark.md": [file("wards.csv"), file("mine.yaml"), each_line(runs, plans)],
    "your-model.md": [file("mine.yaml"), plans, over("mine.yaml"), over(DEMO)],
    "your-traces.md": [file("traces.jsonl"), file("traced.yaml"), plans, over(LORA, "traced.yaml"), plans],
}
"""For every page the steps for its blocks, in their order."""

INPUTS = {
    "mine.csv": "q,a,b,c,d,gold\nWhich?,1,2,3,4,A\n",
    "wards.csv": "stem,a,b,c,d,key\nWhich?,1,2,3,4,A\n",
    "questions.csv": "stem,a,b,c,d,key\nWhich?,1,2,3,4,A\n",
}
"""Files that a page has the reader bring along."""


def blocks(page: str) -> list[str]:
    path = ROOT / page if page == "README.md" else ROOT / "docs" / "guide" / page
    return re.findall(r"^```\w*\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(demo, tmp_path) -> Project:
    """A copy of the finished demo, as a reader of the pages has it."""
    project = demo.copied_to(tmp_path / "project")
    (project.folder / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for name, text in INPUTS.items():
        (project.folder / name).write_text(text, encoding="utf-8")
    return project


def test_every_page_of_the_guide_has_its_steps():
    with_blocks = {path.name for path in (ROOT / "docs" / "guide").glob("*.md") if blocks(path.name)}
    assert with_blocks | {"README.md"} == set(BLOCKS)


@pytest.mark.parametrize("page", BLOCKS)
def test_the_blocks_of_a_page_do_what_it_says(project, page, monkeypatch):
    monkeypatch.setenv("EXAMPLE_API_KEY", "none")
    given, steps = blocks(page), BLOCKS[page]
    assert len(given) == len(steps), "a block was added or taken away: give each its step"
    files_first = sorted(zip(steps, given, strict=True), key=lambda pair: not pair[0].__qualname__.startswith("file."))
    for step, block in files_first:
        step(project, block)
