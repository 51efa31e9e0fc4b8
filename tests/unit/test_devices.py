"""GPUs are shared out by locks: none twice, all given back, whoever dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from m1flow import devices
from m1flow.devices import claimed_gpus


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(devices, "_POLL_SECONDS", 0.01)


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


def test_what_is_not_divided_by_us_is_left_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with claimed_gpus(1) as first, claimed_gpus(1) as second:
        assert first == second == ["3"] and os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with claimed_gpus(0) as none:
        assert none == [] and os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_killed_job_gives_its_gpu_back(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    hold = (
        f"import sys, time; sys.path[:0] = {sys.path!r}; from m1flow import devices;"
        f"devices.tempfile.gettempdir = lambda: {str(tmp_path)!r};"
        "held = devices.claimed_gpus(1); held.__enter__(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout.readline() == "held\n"
        with claimed_gpus(1) as names:
            assert names == ["1"]
        job.kill()
    with claimed_gpus(1) as names:
        assert names == ["0"]
