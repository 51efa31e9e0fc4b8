"""Starting a training run: in this process, in several on this machine, or on several nodes of a SLURM job.

The job's resources decide which. A run of one process trains in the process that calls this module. Several processes
are started here, one per GPU, each by the same command with its rank in the environment, as torch's launchers set it,
and with accelerate's settings for FSDP2 if there are GPUs. On several nodes, ``srun`` runs this launcher once on each.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from m1flow.errors import M1FlowError
from m1flow.models.gpus import claimed_gpus

_ON_NODE = "M1FLOW_ON_NODE"
_GRACE_SECONDS = 10.0
_LONGEST_MESSAGE = 4000


@dataclass(frozen=True)
class Computation:
    """Where and how a run computes, and its files beside the model; none of it changes the trained model.

    Attributes:
        gpus: number of GPUs per node, one for each process; 0 computes on the CPU.
        nodes: number of nodes of a SLURM job.
        processes: number of processes per node on the CPU.
        device_tokens: maximum tokens, padding included, that a process computes at once; one example may be longer.
        gradient_checkpointing: whether to compute activations twice, to save memory.
        checkpoint_minutes: minutes between checkpoints.
        checkpoints: the student's folder of checkpoints; None saves none.
        report_to: a tracker (tensorboard, wandb, trackio), "auto" for TensorBoard if it is installed, or "none".
        reports: the folder for TensorBoard's files.
    """

    gpus: int = 0
    nodes: int = 1
    processes: int = 1
    device_tokens: int = 16384
    gradient_checkpointing: bool = False
    checkpoint_minutes: float = 15
    checkpoints: Path | None = None
    report_to: str = "none"
    reports: Path | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether processes compute on GPUs."""
        return self.gpus > 0

    @property
    def of_node(self) -> int:
        """Number of processes on each node."""
        return self.gpus or self.processes

    @property
    def in_all(self) -> int:
        """Number of processes on all nodes."""
        return self.nodes * self.of_node


def sharded() -> bool:
    """Whether this process is one of several that share the weights (FSDP2)."""
    return os.environ.get("ACCELERATE_USE_FSDP") == "true"


@contextlib.contextmanager
def started(computation: Computation, precision: str) -> Iterator[None]:
    """Enter the block in a training process; in any other, start the training processes and exit with their status.

    Args:
        computation: where to compute.
        precision: precision of the arithmetic, float32 or bfloat16.

    Raises:
        M1FlowError: GPUs or a SLURM job are missing.
        SystemExit: the started processes have ended.
    """
    if "RANK" in os.environ:  # started below, or by torchrun or accelerate
        yield
        return
    if computation.nodes > 1 and _ON_NODE not in os.environ:
        sys.exit(_supervise([subprocess.Popen(_srun(computation), env=os.environ | _slurm_job() | {_ON_NODE: "1"})]))
    with claimed_gpus(computation.gpus) as gpus:
        if len(gpus) < computation.gpus:
            raise M1FlowError(
                f"students: resources: gpus: {computation.gpus} asked for, but {len(gpus)} seen on "
                f"{socket.gethostname()}; "
                "lower gpus, or run on a machine that has them (on SLURM: --profile profiles/slurm)"
            )
        if computation.in_all > 1:
            common = {"ACCELERATE_USE_CPU": "true"} if not computation.on_gpu else _sharding(computation, precision)
            sys.exit(_run_here(computation, common | _rendezvous(computation)))
        yield


def _run_here(computation: Computation, common: Mapping[str, str]) -> int:
    """Run this node's processes. The first one logs for all; others' errors are shown if the first didn't fail."""
    first = int(os.environ.get("SLURM_NODEID", 0)) * computation.of_node if computation.nodes > 1 else 0
    with contextlib.ExitStack() as files:
        error_files = [files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(computation.of_node - 1)]
        processes = [_process(first + n, n, computation, common, file) for n, file in enumerate([None, *error_files])]
        code = _supervise(processes)
        if code and processes[0].returncode in (0, -signal.SIGKILL):
            for process, file in zip(processes[1:], error_files, strict=True):
                if process.returncode > 0:
                    file.seek(0)
                    sys.stderr.write(file.read()[-_LONGEST_MESSAGE:])
    return code


def _process(
    rank: int, local_rank: int, computation: Computation, common: Mapping[str, str], errors: IO | None
) -> subprocess.Popen:
    own = {
        "RANK": rank,
        "LOCAL_RANK": local_rank,
        "WORLD_SIZE": computation.in_all,
        "LOCAL_WORLD_SIZE": computation.of_node,
    }
    environment = {**os.environ, **common, **{key: str(value) for key, value in own.items()}}
    return subprocess.Popen([sys.executable, *sys.argv], env=environment, stderr=errors)


def _supervise(processes: list[subprocess.Popen]) -> int:
    """Wait for processes, pass on stop signals, and end all soon after one fails; return the first failure's status."""
    failed, deadline = 0, float("inf")
    with _passing_on(processes, (signal.SIGTERM, signal.SIGINT)):
        while None in (codes := [process.poll() for process in processes]):
            if any(codes) and not failed:
                # Others may fail for the same reason; a process that waits for the failed one would never end.
                failed, deadline = next(filter(None, codes)), time.monotonic() + _GRACE_SECONDS
            if time.monotonic() > deadline:
                for process in processes:
                    process.kill()
            time.sleep(0.05)
    code = failed or next(filter(None, codes), 0)
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _passing_on(processes: list[subprocess.Popen], signals: tuple[signal.Signals, ...]) -> Iterator[None]:
    def pass_on(number: int, _: Any) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _rendezvous(computation: Computation) -> dict[str, str]:
    """The environment variables that name the meeting point of the processes."""
    if computation.nodes == 1:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    # Every node finds the same meeting point without asking: the job's first node, on which srun ran, and a port
    # derived from the job's number.
    first = os.environ["SLURM_LAUNCH_NODE_IPADDR"]
    return {"MASTER_ADDR": first, "MASTER_PORT": str(20000 + int(os.environ["SLURM_JOB_ID"]) % 20000)}


def _sharding(computation: Computation, precision: str) -> dict[str, str]:
    """The environment of ``accelerate launch`` for FSDP2: all GPUs share each layer's weights and optimiser states."""
    from accelerate.commands.launch import launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    flags = ["--use_fsdp", "--fsdp_version=2", "--fsdp_auto_wrap_policy=TRANSFORMER_BASED_WRAP"]
    flags += ["--fsdp_reshard_after_forward=true", "--fsdp_state_dict_type=SHARDED_STATE_DICT"]
    flags += ["--fsdp_cpu_ram_efficient_loading=true", "--fsdp_sync_module_states=true"]
    flags += [f"--num_processes={computation.in_all}", "--num_machines=1", "--main_process_port=0"]
    flags += ["--dynamo_backend=no"]
    flags += [f"--mixed_precision={'bf16' if precision == 'bfloat16' else 'no'}", "script"]
    environment = prepare_multi_gpu_env(launch_command_parser().parse_args(flags))
    return {key: value for key, value in environment.items() if key.startswith(("ACCELERATE_", "FSDP_"))}


def _srun(computation: Computation) -> list[str]:
    """The command that runs the current command once on each node of the job."""
    if shutil.which("srun") is None:
        raise M1FlowError(
            f"students: resources: nodes: {computation.nodes} nodes are started by SLURM's srun, which is missing; "
            "set nodes to 1, or run with --profile profiles/slurm"
        )
    tasks = [f"--nodes={computation.nodes}", f"--ntasks={computation.nodes}", "--ntasks-per-node=1"]
    return ["srun", *tasks, "--kill-on-bad-exit=1", "--export=ALL", sys.executable, *sys.argv]


def _slurm_job() -> dict[str, str]:
    """The job's variables; if Snakemake's inner process has removed them here, a parent process still has them.

    Only the variables that identify the job are taken: the batch step's other variables would steer ``srun``.
    """
    for environment in (os.environ, *_environments_above()):
        if "SLURM_JOB_ID" in environment:
            identity = {key: environment[key] for key in ("SLURM_JOB_ID", "SLURM_CONF") if key in environment}
            return identity | {"SLURM_JOBID": identity["SLURM_JOB_ID"]}
    raise M1FlowError(
        "students: resources: nodes: training on several nodes works only inside a SLURM job; run with --profile "
        "profiles/slurm"
    )


def _environments_above() -> Iterator[dict[str, str]]:
    """The environments with which the processes above this one were started, the nearest first (Linux)."""
    process = os.getppid()
    while process > 1:
        folder = Path("/proc") / str(process)
        try:
            pairs = folder.joinpath("environ").read_bytes().decode(errors="replace").split("\0")
            process = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return
        yield dict(pair.split("=", 1) for pair in pairs if "=" in pair)
