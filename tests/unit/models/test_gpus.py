"""GPUs are shared out by locks: none twice, all given back, whoever dies."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from m1flow.models import gpus
from m1flow.models.gpus import claimed_gpus


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus, "_POLL_SECONDS", 0.01)


def test_jobs_get_different_gpus_and_give_them_back(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-2a")
    with claimed_gpus(1) as first:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == first[0]
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-2a")
        with claimed_gpus(2) as second:
            assert len(second) == 2 and not set(first) & set(second)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,GPU-2a"
        with claimed_gpus(2) as again:
            assert again == second


def test_who_finds_too_few_waits(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    got = []

    def wait():
        with claimed_gpus(1) as names:
            got.append(names)

    with claimed_gpus(1):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        with claimed_gpus(1):
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
            waiting = threading.Thread(target=wait)
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive() and not got
    waiting.join(10)
    assert len(got) == 1


def test_one_gpu_is_shared_out_too(monkeypatch, caplog):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    got = []

    def wait():
        with claimed_gpus(1) as names:
            got.append(names)

    with caplog.at_level("INFO"), claimed_gpus(1):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive() and not got
    waiting.join(10)
    assert got == [["0"]]
    [told] = [record.message for record in caplog.records if "waiting" in record.message]
    assert told == "waiting for 1 of 1 GPUs to be free: other jobs have 0"


def test_none_asked_for_none_there_and_too_few(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with claimed_gpus(0) as none:
        assert none == [] and os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    with claimed_gpus(3) as too_few:
        assert too_few == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with claimed_gpus(1) as none:
        assert none == [] and os.environ["CUDA_VISIBLE_DEVICES"] == ""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function that says which GPUs NVIDIA's program lists."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def lists(*uuids: str) -> None:
        lines = [f"GPU {n}: NVIDIA H200 (UUID: {uuid})" for n, uuid in enumerate(uuids)]
        program.write_text(
            "#!/bin/sh\ncat <<'E'\n" + "\n".join([*lines, "  MIG 1g.18gb Device 0: (UUID: MIG-1)", "E\n"])
        )
        program.chmod(0o755)

    return lists


def test_gpus_that_a_scheduler_divided_do_not_clash(machine, monkeypatch, no_waiting):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    machine("GPU-aa1")
    with claimed_gpus(1):
        machine("GPU-bb2")  # what another job sees, which also calls it 0
        with claimed_gpus(1) as names:
            assert names == ["0"]


def test_a_gpu_is_one_by_whatever_name(machine, monkeypatch, no_waiting):
    machine("GPU-aa1", "GPU-bb2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with claimed_gpus(1) as names:
        assert names == ["0"]
        for name, free in {"GPU-aa1": False, "GPU-a": False, "0": False, "1": True, "MIG-1": True}.items():
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
            if free:
                with claimed_gpus(1) as other:
                    assert other == [name]
            else:
                with pytest.raises(TimeoutError), claimed_gpus(1):
                    pass
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


def test_without_a_list_a_slurm_job_has_its_own_and_others_share_the_machine(monkeypatch, no_waiting):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for job in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        stack = contextlib.ExitStack()
        stack.enter_context(claimed_gpus(1))
        with pytest.raises(TimeoutError), claimed_gpus(1):
            pass
    stack.close()


@pytest.fixture
def no_waiting(monkeypatch):
    """Who would wait raises TimeoutError instead."""

    def refuse(seconds):
        raise TimeoutError

    monkeypatch.setattr(gpus, "time", SimpleNamespace(sleep=refuse))


@pytest.mark.parametrize(("visible", "during"), [("0,1", "1"), ("0", None)])
def test_a_killed_job_gives_its_gpu_back(monkeypatch, tmp_path, no_waiting, visible, during):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    hold = (
        f"import sys, time; sys.path[:0] = {sys.path!r}; from m1flow.models import gpus;"
        f"gpus.tempfile.gettempdir = lambda: {str(tmp_path)!r};"
        "held = gpus.claimed_gpus(1); held.__enter__(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout.readline() == "held\n"
        if during:
            with claimed_gpus(1) as names:
                assert names == [during]
        else:
            with pytest.raises(TimeoutError), claimed_gpus(1):
                pass
        job.kill()
    with claimed_gpus(1) as names:
        assert names == ["0"]
