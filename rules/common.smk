"""What all rules share: the checked study, where results go, and which code a script stands on. No rules."""

import ast
import sys
from functools import cache
from pathlib import Path

PROJECT = Path(workflow.current_basedir).parent
SCRIPTS = PROJECT / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))


from m1flow.config_files import from_here
from m1flow.errors import M1FlowError
from m1flow.preflight import check_disk, check_times
from m1flow.presets import shipped_as
from m1flow.roster import made_how
from m1flow.script import prefer_this_python
from m1flow.study import Study, as_flag, lock_path, names_study

prefer_this_python()

# Files that name no study are laid over the demo.
if not any(map(names_study, workflow.overwrite_configfiles)):

    configfile: "config/config.yaml"


# The study's config files in the order in which they count. Snakemake lists the Snakefile's own, which lies below those
# that a user names, last.
NAMED_FILES = len(workflow.overwrite_configfiles)
CONFIG_FILES = [
    from_here(Path(file).absolute())
    for file in [*workflow.configfiles[NAMED_FILES:], *workflow.configfiles[:NAMED_FILES]]
]

try:
    STUDY = Study.from_config(config, CONFIG_FILES)
    RESULTS = f"results/{STUDY.name}"
    STUDY = STUDY.finished_only(RESULTS)
    STUDY.check_downloads(lock_path(CONFIG_FILES), RESULTS)
except M1FlowError as error:
    sys.exit(f"error: {error}")


def any_of(names):
    """A regular expression for one of some names; for none of them, one that nothing matches."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    source=any_of(STUDY.sources),
    benchmark=any_of(STUDY.benchmarks),
    base=any_of(STUDY.bases),
    solver=any_of(STUDY.solvers),
    teacher=any_of(STUDY.teachers),
    dataset=any_of(STUDY.datasets),
    student=any_of(STUDY.students),
    model=any_of(STUDY.models),


def before_models(path):
    """A file of the line before the models; nothing in a study that only evaluates."""
    return [path] if STUDY.sources else []


def setting(*path):
    """A setting of the study as a flag's value, for `params:`; a function, since braces in a text would be wildcards."""
    return lambda wildcards: STUDY.flag(*path)


def format_of(entry):
    """The reasoning format that an entry uses, by name, as a flag's value; it has no part in the study's other formats."""
    name = entry["format"]
    return as_flag({name: STUDY.formats[name]} if name in STUDY.formats else {})


def prompts_to(*purposes):
    """The prompts that matter for some purposes, for `params:`."""
    return lambda wildcards: as_flag({name: STUDY.prompts[name] for name in ("question", *purposes)})


@cache
def code(script):
    """A script and every module of the library it imports, directly or not.

    Listed as input, they are compared by content: editing the scorer reruns scoring, and not training.
    """
    files, todo = [], [SCRIPTS / script]
    while todo:
        file = todo.pop()
        if file in files:
            continue
        files.append(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "m1flow":
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name.split(".")[0] == "m1flow"]
            for name in names:
                path = SCRIPTS / name.replace(".", "/")
                todo += [found for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file()]
    return sorted(str(file.relative_to(PROJECT)) for file in files)


def workflow_files(folder):
    """Every file below a folder of the workflow, so that editing one reruns what uses it."""
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())


def origins_of(benchmarks):
    """The upstream data sets of the sources and of some benchmarks, where they are named, as a flag's value."""
    sections = {"sources": STUDY.sources, "benchmarks": {name: STUDY.benchmarks[name] for name in benchmarks}}
    return as_flag(
        {
            section: {name: entry["origin"] for name, entry in entries.items() if entry.get("origin")}
            for section, entries in sections.items()
        }
    )


def recordings(entry):
    """The files of the recorded teacher whose order of the options an entry takes."""
    return STUDY.teachers[entry["options_of"]]["path"] if "options_of" in entry else []
