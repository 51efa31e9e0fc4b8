"""The workflow runs from any folder: by its Snakefile's path, and as a module of another project's Snakefile."""

from __future__ import annotations

import subprocess
from copy import copy
from pathlib import Path

import pytest
import yaml

from helpers.project import ROOT, Project

pytestmark = pytest.mark.slow

QUESTIONS = "results/demo/questions/wards.parquet"
CALLED_BY_PATH = """
configfile: "mine.yaml"


module m1flow:
    snakefile: {snakefile!r}
    config: config


use rule * from m1flow


rule count:
    input:
        "results/small/questions/wards.parquet",
    output:
        "counted.txt",
    shell:
        "wc -c {{input}} > {{output}}"
"""
RENAMED = """
module m1flow:
    snakefile: {snakefile!r}
    config: {config!r}


use rule * from m1flow as m1flow_*


rule mine:
    default_target: True
    input:
        rules.m1flow_all.input,


onstart:
    m1flow.onstart()
"""


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project at a path with a blank and both kinds of quotes."""
    folder = tmp_path_factory.mktemp("project") / 'the lab\'s "shared" tools'
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def elsewhere(project, tmp_path) -> Project:
    """Another folder, in which Snakemake is run."""
    other = copy(project)
    other.folder = tmp_path / "my study"
    other.folder.mkdir()
    return other


def uses(elsewhere: Project, text: str, **values: object) -> None:
    """Give the folder a Snakefile of its own."""
    (elsewhere.folder / "Snakefile").write_text(text.format(**values), encoding="utf-8")


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_another_folder_has_the_demo_by_the_path_of_the_snakefile(project, elsewhere, snakefile):
    arguments = ("--snakefile", str(project.folder / snakefile), "--directory", str(elsewhere.folder))
    before = files(project.folder)
    planned = elsewhere.planned(*arguments)
    assert (planned["fine_tune"], planned["generate"], planned["render_report"]) == (6, 9, 1)
    elsewhere.snakemake(*arguments, QUESTIONS)
    assert (elsewhere.folder / QUESTIONS).is_file()
    assert elsewhere.planned(*arguments, QUESTIONS) == {}
    assert files(project.folder) == before


def test_a_preset_finds_what_ships_with_the_project(project, elsewhere, shared_data):
    """Lists of ids and published numbers, which it names by a path in the project."""
    preset = project.folder / "config" / "presets" / "m1-eval.yaml"
    arguments = ("--snakefile", str(project.folder / "Snakefile"), "--configfile", str(preset))
    assert elsewhere.planned(*arguments, "--config", f"data_folder={shared_data}")["render_report"] == 1


def test_a_study_of_its_own_folder_counts_before_the_demo(project, elsewhere):
    (elsewhere.folder / "config").mkdir()
    small = (ROOT / "tests" / "small.yaml").read_text(encoding="utf-8")
    (elsewhere.folder / "config" / "config.yaml").write_text(small, encoding="utf-8")
    arguments = ("--snakefile", str(project.folder / "Snakefile"))
    assert elsewhere.planned(*arguments)["fine_tune"] == 2


def test_a_module_runs_the_study_that_it_is_handed(project, elsewhere):
    (elsewhere.folder / "mine.yaml").write_text((ROOT / "tests" / "small.yaml").read_text(), encoding="utf-8")
    uses(elsewhere, CALLED_BY_PATH, snakefile=str(project.folder / "Snakefile"))
    planned = elsewhere.planned()
    assert (planned["fine_tune"], planned["generate"], planned["render_report"]) == (2, 3, 1)
    elsewhere.snakemake("counted.txt")
    assert "results/small/questions/wards.parquet" in (elsewhere.folder / "counted.txt").read_text()


def test_a_module_without_a_study_lays_its_settings_over_the_demo(project, elsewhere):
    """And its rules may have other names."""
    uses(elsewhere, RENAMED, snakefile=str(project.folder / "workflow" / "Snakefile"), config={"seed": 3})
    planned = elsewhere.planned()
    assert (planned["m1flow_fine_tune"], planned["m1flow_generate"], planned["m1flow_render_report"]) == (6, 9, 1)
    elsewhere.snakemake(QUESTIONS)
    assert (elsewhere.folder / QUESTIONS).is_file()


def test_a_module_looks_for_keys_before_it_starts_where_it_is_told_to(project, elsewhere):
    endpoint = {"url": "https://far.org/v1", "model": "m", "key_variable": "ABSENT_KEY"}
    config = {"endpoints": {"far": endpoint}, "solvers": {"far": {"endpoint": "far"}}}
    uses(elsewhere, RENAMED, snakefile=str(project.folder / "Snakefile"), config=config)
    done = elsewhere.snakemake("results/demo/attempts/far.parquet", check=False)
    assert done.returncode == 1
    assert (
        "endpoints.far.key_variable: the environment variable ABSENT_KEY isn't set; export it, then rerun"
        in done.stdout
    )


def test_a_wrong_setting_of_a_module_stops_with_one_line(project, elsewhere):
    config = yaml.safe_load((ROOT / "tests" / "small.yaml").read_text(encoding="utf-8"))
    uses(elsewhere, RENAMED, snakefile=str(project.folder / "Snakefile"), config=config | {"sweeps": {}})
    done = elsewhere.snakemake("--dry-run", check=False)
    assert (
        done.returncode == 1 and "error: the study's config: sweeps: unknown key; did you mean 'sweep'?" in done.stdout
    )


def test_a_snakefile_that_was_fetched_without_its_scripts_is_refused(project, elsewhere, tmp_path):
    """As `snakedeploy` has Snakemake fetch it from its host; here from a repository in a folder."""
    repository = tmp_path / "repository"
    repository.mkdir()
    Project(repository)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    uses(elsewhere, RENAMED, snakefile=f"git+file://{repository}/workflow/Snakefile@v1", config={})
    done = elsewhere.snakemake("--dry-run", check=False)
    assert done.returncode == 1 and "clone the project, and use the clone's Snakefile" in done.stdout
