"""A real SLURM cluster on this machine, of Debian's packages: two small nodes with two pretended GPUs each.

Jobs in its partition ``spot`` give way to those in the others, and are requeued by SLURM where they may be.
It runs on the loopback interface, without systemd, cgroups and accounting, and takes root. All of it lies in one
folder, but for the link ``/etc/slurm/slurm.conf``, since jobs are run without any ``SLURM_*`` variable.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from helpers.debian import CannotInstall, install

PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
NAME = "m1flowtests"
CONFIG_LINK = Path("/etc/slurm/slurm.conf")
NODES, CPUS, MEMORY_MB, GPUS = 2, 4, 6000, 2

# A requeued job waits until its old credential has expired: 30 s here, by default 120.
# OverMemoryKill, with a look every second, ends what uses more memory than it asked for where there are no cgroups.
CONFIG = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=30
CommunicationParameters=DisableIPv6{bind}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=30
KillWait=2
MinJobAge=300
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
{nodes}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=cpu Nodes=ALL Default=YES DefMemPerCPU=100 MaxTime=3000 PriorityTier=2 State=UP
PartitionName=gpu Nodes=ALL DefMemPerCPU=100 MaxTime=3000 PriorityTier=2 State=UP
PartitionName=spot Nodes=ALL DefMemPerCPU=100 MaxTime=3000 PriorityTier=1 State=UP
"""


class CannotStart(Exception):
    """Why there is no cluster here."""


class Cluster:
    """The cluster; ``with Cluster(folder) as cluster:`` starts it, and stops it with all its jobs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._daemons: list[int] = []

    def __enter__(self) -> Cluster:
        if os.geteuid() != 0:
            raise CannotStart("a local SLURM cluster takes root")
        try:
            install(PROGRAMS, PACKAGES)
        except CannotInstall as reason:
            raise CannotStart(str(reason)) from None
        if self._link_is_left_over():
            CONFIG_LINK.unlink()
        if CONFIG_LINK.exists():
            raise CannotStart(f"{CONFIG_LINK} is somebody's: this machine belongs to a cluster")
        try:
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self.up():
            _output("scancel", "--user=root")
            with suppress(TimeoutError):
                wait_until(lambda: not _output("squeue", "--noheader", "--states=R,CG"), 15)
        for pid in reversed(self._daemons):
            _end(pid)
        for pid in _processes_of_jobs():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._daemons.clear()
        if CONFIG_LINK.is_symlink() and CONFIG_LINK.readlink() == self.folder / "slurm.conf":
            CONFIG_LINK.unlink()

    def up(self) -> bool:
        """Whether the controller answers."""
        return subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0

    def jobs(self, *filters: str) -> list[dict[str, str]]:
        """The jobs the controller knows, ended ones too: id, name, state, folder and so on."""
        names = ("id", "name", "state", "comment", "node", "partition", "gres", "memory", "minutes", "folder")
        text = _output("squeue", "--noheader", "--states=all", "--format=%i|%j|%T|%k|%N|%P|%b|%m|%l|%Z", *filters)
        return [dict(zip(names, line.split("|"), strict=True)) for line in text.splitlines()]

    def _link_is_left_over(self) -> bool:
        """Whether the link is of a cluster like this one, whose tests were killed and which is gone."""
        if not CONFIG_LINK.is_symlink():
            return False
        ours = not CONFIG_LINK.exists() or f"ClusterName={NAME}\n" in CONFIG_LINK.read_text(encoding="utf-8")
        return ours and not self.up()

    def _configure(self) -> None:
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (self.folder / "munge").mkdir(mode=0o700)
        host, port = socket.gethostname().split(".")[0], 36817
        # The daemons bind to what the host's own name resolves to, where that is the loopback interface.
        resolved = ""
        with suppress(OSError):
            resolved = socket.gethostbyname(host)
        bind = ",NoInAddrAny,NoCtldInAddrAny" if resolved.startswith("127.") else ""
        nodes = "\n".join(
            f"NodeName=n{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={port + n} CPUs={CPUS} "
            f"RealMemory={MEMORY_MB} Gres=gpu:{GPUS} State=UNKNOWN"
            for n in range(1, NODES + 1)
        )
        config = CONFIG.format(name=NAME, host=host, port=port, folder=self.folder, bind=bind, nodes=nodes)
        (self.folder / "slurm.conf").write_text(config, encoding="utf-8")
        for n in range(GPUS):  # a GPU is a device file; these are copies of /dev/null
            os.mknod(self.folder / f"gpu{n}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        gpus = f"Name=gpu File={self.folder}/gpu[0-{GPUS - 1}]\n"
        (self.folder / "gres.conf").write_text(gpus, encoding="utf-8")
        CONFIG_LINK.parent.mkdir(exist_ok=True)
        CONFIG_LINK.symlink_to(self.folder / "slurm.conf")

    def _start(self) -> None:
        munge = f"{self.folder}/munge"
        self._daemon(
            *("munged", "--foreground", "--force", f"--key-file={munge}.key", f"--socket={munge}.sock"),
            *(f"--pid-file={munge}.pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed"),
        )
        wait_until(lambda: Path(f"{munge}.sock").exists(), 15)
        self._daemon("slurmctld", "-D")
        wait_until(self.up, 30)
        for n in range(1, NODES + 1):
            self._daemon("slurmd", "-D", "-N", f"n{n}")
        wait_until(lambda: _output("sinfo", "-hN", "-p", "cpu", "-t", "idle", "-o", "%N").split() == ["n1", "n2"], 60)

    def _daemon(self, *command: str) -> None:
        # Beside the file that SLURM_CONF names lie others, such as gres.conf.
        environment = os.environ | {"SLURM_CONF": f"{self.folder}/slurm.conf"}
        with (self.folder / f"{command[0]}.out").open("a") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
        self._daemons.append(process.pid)


def wait_until(ready: Callable[[], object], seconds: float) -> None:
    """Wait for something to become true.

    Raises:
        TimeoutError: it didn't, in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready after {seconds:g} s")
        time.sleep(0.1)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()


def _end(pid: int) -> None:
    """End a daemon and wait for it."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _processes_of_jobs() -> list[int]:
    """Processes of this cluster's jobs that outlived it, by its name in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (place / "environ").read_bytes().split(b"\0")
            if f"SLURM_CLUSTER_NAME={NAME}".encode() in variables:
                found.append(int(place.name))
    return found
