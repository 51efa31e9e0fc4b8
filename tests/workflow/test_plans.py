"""What Snakemake would do, without doing it: every preset plans, mistakes stop it in one line."""

from __future__ import annotations

import pytest
from project import ROOT, Project

PRESETS = sorted((ROOT / "config" / "presets").glob("*.yaml"))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


def test_the_demo_plans_every_stage(project):
    assert project.planned() == {
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
        "generate": 8,
        "score": 8,
        "make_tables": 1,
        "analyse_sweeps": 1,
        "render_report": 1,
    }


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_plans(project, preset, shared_data):
    arguments = ("--configfile", f"config/presets/{preset.name}", "--config", f"data_folder={shared_data}")
    assert project.planned(*arguments)["render_report"] == 1


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
