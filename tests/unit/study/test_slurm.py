"""The look at a cluster: what it finds in what SLURM's programs say, here by a script."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from helpers.project import Project
from m1flow.errors import M1FlowError
from m1flow.study import slurm
from m1flow.study.reading import read_study
from m1flow.study.slurm import Answer, Need, Profile

ROOT = Path(__file__).parents[3]
CPU = Need("a stage", 1, 4000, 120)
PARTITIONS = (
    "PartitionName=cpu AllowAccounts=ALL Default=YES MaxTime=1-02:00:00 State=UP\n"
    "PartitionName=free Default=NO MaxTime=UNLIMITED State=UP\n"
)


class Cluster:
    """Answers as a cluster would in which all is well, but for what is overridden by a program's name."""

    def __init__(self, folder: Path, **answers: Answer):
        self.folder = folder
        self.asked: list[tuple[str, ...]] = []
        self.answers = {
            "ping": Answer(0, "Slurmctld(primary) at login is UP\n", ""),
            "config": Answer(0, "MaxTasksPerNode = 512\nMinJobAge               = 300 sec\n", ""),
            "sacctmgr": Answer(0, "lab\nother\n", ""),
            "squeue": Answer(0, "", ""),
            "partition": Answer(0, PARTITIONS, ""),
            "sbatch": Answer(0, "", "sbatch: Job 7 to start at 2026-01-01T00:00:00\n"),
        } | answers

    def __call__(self, *command: str, seconds: float = 0) -> Answer:
        self.asked.append(command)
        if command[0] == "srun" and "srun" not in self.answers:
            [mark] = re.findall(r"> (\S+)", command[-1])
            Path(mark).write_text("n1\n")
            return Answer(0, "", "")
        return self.answers[command[-1] if command[0] == "scontrol" else command[0]]


@pytest.fixture
def look(tmp_path, monkeypatch):
    """A function that looks at a scripted cluster and gives the findings' kinds and texts."""
    monkeypatch.setattr(slurm.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(slurm, "_check_plugins", lambda: iter(()))
    monkeypatch.setattr(slurm.time, "sleep", lambda seconds: None)

    def looked(
        need: Need = CPU,
        account: str | None = None,
        partition: str | None = None,
        requeues: bool = False,
        **answers: Answer,
    ):
        profile = Profile(Path("p/config.yaml"), account, partition, None, requeues)
        cluster = Cluster(tmp_path, **answers)
        found = list(slurm.findings(profile, [need], tmp_path, cluster))
        return [(finding.kind, finding.text) for finding in found], cluster.asked

    return looked


def problems(found: list[tuple[str, str]]) -> list[str]:
    return [text for kind, text in found if kind == "problem"]


def test_a_cluster_in_which_all_is_well_has_no_problem_and_no_note(look, tmp_path):
    found, _ = look(account="lab")
    assert {kind for kind, _ in found} == {"ok"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"ping": Answer(1, "Slurmctld(primary) at login is DOWN\n", "")}, "DOWN"),
        ({"config": Answer(0, "MinJobAge = 30 sec\n", "")}, "MinJobAge is 30 s"),
        ({"sbatch": Answer(1, "", "sbatch: error: x\nallocation failure: Invalid qos\n")}, "accepts|refuses"),
        ({"srun": Answer(1, "", "srun: error: chdir: No such file\n")}, "a file system that all nodes share"),
    ],
)
def test_a_problem_is_one_line_with_a_cure(look, answers, said):
    found, _ = look(**answers)
    [problem] = problems(found)
    assert re.search(said, problem)
    assert ";" in problem
    assert "\n" not in problem


def test_another_account_is_a_problem_and_yours_are_named(look):
    found, _ = look(account="theirs")
    [problem] = problems(found)
    assert "theirs" in problem
    assert "lab, other" in problem


def test_no_accounting_is_no_problem(look):
    found, _ = look(sacctmgr=Answer(1, "", "You are not running a supported accounting_storage plugin\n"))
    assert problems(found) == []
    assert [kind for kind, _ in found].count("note") == 1


def test_python_that_does_not_start_in_a_job_is_told_from_a_file_that_does_not_show(look, tmp_path, monkeypatch):
    def ask(self, *command: str, seconds: float = 0) -> Answer:
        if command[0] == "srun":
            Path(re.findall(r"> (\S+)", command[-1])[0]).write_text("n1\n")
            return Answer(127, "", f"sh: 1: exec: {sys.executable}: not found\n")
        return original(self, *command, seconds=seconds)

    original = Cluster.__call__
    monkeypatch.setattr(Cluster, "__call__", ask)
    found, _ = look()
    assert ("ok", "a job's test file appears here, from n1") in found
    [problem] = problems(found)
    assert "doesn't run in a job" in problem


def test_a_cluster_that_preempts_is_told_of_unless_slurm_may_requeue(look):
    config = Answer(0, "MinJobAge = 300 sec\nPreemptType             = preempt/partition_prio\n", "")
    [note] = [text for kind, text in look(config=config)[0] if kind == "note"]
    assert "slurm-requeue" in note
    assert {kind for kind, _ in look(config=config, requeues=True)[0]} == {"ok"}


def test_a_full_queue_is_no_problem(look):
    found, _ = look(srun=Answer(124, "", "no answer in 30 s"))
    assert problems(found) == []
    assert any("no job started" in text for kind, text in found if kind == "note")


@pytest.mark.parametrize(("runtime", "count"), [(1560, 0), (1561, 1)])
def test_a_job_longer_than_its_partition_allows_is_a_problem(look, runtime, count):
    found, _ = look(Need("teaching", 1, 4000, runtime))
    assert len(problems(found)) == count
    assert problems(look(Need("teaching", 1, 4000, runtime), partition="free")[0]) == []


def test_what_is_tested_is_what_the_job_asks_for(look):
    _, asked = look(Need("training", 8, 64000, 600, gpus=4, nodes=2), account="lab", partition="cpu")
    [tested] = [command for command in asked if "--test-only" in command]
    wanted = {"--gres=gpu:4", "--nodes=2", "--mem=64000", "--time=600", "--account=lab", "--partition=cpu"}
    assert wanted <= set(tested)


def test_jobs_of_an_earlier_run_in_this_folder_are_named(look, tmp_path):
    lines = [f"11 m1flow_ab {tmp_path}", "12 m1flow_cd /elsewhere", f"13 another {tmp_path}"]
    found, _ = look(squeue=Answer(0, "\n".join(lines) + "\n", ""))
    [note] = [text for kind, text in found if kind == "note"]
    assert "11" in note
    assert "12" not in note
    assert "13" not in note


@pytest.mark.parametrize(
    ("content", "account", "partition"),
    [
        ({"executor": "slurm", "default-resources": {"slurm_account": "a", "mem_mb": 1}}, "a", None),
        ({"executor": "slurm", "default-resources": ["slurm_account=a", "slurm_partition=b"]}, "a", "b"),
        ({"executor": "slurm"}, None, None),
    ],
)
def test_a_profile_is_read_in_both_ways_to_write_it(tmp_path, content, account, partition):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    profile = Profile.read(tmp_path)
    assert (profile.account, profile.partition) == (account, partition)


@pytest.mark.parametrize(
    ("content", "why"),
    [("cores: 2\n", "executor"), ("- a\n", "executor"), ("a: [\n", "can't be read"), ("\xff", "can't be read")],
)
def test_what_is_no_slurm_profile_is_refused(tmp_path, content, why):
    (tmp_path / "config.yaml").write_text(content, encoding="latin-1")
    with pytest.raises(M1FlowError, match=why):
        Profile.read(tmp_path)


def test_the_default_profile_overrides_nothing_of_the_slurm_profile():
    """Snakemake reads profiles/default beside `--profile profiles/slurm`, and lets it win key by key."""
    default, cluster = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()) for name in ("default", "slurm")
    )
    assert {key: cluster.get(key) for key in default} == default


def test_memory_and_time_of_every_rule_grow_with_the_attempt():
    """But for a runtime that is a day at once, which such a job goes on after; a student's are its own."""
    for file in sorted((ROOT / "rules").glob("*.smk")):
        asked = re.findall(r"^ +(?:mem_mb|runtime)=(.+),$", file.read_text(), flags=re.MULTILINE)
        flat = [value for value in asked if not value.startswith("growing(")]
        assert not flat, file.name


FAR = {
    "endpoints": {"far": {"url": "https://far.org/v1", "model": "x"}},
    "solvers": {"far": {"endpoint": "far"}},
    "teachers": {"far": {"kind": "model", "endpoint": "far", "format": "m1"}},
    "datasets": {"hard_40": {"teacher": "far"}},
}
SHORT = {"students": {"tiny_hard_40": {"push_to_hub": "lab/tiny", "resources": {"runtime": 30, "mem_mb": 900}}}}


@pytest.mark.parametrize("settings", [{}, FAR], ids=["no endpoint", "endpoints"])
def test_no_job_asks_for_more_than_the_check_tests_of_its_kind(tmp_path, settings):
    """Jobs on GPUs and without go to different partitions, and training asks for what the study says."""
    project = Project(tmp_path)
    given = (project.folder / "config" / "config.yaml", tmp_path / "more.yaml")
    project.overlay("more.yaml", {"engine": {"gpus": 2}, **SHORT, **settings})
    needs = slurm.needs_of(read_study(list(given)))
    for rule, runtime, gpus, mem_mb in planned_jobs(project, "--configfile", *map(str, given), "--", "all", "pushes"):
        own = [need for need in needs if need.what.startswith("training") == rule.startswith("fine_tune")]
        tested = any((need.gpus, True) == (gpus, need.runtime >= runtime and need.mem_mb >= mem_mb) for need in own)
        assert tested, f"{rule}: {runtime} minutes, {gpus} GPUs, {mem_mb} MB"


def planned_jobs(project: Project, *arguments: str) -> list[tuple[str, int, int, int]]:
    """Rule, minutes, GPUs and MB of each job that a run would submit."""
    without_messages = 'include: "Snakefile"\nfor each in workflow.rules:\n    each.message = None\n'
    (project.folder / "told").write_text(without_messages)  # a rule's message stands for all else that is said of a job
    output = project.snakemake("--dry-run", "--snakefile", "told", *arguments).stdout
    jobs = []
    for rule, said in re.findall(r"^rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", output, re.MULTILINE):
        asked = dict(pair.split("=", 1) for pair in said.split(", "))
        if "runtime" in asked:  # not the targets
            jobs.append((rule, int(asked["runtime"]), int(asked.get("gpus", 0)), int(asked["mem_mb"])))
    assert {"attempt", "teach", "fine_tune", "generate", "push_student"} <= {rule for rule, *_ in jobs}
    return jobs
