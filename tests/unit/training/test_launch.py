"""One run on one process, several, or several that share the weights: the same loss curve; and none is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from helpers.project import ROOT
from helpers.training_models import M1, load_base, make_base, student_of, tune, write_corpus, write_dataset
from m1flow.errors import M1FlowError
from m1flow.training import launch
from m1flow.training.launch import Computation
from m1flow.training.preparation import set_up

LOSS = Path("m1flow") / "loss.csv"
SCRIPT, SHARED = ROOT / "workflow" / "scripts" / "fine_tune.py", ROOT / "tests" / "helpers" / "fsdp_on_cpu.py"
LORA = {"adapters": "lora", "lora": {"rank": 4, "alpha": 8}}
STEPS = 30


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    set_up(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("launch")
    return make_base(write_corpus(folder / "corpus.parquet"), folder / "mini")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("launch-data") / "few.parquet")


def command(script, base, dataset, out, *flags, adapters=None, lora=None, **training) -> list[str]:
    spec = student_of(adapters, lora, **{"steps": STEPS, "batch_size": 5} | training)
    given = {"--base": base, "--dataset": dataset, "--out": out, "--name": "student", "--spec": json.dumps(spec)}
    given |= {"--format": json.dumps(M1)}
    return [sys.executable, str(script), *(str(part) for flag in given.items() for part in flag), *map(str, flags)]


def environment() -> dict[str, str]:
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "tests", SCRIPT.parent))),
    }


def same_run(one: Path, other: Path, rtol: float = 1e-4) -> None:
    pd.testing.assert_frame_equal(pd.read_csv(one / LOSS), pd.read_csv(other / LOSS), rtol=rtol)
    weights = [load_base(folder)[0].state_dict() for folder in (one, other)]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=rtol, atol=100 * rtol**2 + 1e-5)


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one(base, dataset, tmp_path):
    alone = tune(base, dataset, tmp_path / "alone", steps=STEPS, batch_size=5)
    shared = command(SCRIPT, base, dataset, tmp_path / "shared", "--processes", 2)
    done = subprocess.run(shared, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 30 of 30") == 1  # one process speaks for all
    same_run(tmp_path / "alone", tmp_path / "shared")
    record = json.loads((tmp_path / "shared" / "m1flow" / "training.json").read_text())
    assert record["processes"] == 2
    assert alone.exists()


def sharing(arguments: list[str], precision: str) -> list[subprocess.Popen]:
    """Two processes that share the weights, on the CPU."""
    common = environment() | launch._sharding(Computation(gpus=2), precision)
    common |= launch._rendezvous(Computation()) | {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            arguments, env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]


def finish(processes: list[subprocess.Popen]) -> str:
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    return said[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "recompute"),
    [({}, False), (LORA | {"precision": "bfloat16"}, True)],
    ids=["full", "lora, bfloat16, recomputed"],
)
def test_shared_weights_give_the_curve_of_one_process_and_go_on_after_a_kill(
    base, dataset, tmp_path, settings, recompute
):
    computation = Computation(gradient_checkpointing=recompute)
    alone = tune(base, dataset, tmp_path / "alone", steps=STEPS, batch_size=5, computation=computation, **settings)
    checkpoints = tmp_path / "checkpoints"
    flags = ["--gradient-checkpointing", int(recompute), "--checkpoints", checkpoints, "--checkpoint-minutes"]
    precision = settings.get("precision", "float32")
    saving = command(SHARED, base, dataset, tmp_path / "shared", *flags, 0, **settings)
    killed = sharing(saving, precision)
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("*/checkpoint-[5-9]")):
        assert time.monotonic() < deadline and killed[0].poll() is None, killed[0].stderr.read()
        time.sleep(0.01)
    for process in killed:
        process.kill()
        process.communicate()
    onward = command(SHARED, base, dataset, tmp_path / "shared", *flags, 100, **settings)
    said = finish(sharing(onward, precision))
    assert "student: continues from" in said
    same_run(alone, tmp_path / "shared", rtol=1e-4 if precision == "float32" else 0.03)
    assert not checkpoints.exists()


def test_gpus_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with (
        pytest.raises(M1FlowError, match="gpus: 4 asked for, but 1 seen on"),
        launch.started(Computation(gpus=4), "bfloat16"),
    ):
        pass


def test_a_gpu_that_pytorch_cannot_use_is_not_replaced_by_the_cpu(base, dataset, tmp_path):
    arguments = command(SCRIPT, base, dataset, tmp_path / "out", "--gpus", 1)
    none = environment() | {"CUDA_VISIBLE_DEVICES": "99"}
    done = subprocess.run(arguments, env=none, capture_output=True, text=True, timeout=120)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and last.startswith("error: students: resources: gpus: 1 asked for, but PyTorch")
    assert not (tmp_path / "out").exists()


def test_several_nodes_without_slurm_are_refused(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(M1FlowError, match="nodes: 2 nodes are started by SLURM's srun"),
        launch.started(Computation(nodes=2), "float32"),
    ):
        pass


def python(code: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_one_that_fails_ends_the_others_soon(monkeypatch):
    monkeypatch.setattr(launch, "_GRACE_SECONDS", 0.5)
    processes = [python("import time; time.sleep(60)"), python("raise SystemExit(3)")]
    began = time.monotonic()
    assert launch._supervise(processes) == 3
    assert time.monotonic() - began < 30
    assert all(process.poll() is not None for process in processes)


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [("raise SystemExit(3)", "raise SystemExit('lost')", ""), ("pass", "raise SystemExit('lost')", "lost\n")],
)
def test_another_process_is_heard_unless_the_first_says_what_is_wrong(monkeypatch, capsys, first, second, shown):
    monkeypatch.setattr(launch, "_GRACE_SECONDS", 0.5)

    def start(rank, *others):
        return subprocess.Popen([sys.executable, "-c", (first, second)[rank]], stderr=others[-1] or subprocess.DEVNULL)

    monkeypatch.setattr(launch, "_process", start)
    assert launch._run_here(Computation(processes=2), {}) != 0
    assert capsys.readouterr().err == shown


def test_a_stop_is_passed_on_and_its_status_handed_back():
    waits = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(75)); print('up', flush=True); "
        "time.sleep(60)"
    )
    processes = [python(waits), python(waits)]
    for process in processes:
        process.stdout.readline()
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    assert launch._supervise(processes) == 75
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_the_job_is_found_where_snakemake_removed_its_variables(tmp_path):
    """A forebear has SLURM's variables, the process between removes them, as the inner Snakemake does."""
    inner = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); "
        "from m1flow.training import launch; print(launch._slurm_job())"
    )
    outer = (
        "import os, subprocess, sys\n"
        "left = {key: value for key, value in os.environ.items() if not key.startswith('SLURM_')}\n"
        f"subprocess.run([sys.executable, '-c', {inner!r}], env=left, check=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", outer],
        env=os.environ | {"SLURM_JOB_ID": "123", "SLURM_CPUS_PER_TASK": "4"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str({"SLURM_JOB_ID": "123", "SLURM_JOBID": "123"})


def test_outside_a_job_several_nodes_are_refused():
    above: Iterator[dict[str, str]] = launch._environments_above()
    if any("SLURM_JOB_ID" in found for found in (os.environ, *above)):
        pytest.skip("these tests run in a SLURM job")
    with pytest.raises(M1FlowError, match="works only inside a SLURM job"):
        launch._slurm_job()
