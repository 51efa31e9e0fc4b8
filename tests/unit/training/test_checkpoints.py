"""Stopped at a bad moment, training goes on where it was and ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.project import ROOT
from helpers.training_models import M1, make_base, student_of, tune, write_corpus, write_dataset
from m1flow.errors import M1FlowError
from m1flow.training.checkpoints import STOPPED, Checkpoints
from m1flow.training.launch import Computation
from m1flow.training.preparation import set_up

LOSS, WEIGHTS = Path("m1flow") / "loss.csv", "model.safetensors"
# Slow enough to be stopped in the middle; dropout, so that random numbers must go on where they were, too.
RUNS = {
    "full": {},
    "lora": {"adapters": "lora", "lora": {"rank": 4, "alpha": 8, "dropout": 0.2}},
}
STEPS = 40


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    set_up(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    return make_base(write_corpus(folder / "corpus.parquet"), folder / "mini")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("checkpoints-data") / "few.parquet")


@pytest.fixture(scope="module", params=RUNS)
def whole(request, base, dataset, tmp_path_factory):
    """The kind of a run, and its model where nothing interrupts it."""
    return request.param, tune(
        base, dataset, tmp_path_factory.mktemp("whole") / "student", steps=STEPS, **RUNS[request.param]
    )


def start(base, dataset, out, checkpoints, run, minutes=0, **training) -> subprocess.Popen:
    """The run as a job starts it, told to save after so many minutes: 0 is after every step."""
    spec = student_of(**RUNS[run], **{"steps": STEPS} | training)
    flags = {"--base": base, "--dataset": dataset, "--out": out, "--name": "student", "--spec": json.dumps(spec)}
    flags |= {"--format": json.dumps(M1), "--checkpoints": checkpoints, "--checkpoint-minutes": minutes}
    command = [sys.executable, ROOT / "workflow" / "scripts" / "fine_tune.py"]
    return subprocess.Popen(
        [*command, *(str(part) for flag in flags.items() for part in flag)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def wait_for(ready, process: subprocess.Popen, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def saved(checkpoints: Path) -> list[int]:
    return sorted(int(path.name.rpartition("-")[2]) for path in checkpoints.glob("*/checkpoint-*"))


def goes_on(base, dataset, out, checkpoints, run, **computation) -> Path:
    computation = Computation(checkpoints=checkpoints, **computation)
    return tune(base, dataset, out, steps=STEPS, computation=computation, **RUNS[run])


def same_model(one: Path, other: Path) -> None:
    assert (one / LOSS).read_text() == (other / LOSS).read_text()
    assert (one / WEIGHTS).read_bytes() == (other / WEIGHTS).read_bytes()


@pytest.mark.slow
def test_killed_at_any_moment_training_ends_as_if_it_never_was(base, dataset, whole, tmp_path, caplog):
    run, uninterrupted = whole
    out, checkpoints = tmp_path / "student", tmp_path / "checkpoints"
    process = start(base, dataset, out, checkpoints, run)
    wait_for(lambda: saved(checkpoints) and saved(checkpoints)[-1] >= STEPS // 4, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not out.exists()
    steps = saved(checkpoints)
    assert len(steps) in (2, 3)  # the kill may have come before the oldest was removed
    [folder] = checkpoints.iterdir()
    (folder / ".partial" / "checkpoint-999").mkdir(parents=True, exist_ok=True)  # as a kill within a save leaves it
    caplog.set_level("INFO")
    same_model(goes_on(base, dataset, out, checkpoints, run), uninterrupted)
    assert f"continues from {folder}/checkpoint-{steps[-1]}" in caplog.text
    assert not checkpoints.exists()  # the model is there: they have served


@pytest.mark.slow
@pytest.mark.parametrize("whole", ["full"], indirect=True)
def test_told_to_stop_training_saves_first(base, dataset, whole, tmp_path):
    run, uninterrupted = whole
    out, checkpoints = tmp_path / "student", tmp_path / "checkpoints"
    process = start(base, dataset, out, checkpoints, run, minutes=1000, batch_size=4)
    lines = iter(process.stderr.readline, "")
    assert any("step 4 of" in line for line in lines)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == STOPPED, said
    assert "told to stop at step" in said
    assert not out.exists()
    [step] = saved(checkpoints)
    assert 4 <= step < STEPS
    same_model(goes_on(base, dataset, out, checkpoints, run), uninterrupted)


def limited(size: int):
    """A disk that takes no file longer than so many bytes."""

    @contextlib.contextmanager
    def limit():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit()


def test_a_full_disk_stops_with_the_cure_and_keeps_the_last_checkpoint(base, dataset, tmp_path, monkeypatch):
    from m1flow.training import loop

    run, checkpoints = "full", tmp_path / "checkpoints"
    computation = Computation(checkpoints=checkpoints, checkpoint_minutes=0)
    whole = tune(base, dataset, tmp_path / "whole", steps=STEPS)

    class FillsUp(loop._Saving):
        """The disk is full from the sixth step on."""

        def on_step_end(self, args, state, control, **rest):
            super().on_step_end(args, state, control, **rest)
            if state.global_step == 6:
                full.enter_context(limited(20_000))

    monkeypatch.setattr(loop, "_Saving", FillsUp)
    with (
        contextlib.ExitStack() as full,
        pytest.raises(
            M1FlowError, match="checkpoint 6 can't be written .*free some space .*continues from step 5"
        ) as caught,
    ):
        tune(base, dataset, tmp_path / "student", steps=STEPS, computation=computation)
    assert "\n" not in str(caught.value)
    assert saved(checkpoints) == [4, 5]
    assert not list(checkpoints.glob("*/.partial/*"))
    monkeypatch.undo()
    same_model(goes_on(base, dataset, tmp_path / "student", checkpoints, run), whole)


def test_a_changed_config_starts_afresh_and_a_changed_place_does_not(tmp_path):
    settings = {"training": {"learning_rate": 1e-5}, "method": "full", "lora": None, "seed": 0}
    same = Checkpoints.of_run(tmp_path, dict(reversed(settings.items())), base="b", examples="e")
    first = Checkpoints.of_run(tmp_path, settings, base="b", examples="e")
    assert first.folder == same.folder
    others = [
        Checkpoints.of_run(tmp_path, settings | {"training": {"learning_rate": 2e-5}}, base="b", examples="e"),
        Checkpoints.of_run(tmp_path, settings | {"seed": 1}, base="b", examples="e"),
        Checkpoints.of_run(tmp_path, settings, base="c", examples="e"),
        Checkpoints.of_run(tmp_path, settings, base="b", examples="f"),
    ]
    assert len({checkpoints.folder for checkpoints in [first, *others]}) == 5


def test_a_run_that_ran_out_of_memory_goes_on_in_smaller_pieces(base, dataset, tmp_path, caplog):
    checkpoints = tmp_path / "checkpoints"

    class OutOfMemory(RuntimeError):
        pass

    def fail(step):
        from m1flow.training import loop

        class Fails(loop._Saving):
            def on_step_end(self, args, state, control, **rest):
                super().on_step_end(args, state, control, **rest)
                if state.global_step == step:
                    raise OutOfMemory

        return Fails

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OutOfMemory):
        patch.setattr("m1flow.training.loop._Saving", fail(8))
        tune(
            base,
            dataset,
            tmp_path / "student",
            computation=Computation(checkpoints=checkpoints, checkpoint_minutes=0),
            steps=STEPS,
        )
    caplog.set_level("INFO")
    goes_on(base, dataset, tmp_path / "student", checkpoints, "full", device_tokens=64)
    assert "checkpoint-7" in caplog.text
