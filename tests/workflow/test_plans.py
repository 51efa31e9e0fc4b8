"""What Snakemake would do, without doing it: every study in config/ plans, mistakes stop it in one line."""

from __future__ import annotations

import re
import shlex

import pytest

from helpers.project import ROOT, Project

PRESETS = sorted((ROOT / "config" / "presets").glob("*.yaml"))
OVERLAYS = sorted((ROOT / "config" / "overlays").glob("*.yaml"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """The arguments of all `snakemake` commands in a text or in a file's comments, but what takes conda."""
    lines = re.findall(r"^(?:#\s+)?snakemake (.+)$", text, re.MULTILINE)
    return [[word for word in shlex.split(line, comments=True) if word != "--use-conda"] for line in lines]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def demo(project):
    return project.planned()


def test_the_demo_plans_every_stage(demo):
    assert demo == {
        "collect_source": 2,
        "collect_benchmark": 3,
        "build_pool": 1,
        "write_corpus": 2,
        "train_base": 2,
        "attempt": 2,
        "rate_difficulty": 1,
        "teach": 1,
        "tokenise_traces": 1,
        "select_dataset": 4,
        "fine_tune": 6,
        "generate": 9,
        "score": 9,
        "make_table": 20,
        "write_paper_tables": 1,
        "render_report": 1,
    }


def test_a_study_of_another_name_is_the_demo_but_for_what_is_said(project, demo):
    (project.folder / "seed.yaml").write_text("seed: 3\n")
    assert project.planned("--config", "study=another") == demo
    assert project.planned("--configfile", "seed.yaml", "--config", "study=another") == demo


def test_a_table_made_from_what_a_study_lacks_is_none_of_its_tables(tmp_path):
    project = Project(tmp_path)
    folder = project.folder / "workflow" / "scripts" / "m1flow" / "analysis" / "tables"
    for need in ("sweeps", "judged", "leaked_pairs", "leakable_benchmarks", "leakable_sweeps", "published_as"):
        (folder / f"of_{need}.py").write_text(f"def make(*, {need}): ...\n", encoding="utf-8")
    said = project.snakemake("--dry-run").stdout
    assert set(re.findall(r"make the table (of_\w+)$", said, re.MULTILINE)) == {"of_sweeps"}


def test_what_a_study_lacks_can_not_be_asked_for(project):
    refused = project.snakemake("--dry-run", "--", "results/demo/judged.parquet", check=False)
    assert refused.returncode == 1 and "judge: missing in this study; add it" in refused.stdout


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_plans(project, preset, shared_data):
    arguments = ("--configfile", f"config/presets/{preset.name}", "--config", f"data_folder={shared_data}")
    assert project.planned(*arguments)["render_report"] == 1


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_every_overlay_plans_by_the_command_at_its_top(project, overlay):
    given = commands(overlay.read_text(encoding="utf-8"))
    assert given, "the comment at its top has to say, with a snakemake command, over which study it is laid"
    for arguments in given:
        assert f"config/overlays/{overlay.name}" in arguments
        assert project.planned(*arguments)["render_report"] == 1


def test_every_make_target_of_the_readme_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_the_snakefile_of_the_catalog_plans_the_same(project, demo):
    assert project.planned("--snakefile", "workflow/Snakefile") == demo | {"study": 1}


def test_the_paper_with_traces_asked_for_plans(project):
    planned = project.planned("--configfile", "config/presets/m1.yaml", "config/overlays/ask-r1.yaml", "--", "datasets")
    assert planned["select_dataset"] == 6
    assert (planned["teach"], planned["tokenise_traces"], planned["assign_domains"]) == (1, 1, 1)
    assert planned["attempt"] == 2


@pytest.mark.parametrize(
    ("target", "jobs"),
    [
        ("pool", {"collect_source": 2, "collect_benchmark": 3, "build_pool": 1}),
        ("results/demo/questions/wards.parquet", {"collect_source": 1}),
        ("results/demo/models/tiny", {"write_corpus": 1, "train_base": 1}),
    ],
)
def test_a_target_plans_only_what_it_needs(project, target, jobs):
    assert project.planned(target) == jobs


def test_one_sweep_by_its_file_name_plans_one_model(project):
    planned = project.planned("results/demo/sweeps/tiny_hard_40/in_domain.parquet")
    assert (planned["generate"], planned["score"], planned["fine_tune"]) == (1, 1, 1)
    assert "render_report" not in planned


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sweep": {"budgts": [8]}}, "bad.yaml: sweep.budgts: unknown key; did you mean 'budgets'?"),
        ({"sweep": {"budgets": "many"}}, "bad.yaml: sweep.budgets: must be a list"),
        (
            {"students": {"tiny_hard_40": {"dataset": "hard_41"}}},
            "bad.yaml: students.tiny_hard_40.dataset: 'hard_41' is not in",
        ),
        (
            {"sources": {"x": {"adapter": "headqa", "path": "none.json"}}},
            "bad.yaml: sources.x.path: none.json: no such file",
        ),
    ],
)
def test_a_wrong_config_stops_with_one_line(project, settings, message):
    overlay = project.overlay("bad.yaml", settings)
    done = project.snakemake("--dry-run", "--configfile", "config/config.yaml", overlay, check=False)
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "error" in line.lower()]
    assert line.startswith(f"error: {message}")
    assert "Traceback" not in done.stdout


def test_an_overlay_over_the_default_study_is_the_file_at_fault(project):
    overlay = project.overlay("alone.yaml", {"sweep": {"budgets": [0, -8]}})
    done = project.snakemake("--dry-run", "--configfile", overlay, check=False)
    assert done.returncode == 1 and f"error: {overlay}: sweep.budgets.1: must be at least 0" in done.stdout
