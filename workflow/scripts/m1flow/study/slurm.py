"""Checks whether a SLURM cluster can run a study, before any job is submitted.

Each check asks the cluster itself: SLURM tests a submission of each kind of job that the study has, and one tiny job is
run. If something can't be checked (no accounting, a full queue), it is noted, not counted as a problem.
"""

from __future__ import annotations

import getpass
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from m1flow.errors import M1FlowError
from m1flow.study.study import Study

PLUGINS = {"snakemake-executor-plugin-slurm": "2.8.0", "snakemake-executor-plugin-slurm-jobstep": "0.6.1"}
PROGRAMS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
JOB_AGE_SECONDS = 300
TEST_JOB = "m1flow_check"
# The resources that the rules ask for: stages that ask a model, and all others.
MODEL_MINUTES, MODEL_MB, GPU_MB = 1440, 4000, 32000
STAGE_MINUTES, STAGE_MB, PUSH_MINUTES = 120, 4000, 240
MUST_LOAD = "import snakemake.cli, snakemake_executor_plugin_slurm_jobstep"
SECONDS_TO_ANSWER = 10
SECONDS_TO_RUN = 30


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``kind`` is ok, note (unchecked, or worth knowing) or problem."""

    kind: str
    text: str


@dataclass(frozen=True)
class Answer:
    """A program's exit status and output."""

    status: int
    output: str
    errors: str

    @property
    def why(self) -> str:
        """The last line of the program's errors, or of its output."""
        lines = (self.errors or self.output).strip().splitlines()
        return lines[-1].strip() if lines else f"exit status {self.status}"


@dataclass(frozen=True)
class Need:
    """The resources of a kind of job; ``runtime`` in minutes, ``mem_mb`` and ``gpus`` per node."""

    what: str
    threads: int
    mem_mb: int
    runtime: int
    gpus: int = 0
    nodes: int = 1


Ask = Callable[..., Answer]


def ask(*command: str, seconds: float = SECONDS_TO_ANSWER) -> Answer:
    """Run a program; if it doesn't answer in time, the status is 124, as with ``timeout``."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return Answer(124, "", f"no answer in {seconds:g} s")
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Profile:
    """The part of a profile that decides where jobs run."""

    path: Path
    account: str | None
    partition: str | None
    partition_file: Path | None
    requeues: bool = False

    @classmethod
    def read(cls, folder: Path) -> Profile:
        """Read ``config.yaml`` in a profile's folder.

        Raises:
            M1FlowError: the file is missing, or isn't a SLURM profile.
        """
        path = folder / "config.yaml"
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise M1FlowError(
                f"{path}: can't be read ({type(error).__name__}); give the profile's folder with --profile"
            ) from None
        if not isinstance(content, dict) or content.get("executor") != "slurm":
            raise M1FlowError(f"{path}: executor: must be slurm; give the folder of a SLURM profile with --profile")
        defaults = content.get("default-resources") or {}
        if isinstance(defaults, list):
            defaults = dict(entry.partition("=")[::2] for entry in defaults)
        file = content.get("slurm-partition-config")
        places = (defaults.get("slurm_account"), defaults.get("slurm_partition"), Path(file) if file else None)
        return cls(path, *places, bool(content.get("slurm-requeue")))


def needs_of(study: Study) -> list[Need]:
    """The kinds of jobs that a study has, with the resources of their first attempts."""
    threads, gpus = study.engine.threads, study.engine.gpus
    needs = [
        Need("a stage", 2, STAGE_MB, STAGE_MINUTES),
        Need("running a model", threads, MODEL_MB + GPU_MB * gpus, MODEL_MINUTES, gpus),
    ]
    asking: list[Any] = [*study.solvers.values(), *study.teachers.values(), study.domains]
    asking += [study.judge] if study.judge else []
    if gpus and any(entry.endpoint for entry in asking):  # without GPUs, it needs the same as running a model
        needs.append(Need("asking an endpoint", threads, MODEL_MB, MODEL_MINUTES))
    if any(student.push_to_hub for student in study.students.values()):
        needs.append(Need("pushing a student", 1, STAGE_MB, PUSH_MINUTES))
    for name, student in study.students.items():
        job = student.resources
        needs.append(Need(f"training {name}", job.threads, job.mem_mb, job.runtime, job.gpus, job.nodes))
    kinds: dict[Need, Need] = {}
    for need in needs:  # students with equal resources are one kind
        kinds.setdefault(replace(need, what="training" if need.what.startswith("training") else need.what), need)
    return list(kinds.values())


def findings(profile: Profile, needs: list[Need], folder: Path, ask: Ask = ask) -> Iterator[Finding]:
    """Run all checks in order of importance; stop if no further check is possible.

    Args:
        profile: the profile that decides where jobs run.
        needs: the kinds of jobs to test.
        folder: the project's folder, which jobs must see.
        ask: a function that runs a program, like `ask`.
    """
    found = _check_tools(ask)
    yield found
    if found.kind == "problem":
        return
    plugins = list(_check_plugins())
    yield from plugins
    if any(found.kind == "problem" for found in plugins):
        return
    yield _check_job_age(ask)
    yield from _check_preemption(profile, ask)
    yield _check_account(profile, ask)
    yield _check_queue(folder, ask)
    try:
        places = [(need, _partition_for(need, profile)) for need in needs]
    except M1FlowError as error:
        yield Finding("problem", str(error))
        return
    for need, partition in places:
        yield _check_submission(need, partition, profile, ask)
    yield from _check_job(places[0][1], profile, folder, ask)


def _check_tools(ask: Ask) -> Finding:
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return Finding("problem", f"not found: {', '.join(missing)}; run this on the cluster's login node")
    answer = ask("scontrol", "ping")
    if answer.status:
        return Finding("problem", f"the cluster doesn't answer: {answer.why}; try again, or ask its administrators")
    return Finding("ok", "the cluster answers")


def _check_plugins() -> Iterator[Finding]:
    for name, wanted in PLUGINS.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = None
        cure = f"run: pip install --no-deps {name}=={wanted}"
        if installed is None:
            yield Finding("problem", f"{name} is not installed; {cure}")
        elif installed != wanted:
            yield Finding("note", f"{name} {installed} is installed, but the profile was tested with {wanted}; {cure}")


def _check_job_age(ask: Ask) -> Finding:
    answer = ask("scontrol", "show", "config")
    match = re.search(r"^MinJobAge\s*=\s*(\d+)", answer.output, re.MULTILINE)
    if match is None:
        return Finding("note", "the cluster doesn't tell its MinJobAge; below 300 s, Snakemake may miss ended jobs")
    if int(match[1]) < JOB_AGE_SECONDS:
        problem = f"MinJobAge is {match[1]} s: Snakemake may miss that a job ended, and wait for ever"
        cure = (
            f"ask the administrators for {JOB_AGE_SECONDS} s, or set slurm-status-command: sacct and never use scancel"
        )
        return Finding("problem", f"{problem}; {cure}")
    return Finding("ok", f"ended jobs are listed for {match[1]} s (MinJobAge)")


def _check_preemption(profile: Profile, ask: Ask) -> Iterator[Finding]:
    """Check preemption: Snakemake expects SLURM to restart a preempted job, and waits for ever if SLURM may not."""
    match = re.search(r"^PreemptType\s*=\s*(\S+)", ask("scontrol", "show", "config").output, re.MULTILINE)
    if match and match[1] not in ("preempt/none", "(null)") and not profile.requeues:
        cure = f"for preemptible partitions, replace slurm-no-requeue with slurm-requeue in {profile.path}"
        yield Finding("note", f"this cluster preempts jobs ({match[1]}); {cure} (docs/running/cluster.md)")


def _check_account(profile: Profile, ask: Ask) -> Finding:
    user = getpass.getuser()
    answer = ask("sacctmgr", "-nP", "show", "associations", f"user={user}", "format=account")
    accounts = sorted({line.strip() for line in answer.output.splitlines() if line.strip()})
    if answer.status or not accounts:
        why = answer.why if answer.status else f"SLURM knows no account of {user}"
        return Finding("note", f"can't look up your accounts: {why}")
    if profile.account and profile.account.lower() not in map(str.lower, accounts):
        return Finding(
            "problem",
            f"{profile.path}: slurm_account: {profile.account} is not one of your accounts; use {', '.join(accounts)}",
        )
    if profile.account:
        return Finding("ok", f"the account {profile.account} is yours")
    return Finding("ok", f"no account is named: SLURM uses your default account (one of {', '.join(accounts)})")


def _check_queue(folder: Path, ask: Ask) -> Finding:
    """Check for jobs of a run whose Snakemake was killed: they go on, and a new run would start them a second time."""
    lines = ask("squeue", "--me", "--noheader", "--format=%i %j %Z").output.splitlines()
    jobs = [line.split(maxsplit=2) for line in lines]
    running = [
        id for id, name, place in jobs if name.startswith("m1flow_") and name != TEST_JOB and place == str(folder)
    ]
    if running:
        cure = "let them end or cancel them before you start Snakemake again (docs/running/cluster.md)"
        return Finding("note", f"jobs of another run are in the queue: {', '.join(running)}; {cure}")
    return Finding("ok", "no job of an earlier run is in the queue")


def _partition_for(need: Need, profile: Profile) -> str:
    """The partition that Snakemake would choose, by its own rule; "" for the cluster's default.

    Raises:
        M1FlowError: the file of partitions is wrong, or none of its partitions can hold the job.
    """
    if profile.partition:
        return profile.partition
    if profile.partition_file is None:
        return ""
    partitions = importlib.import_module("snakemake_executor_plugin_slurm.partitions")
    try:
        declared = partitions.read_partition_file(profile.partition_file)
    except Exception as error:  # the plugin's own errors, of several classes
        raise M1FlowError(f"{profile.partition_file}: {' '.join(str(error).split())}; correct the file") from None
    if not declared:
        return ""
    resources = {"mem_mb": need.mem_mb, "runtime": need.runtime, "nodes": need.nodes, "gres": _gres(need)}
    silent = SimpleNamespace(debug=lambda text: None, info=lambda text: None, warning=lambda text: None)
    job = SimpleNamespace(name=need.what, threads=need.threads, resources=resources)
    chosen = partitions.get_best_partition(declared, job, silent)
    if chosen is None:
        raise M1FlowError(
            f"{profile.partition_file}: none of its partitions has room for {_described(need)}; "
            "add one that has, or ask for less (docs/running/cluster.md)"
        )
    return chosen


def _check_submission(need: Need, partition: str, profile: Profile, ask: Ask) -> Finding:
    """SLURM's own test of a submission: account, partition, limits and GPUs, without any job."""
    command = ["sbatch", "--test-only", *_placed(partition, profile), f"--mem={need.mem_mb}", f"--time={need.runtime}"]
    command += [f"--nodes={need.nodes}", f"--ntasks={need.nodes}", f"--cpus-per-task={need.threads}"]
    command += [f"--gres={_gres(need)}"] if need.gpus else []
    answer = ask(*command, "--wrap=true")
    place = f"partition {partition}" if partition else "the default partition"
    if answer.status == 124:
        return Finding("note", f"{place}: SLURM took too long to test {_described(need)}")
    if answer.status:
        return Finding("problem", f"{place} refuses {_described(need)}: {_reason(answer)}; {_cure(need, profile)}")
    minutes = _longest(partition, ask)
    if minutes is not None and minutes < need.runtime:
        return Finding(
            "problem",
            f"{place} allows {minutes} minutes: {_described(need)} would wait in the queue for ever; "
            f"{_cure(need, profile)}, or ask for less runtime (docs/running/cluster.md)",
        )
    return Finding("ok", f"{place} accepts {_described(need)}")


def _check_job(partition: str, profile: Profile, folder: Path, ask: Ask) -> Iterator[Finding]:
    """Run a tiny job, which writes a file here and loads Snakemake."""
    mark = folder / f".slurm-check-{os.getpid()}"
    script = f"hostname > {shlex.quote(str(mark))} && exec {shlex.quote(sys.executable)} -c '{MUST_LOAD}'"
    command = ["srun", f"--job-name={TEST_JOB}", *_placed(partition, profile), "--ntasks=1", "--mem=1000", "--time=2"]
    try:
        answer = ask(*command, f"--chdir={folder}", "sh", "-c", script, seconds=SECONDS_TO_RUN)
        node = _first_line(mark)
    finally:
        mark.unlink(missing_ok=True)
    if answer.status == 124 and node is None:
        yield Finding("note", f"no job started within {SECONDS_TO_RUN} s, so none was checked; try again later")
    elif node is None:
        shared = "put the project on a file system that all nodes share"
        yield Finding("problem", f"a job's test file doesn't appear in {folder}: {answer.why}; {shared}")
    elif answer.status == 124:
        yield Finding("ok", f"a job's test file appears here, from {node}")
        yield Finding("note", f"Python took more than {SECONDS_TO_RUN} s to start there: the file system is slow")
    elif answer.status:
        yield Finding("ok", f"a job's test file appears here, from {node}")
        cure = "put the environment where all nodes see it, then make it again"
        yield Finding("problem", f"{sys.executable} doesn't run in a job: {answer.why}; {cure}")
    else:
        yield Finding("ok", f"a job's test file appears here, and this Python runs in the job ({node})")


def _first_line(path: Path) -> str | None:
    """The first line of a file that may appear with a delay."""
    for _ in range(20):
        os.listdir(path.parent)  # makes a network file system refresh
        if path.exists() and (text := path.read_text(encoding="utf-8").strip()):
            return text.splitlines()[0]
        time.sleep(0.25)
    return None


def _placed(partition: str, profile: Profile) -> list[str]:
    """The flags for a job's partition and account."""
    flags = [f"--partition={partition}"] if partition else []
    return flags + ([f"--account={profile.account}"] if profile.account else [])


def _longest(partition: str, ask: Ask) -> int | None:
    """The longest runtime a partition allows, in minutes; None for no limit, or an unknown one."""
    for line in ask("scontrol", "--oneliner", "show", "partition").output.splitlines():
        fields = _pairs(line)
        if fields.get("PartitionName") == partition or (not partition and fields.get("Default") == "YES"):
            return _minutes(fields.get("MaxTime", "UNLIMITED"))
    return None


def _pairs(line: str) -> Mapping[str, str]:
    return dict(pair.split("=", 1) for pair in line.split() if "=" in pair)


def _minutes(limit: str) -> int | None:
    """SLURM's ``[days-]hours:minutes:seconds`` in minutes."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", limit)
    return int(match[1] or 0) * 1440 + int(match[2]) * 60 + int(match[3]) if match else None


def _gres(need: Need) -> str:
    return f"gpu:{need.gpus}" if need.gpus else ""


def _described(need: Need) -> str:
    """A kind of job in words."""
    parts = [f"{need.nodes} nodes" if need.nodes > 1 else "", f"{need.gpus} GPUs" if need.gpus else ""]
    parts += [f"{need.mem_mb} MB", f"{need.runtime} minutes"]
    return f"{need.what} ({', '.join(filter(None, parts))})"


def _reason(answer: Answer) -> str:
    """The reason for SLURM's refusal, without the name of its program."""
    return re.sub(r"^(sbatch: error: |allocation failure: )+", "", answer.why)


def _cure(need: Need, profile: Profile) -> str:
    place = profile.partition_file or profile.path
    return f"name a partition {'with such GPUs ' if need.gpus else ''}in {place}"
