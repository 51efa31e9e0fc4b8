"""A student as the workflow makes it: loaded by every engine, trained alike on one process and several, resumed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest

from helpers.project import Project
from m1flow.training.checkpoints import STOPPED

RESULTS = Path("results") / "small"
MODELS = RESULTS / "models"
OVERLAY = {
    "students": {
        "student": {"resources": {"processes": 2}},
        "adapted": {
            "base": "tiny",
            "dataset": "hard",
            "adapters": "lora",
            "lora": {"rank": 4, "keep_adapter": True},
            "training": {"steps": 10, "batch_size": 16, "learning_rate": 3.0e-3},
        },
        "long": {
            "base": "tiny",
            "dataset": "hard",
            "training": {"steps": 150, "batch_size": 8, "learning_rate": 1.0e-3},
            "resources": {"checkpoint_minutes": 100},
        },
    }
}

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("training")]


@pytest.fixture(scope="module")
def trained(small) -> Project:
    """The finished small study, and an overlay with more students."""
    small.overlay("more.yaml", OVERLAY)
    return small


def snakemake(project: Project, *arguments: str, **options) -> subprocess.CompletedProcess:
    return project.snakemake("--configfile", "small.yaml", "more.yaml", "--", *arguments, **options)


def test_resources_change_where_a_student_is_trained_and_not_what_it_learns(trained):
    folder = trained.folder / MODELS / "student"
    curve = pd.read_csv(folder / "m1flow" / "loss.csv")
    planned = trained.planned("--configfile", "small.yaml", "more.yaml", "--", f"{MODELS}/student")
    assert planned == {}  # other resources alone make nothing run again
    trained.snakemake("--configfile", "small.yaml", "more.yaml", "--forcerun", "fine_tune", "--", f"{MODELS}/student")
    assert json.loads((folder / "m1flow" / "training.json").read_text())["processes"] == 2
    pd.testing.assert_frame_equal(pd.read_csv(folder / "m1flow" / "loss.csv"), curve, rtol=1e-3)


def test_a_student_says_what_it_is(trained):
    snakemake(trained, f"{MODELS}/adapted")
    folder = trained.folder / MODELS / "adapted"
    card = (folder / "README.md").read_text(encoding="utf-8")
    for said in (
        "base_model: tiny",
        '| dataset | "hard" |',
        "## Loss",
        "| 10 |",
        '"rank": 4',
        "method: sft, adapters: lora",
    ):
        assert said in card
    for file in ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"):
        assert (folder / file).is_file()
    log = (trained.folder / RESULTS / "logs" / "fine_tune" / "adapted.log").read_text()
    assert "its token ids are used" in log
    assert "tokens/s" in log and "s left" in log


LOAD = """
import json, sys
from m1flow.engines.interface import Request
from m1flow.engines.opening import open_engine
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings

if __name__ == "__main__":
    settings = EngineSettings(name=sys.argv[1], max_model_len=256)
    engine = open_engine(sys.argv[2], settings)
    formatter = Formatter(load_tokenizer(sys.argv[2]), "direct", FormatSettings())
    engine.submit(Request(tuple(formatter.prompt("Severity 3.")), 12, (formatter.eos,)))
    [(_, done)] = engine.finished()
    print("IDS", json.dumps([*done.token_ids, *([done.stop_token] if done.finished else [])]))
"""


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_engines_load_a_student(trained, tmp_path, engine):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed here")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    snakemake(trained, f"{MODELS}/adapted")
    folder = trained.folder / MODELS / "adapted"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    turn = [{"role": "user", "content": "Severity 3."}]
    ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=False)
    said = model.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)[0, len(ids) :].tolist()
    script = tmp_path / "load.py"
    script.write_text(LOAD)
    paths = os.pathsep.join([str(trained.folder / "workflow" / "scripts")])
    done = subprocess.run(
        [sys.executable, str(script), engine, str(folder)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("IDS ")]
    assert json.loads(line[4:]) == said


def test_the_adapter_kept_gives_the_merged_model(trained):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    snakemake(trained, f"{MODELS}/adapted")
    folder = trained.folder / MODELS / "adapted"
    base = AutoModelForCausalLM.from_pretrained(trained.folder / MODELS / "tiny")
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        alone = base(ids).logits
        merged = AutoModelForCausalLM.from_pretrained(folder)(ids).logits
        adapted = PeftModel.from_pretrained(base, folder / "adapter")(ids).logits
    torch.testing.assert_close(adapted, merged, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(alone, merged, atol=1e-4)


def test_a_job_that_is_told_to_stop_saves_and_the_next_run_goes_on(trained):
    target, log = f"{MODELS}/long", trained.folder / RESULTS / "logs" / "fine_tune" / "long.log"
    checkpoints = trained.folder / RESULTS / "checkpoints" / "long"

    def stop() -> bool:
        """Once training is under way, ask the script (not Snakemake) to stop, as SLURM does before the time limit."""
        if not log.exists() or "step 30 of" not in log.read_text():
            return False
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if any(part.endswith("fine_tune.py") for part in command) and target in command and "python" in command[0]:
                process.send_signal(signal.SIGTERM)
                return True
        return False

    command = trained._command(("--configfile", "small.yaml", "more.yaml", "--", target))
    with (trained.folder / "stopped.log").open("w") as output:
        run = subprocess.Popen(
            command, cwd=trained.folder, stdout=output, stderr=subprocess.STDOUT, env=trained._environment()
        )
        while not stop():
            assert run.poll() is None, (trained.folder / "stopped.log").read_text()
        assert run.wait(timeout=120) == 1
    said = (trained.folder / "stopped.log").read_text()
    assert "told to stop at step" in said  # the failed job's log is shown
    assert f"exit code {STOPPED}" in said or f"exit status {STOPPED}" in said or "non-zero exit" in said
    assert list(checkpoints.glob("*/checkpoint-*"))
    snakemake(trained, target)
    assert "continues from" in log.read_text()
    assert not checkpoints.exists()
    curve = pd.read_csv(trained.folder / target / "m1flow" / "loss.csv")
    assert list(curve["step"]) == list(range(1, 151))
