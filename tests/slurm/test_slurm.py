"""On a real SLURM cluster: the same numbers as without one, and every fault of a cluster is survived."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml
from slurm.cluster import Cluster, wait_until

from helpers.faults import RESULTS, back_to_the_base, journal_keys, lines
from helpers.project import ROOT, Project, heed_ctrl_c, small_project

PAGE = ROOT / "docs" / "running" / "cluster.md"
ON_SLURM = ("--profile", "profiles/slurm", "--latency-wait", "10", "--max-status-checks-per-second", "5")
PARTITIONS = {"cpu": {"max_runtime": 3000}, "gpu": {"max_runtime": 3000, "max_gpu": 2}}
# The small study with one of its models.
SMALLER = {"students": {"random_student": None}, "models": {"tiny": None, "random_student": None}}
STUDY = ("--configfile", "small.yaml", "smaller.yaml")
SWEEP, ACCURACY = RESULTS / "sweeps" / "student" / "in_domain.parquet", RESULTS / "tables" / "accuracy.csv"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def smaller_project(folder: Path) -> Project:
    project = small_project(folder)
    project.overlay("smaller.yaml", SMALLER)
    return project


def of_rule(cluster: Cluster, folder: Path, rule: str) -> list[dict[str, str]]:
    """A rule's jobs in a project, oldest first."""
    jobs = [job for job in cluster.jobs() if job["comment"].split("_wildcards")[0] == f"rule_{rule}"]
    return sorted((job for job in jobs if job["folder"] == str(folder)), key=lambda job: int(job["id"]))


def running(cluster: Cluster, folder: Path) -> list[str]:
    return [job["id"] for job in cluster.jobs("--states=R,PD,CG") if job["folder"] == str(folder)]


def documented(start: str) -> str:
    """The command in docs/running/cluster.md that starts so."""
    [command] = re.findall(rf"^{re.escape(start)}.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return command


@pytest.fixture(scope="module")
def on_cluster(cluster, finished, tmp_path_factory) -> Project:
    """The study from its solvers on, on the cluster: Snakemake is killed in the middle, its jobs are cancelled, and it
    is started again.
    """
    project = finished.copied_to(tmp_path_factory.mktemp("cluster") / "project")
    back_to_the_base(project)
    project.overlay("smaller.yaml", SMALLER)
    run = (*STUDY, *ON_SLURM, "--", str(SWEEP), str(ACCURACY))
    journal = project.folder / RESULTS / "journals" / "attempts" / "first.jsonl"
    assert project.kill_when(lambda: lines(journal) > 0, *run), "it ended before"
    assert running(cluster, project.folder), "jobs don't end with Snakemake"
    subprocess.run(documented("squeue --me --noheader"), shell=True, check=True, cwd=project.folder)
    wait_until(lambda: not running(cluster, project.folder), 30)
    project.snakemake("--unlock", *STUDY)
    project.snakemake(*run)
    return project


def test_tables_are_those_of_a_local_run(finished, on_cluster):
    pd.testing.assert_frame_equal(*(pd.read_parquet(one.folder / SWEEP) for one in (on_cluster, finished)))
    ours, theirs = (pd.read_csv(one.folder / ACCURACY) for one in (on_cluster, finished))
    assert len(ours)
    pd.testing.assert_frame_equal(ours, theirs[theirs["model"] == "student"].reset_index(drop=True))


def test_nothing_was_generated_twice(on_cluster):
    keys = journal_keys(on_cluster.folder)
    assert keys == Counter({key: 1 for key in keys})


def test_nothing_is_left_to_do(on_cluster):
    assert on_cluster.planned(*STUDY, "--", str(SWEEP), str(ACCURACY)) == {}


def test_jobs_are_found_by_name_rule_and_log(cluster, on_cluster):
    [scored] = [job for job in of_rule(cluster, on_cluster.folder, "score") if job["comment"].endswith("_student")]
    assert scored["name"].startswith("m1flow_")
    log = on_cluster.folder / "results" / "slurm_logs" / "rule_score" / "student" / f"{scored['id']}.log"
    assert "score the model student" in log.read_text()


def faults_folder(folder: Path) -> Path:
    """A folder with the project's profiles and the workflow of faults."""
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    shutil.copy(Path(__file__).parent / "faults.smk", folder / "Snakefile")
    (folder / "profiles" / "slurm" / "partitions.yaml").write_text(yaml.safe_dump({"partitions": PARTITIONS}))
    return folder


@contextmanager
def snakemake_in(folder: Path, *arguments: str) -> Iterator[subprocess.Popen]:
    """Snakemake on the cluster, while it runs; what it says is in the file ``log``."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "snakemake", *arguments, *ON_SLURM]
        environment = os.environ | {"PATH": path}
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment, preexec_fn=heed_ctrl_c)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def faults(cluster, tmp_path_factory) -> Path:
    """A folder where jobs met their faults under the profile, and Snakemake ended well nevertheless."""
    folder = faults_folder(tmp_path_factory.mktemp("faults"))
    with snakemake_in(folder) as process:
        wait_until(lambda: all((folder / f"{rule}.tried").exists() for rule in ("is_cancelled", "loses_its_node")), 180)
        [cancelled] = of_rule(cluster, folder, "is_cancelled")
        subprocess.run(["scancel", cancelled["id"]], check=True)
        # Not before the others are done: a node takes all its jobs with it.
        others = ("fails", "is_cancelled", "wants_memory", "wants_time", "wants_a_gpu")
        wait_until(lambda: all((folder / rule).exists() for rule in others), 300)
        [lost] = of_rule(cluster, folder, "loses_its_node")
        subprocess.run(["scontrol", "update", f"nodename={lost['node']}", "state=down", "reason=test"], check=True)
        process.wait(timeout=300)
    assert process.returncode == 0, (folder / "log").read_text()
    return folder


@pytest.mark.parametrize(
    ("rule", "states"),
    [
        ("fails", {"FAILED"}),
        ("is_cancelled", {"CANCELLED"}),
        ("loses_its_node", {"NODE_FAIL"}),
        ("wants_memory", {"FAILED", "CANCELLED", "OUT_OF_MEMORY"}),
    ],
)
def test_a_job_that_ended_badly_is_started_again_once(cluster, faults, rule, states):
    first, second = of_rule(cluster, faults, rule)
    assert first["state"] in states
    assert second["state"] == "COMPLETED"


def test_memory_and_time_grow_with_the_attempt(cluster, faults):
    assert [job["memory"] for job in of_rule(cluster, faults, "wants_memory")] == ["700M", "1400M"]
    assert [job["minutes"] for job in of_rule(cluster, faults, "wants_time")] == ["1:00", "11:40:00"]


def test_only_jobs_that_want_gpus_go_where_gpus_are(cluster, faults):
    [job] = of_rule(cluster, faults, "wants_a_gpu")
    assert (job["partition"], job["gres"]) == ("gpu", "gres:gpu:1")
    assert {job["partition"] for job in of_rule(cluster, faults, "fails")} == {"cpu"}


def test_ctrl_c_takes_the_jobs_along(cluster, tmp_path):
    folder = faults_folder(tmp_path)
    with snakemake_in(folder, "is_cancelled") as process:
        wait_until((folder / "is_cancelled.tried").exists, 180)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    wait_until(lambda: not running(cluster, folder), 30)


def test_a_preempted_job_is_left_to_slurm_where_the_profile_says_so(cluster, tmp_path):
    folder = faults_folder(tmp_path)
    profile = folder / "profiles" / "slurm" / "config.yaml"
    documented_as = ("slurm-no-requeue: true", "slurm-requeue: true")
    assert all(f"`{key}`" in PAGE.read_text(encoding="utf-8") for key in documented_as)
    profile.write_text(profile.read_text().replace(*documented_as))
    with snakemake_in(folder, "is_preempted") as process:
        wait_until((folder / "is_preempted.tried").exists, 180)
        [preempted] = of_rule(cluster, folder, "is_preempted")
        other = ("--partition=cpu", f"--nodelist={preempted['node']}", "--exclusive", "--mem=0", "--output=/dev/null")
        subprocess.run(["sbatch", *other, "--wrap=sleep 2"], check=True, cwd=tmp_path.parent)
        process.wait(timeout=240)
    assert process.returncode == 0, (folder / "log").read_text()
    [job] = of_rule(cluster, folder, "is_preempted")
    assert (job["id"], job["state"]) == (preempted["id"], "COMPLETED")


@pytest.fixture(scope="module")
def unrun(tmp_path_factory) -> Project:
    return smaller_project(tmp_path_factory.mktemp("unrun"))


def check(project: Project, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "workflow/scripts/check_slurm.py", "--configfile", *STUDY[1:], *arguments]
    return subprocess.run(command, cwd=project.folder, text=True, capture_output=True, timeout=60)


def test_the_check_finds_nothing_wrong_here(cluster, unrun):
    done = check(unrun)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "problem" not in done.stdout
    assert "this Python runs in the job" in done.stdout


@pytest.mark.parametrize(
    ("partitions", "settings", "problem"),
    [
        ({"cpu": {}, "nowhere": {"max_gpu": 8}}, {"engine": {"gpus": 2}}, "partition nowhere refuses running a model"),
        ({"cpu": {}}, {"engine": {"gpus": 2}}, "none of its partitions has room for running a model"),
        ({"gpu": {"max_gpu": 8}}, {"engine": {"gpus": 8}}, "partition gpu refuses running a model"),
        (
            {"cpu": {}},
            {"students": {"student": {"resources": {"runtime": 9000}}}},
            "allows 3000 minutes: training student",
        ),
    ],
)
def test_the_check_names_what_the_cluster_refuses(cluster, unrun, partitions, settings, problem):
    file = unrun.folder / "profiles" / "slurm" / "partitions.yaml"
    before = file.read_text()
    file.write_text(yaml.safe_dump({"partitions": partitions}))
    try:
        done = check(unrun, unrun.overlay("cluster.yaml", settings))
    finally:
        file.write_text(before)
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if line.startswith("problem")]
    assert problem in line
    assert "profiles/slurm/partitions.yaml" in line
