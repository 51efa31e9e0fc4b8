"""Shared by all rules: the checked study, the place of results, and the code that a script depends on. No rules."""

import sys
from functools import cache
from pathlib import Path

from snakemake.utils import update_config

PROJECT = Path(workflow.current_basedir).parent
SCRIPTS = PROJECT / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))


from m1flow.analysis.registry import needs
from m1flow.study.code_files import code_files
from m1flow.study.config_files import from_here, read_mapping
from m1flow.errors import M1FlowError
from m1flow.files.json import as_flag
from m1flow.study.preflight import check_disk, check_times
from m1flow.study.presets import shipped_as
from m1flow.study.roster import made_how
from m1flow.study.seams.adapters import ADAPTERS
from m1flow.study.seams.chats import CHATS
from m1flow.study.seams.engines import ENGINES
from m1flow.study.seams.methods import METHODS
from m1flow.study.seams.scorers import SCORERS
from m1flow.report.figure_captions import figure_captions
from m1flow.script import prefer_this_python
from m1flow.study.settings.section import plain
from m1flow.study.shipped import DEFAULT_STUDY, found, shipped
from m1flow.study.seams.sections import SECTIONS
from m1flow.study.seams.tables import TABLES
from m1flow.study.study import Study, lock_path, names_study

prefer_this_python()

# Whether another Snakefile uses this one as a module.
IS_MODULE = not workflow.modifier.is_main_snakefile()


def config_files():
    """The config files that Snakemake read, in order of precedence: those that a user names come last and win."""
    named = len(workflow.overwrite_configfiles)
    files = [*workflow.configfiles[named:], *workflow.configfiles[:named]]
    return [from_here(Path(file).absolute()) for file in files]


def default_study(files):
    """The config file of the study that these files are laid over; None if they are a study by themselves.

    Config files are a study by themselves if any of them names one. The settings that another Snakefile passes when it
    uses this one as a module are a study if they name one; they need not come from a file, and the working directory
    doesn't hold this project's default study.
    """
    if IS_MODULE:
        return None if "study" in config else shipped(DEFAULT_STUDY)
    return None if any(map(names_study, files)) else found(DEFAULT_STUDY)


try:
    CONFIG_FILES = config_files()
    SETTINGS = {}
    if below := default_study(CONFIG_FILES):
        CONFIG_FILES.insert(0, below)
        update_config(SETTINGS, read_mapping(Path(below)))
    update_config(SETTINGS, config)
    STUDY = Study.from_config(SETTINGS, CONFIG_FILES)
    RESULTS = f"results/{STUDY.name}"
    STUDY = STUDY.finished_only(RESULTS)
    STUDY.check_downloads(lock_path(CONFIG_FILES), RESULTS)
except M1FlowError as error:
    sys.exit(f"error: {error}")


def any_of(names):
    """A regular expression that matches any of the given names; without names, one that matches nothing."""
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


# The study's settings, for `input:` and `params:`. A place in the study is a path of keys; a wildcard in braces stands
# for its value: "solvers", "{solver}", "path".


def keys_at(wildcards, place):
    """The keys of a place, with the values of a job's wildcards."""
    return [key.format(**dict(wildcards.items())) for key in place]


def settings_at(wildcards, *place):
    """The study's settings at a place."""
    settings = STUDY
    for key in keys_at(wildcards, place):
        settings = settings[key] if isinstance(settings, dict) else getattr(settings, key)
    return settings


def value(*place):
    """The setting at a place: a path, a name or a number."""
    return lambda wildcards: settings_at(wildcards, *place)


def setting(*place, only=None, without=()):
    """The settings at a place as a flag's value: all keys, only some, or all but some."""

    def flag(wildcards):
        settings = plain(settings_at(wildcards, *place))
        left_out = set(without if only is None else set(settings) - set(only))
        return as_flag({key: entry for key, entry in settings.items() if key not in left_out})

    return flag


def path_with(pattern, *place):
    """A path with settings in it: its braces hold keys of the settings at a place."""
    return lambda wildcards: pattern.format(**settings_at(wildcards, *place).dump())


def verbatim(text):
    """A text for `params:` whose braces Snakemake doesn't take for wildcards."""
    return lambda wildcards: text


def unwatched(text):
    """A text for `params:` that Snakemake doesn't compare with the last run's, since the function takes ``threads``."""
    return lambda wildcards, threads: text


def prompts_for(*purposes):
    """The prompts for the given purposes, for `params:`."""
    return verbatim(as_flag({name: getattr(STUDY.prompts, name) for name in ("question", *purposes)}))


def format_named(name):
    """A reasoning format with its name, as a flag's value, without the study's other formats."""
    return as_flag({name: STUDY.formats[name].dump()} if name in STUDY.formats else {})


def origins_of(benchmarks):
    """The upstream data sets of the sources and of some benchmarks, if named, as a flag's value."""
    sections = {"sources": STUDY.sources, "benchmarks": {name: STUDY.benchmarks[name] for name in benchmarks}}
    return as_flag(
        {
            section: {name: entry.origin for name, entry in entries.items() if entry.origin}
            for section, entries in sections.items()
        }
    )


# Files.


def recordings_of(*place):
    """The files of the recorded teacher whose order of options a question set takes."""

    def paths(wildcards):
        teacher = settings_at(wildcards, *place).options_of
        return STUDY.teachers[teacher].path if teacher else ()

    return paths


def id_lists(*place):
    """The files that list the rows of a question set to keep or to leave out."""
    return lambda wildcards: settings_at(wildcards, *place).ids + settings_at(wildcards, *place).without_ids


def code_to_collect(*place):
    """The code that collects a source or benchmark, with only its own adapter."""
    return lambda wildcards: code("collect_questions.py", ADAPTERS.file(settings_at(wildcards, *place).adapter))


def pool_of_corpus(wildcards):
    """The pool, for a base whose corpus has questions of sources."""
    return ["<results>/pool.parquet"] if STUDY.bases[wildcards.base].corpus.sources else []


def from_sources(path):
    """A file that is made from the study's sources; nothing in a study without sources, which only evaluates."""
    return [path] if STUDY.sources else []


@cache
def code(script, *entries):
    """Every module that a script imports, and the entries of seams that its job loads by name, with their imports.

    They are listed as inputs, like the script itself, and compared by content: editing the scorer reruns scoring, but
    not training. Entries are files, such as ``SCORERS.file(STUDY.scorer)``: only those that the study uses, so that
    adding one reruns nothing.
    """
    files = code_files(SCRIPTS / script, entries)
    return sorted(from_here(file) for file in files if file != SCRIPTS / script)


def files_below(folder):
    """Every file below a folder of the project, so that editing one reruns the jobs that use it."""
    return sorted(from_here(path) for path in (PROJECT / folder).rglob("*") if path.is_file())


# Resources.


def growing(amount):
    """An amount for a job's first attempt, increased by the same amount in each further one, for `resources:`."""
    return lambda wildcards, attempt: amount * attempt
