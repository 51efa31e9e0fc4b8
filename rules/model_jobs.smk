"""Shared by rules that run a model, with the place where its answers are kept. No rules."""

import os
from shlex import quote

from snakemake.settings.types import DeploymentMethod

# Where models run: vllm has one build for NVIDIA GPUs and another for CPUs.
MODEL_ENV = "../envs/generate-gpu.yaml" if STUDY.engine.gpus else "../envs/generate.yaml"


# Packages in ~/.local don't belong to a conda environment.
ISOLATED = (
    "export PYTHONNOUSERSITE=1; " if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method else ""
)
# Of the keys in a run's environment, a job gets only the one that it uses: by `params.key`, or by `export HF_TOKEN`.
WITHHELD = sorted({"HF_TOKEN", *(e.key_variable for e in STUDY.endpoints.values() if e.key_variable)})
shell.prefix(f"set -euo pipefail; {ISOLATED}export -n {' '.join(WITHHELD)}; ")


# The flags derived from `model_folder` and `model_params`; the key goes before the command: {params.key}python ...
MODEL_FLAGS = (
    "--model {input.model}"
    " --formats {params.formats:q}"
    " --prompts {params.prompts:q}"
    " {params.serving}"
    " --seed {params.seed}"
    " --journal {params.journal}"
)


def model_folder(*place):
    """The model at a place of the study, for `input:`; nothing for an endpoint, recordings and the formulary."""

    def folder(wildcards):
        weights = settings_at(wildcards, *place).weights
        return [f"<results>/models/{weights}"] if weights else []

    return folder


def model_resources(*place, minutes):
    """The resources of a job that runs the model at a place of the study, for `resources:`.

    Args:
        place: keys, as `settings_at` takes them.
        minutes: what each attempt adds to the time limit; see `minutes_for`.
    """

    def entry(wildcards):
        return settings_at(wildcards, *place)

    return {
        "mem_mb": lambda wildcards, attempt: memory_for(entry(wildcards)) * attempt,
        "runtime": lambda wildcards, attempt: minutes_for(entry(wildcards), minutes, attempt),
        "gpus": lambda wildcards: gpus_for(entry(wildcards)),
        "gres": lambda wildcards: gres_for(entry(wildcards)),
    }


def model_params(*place, purpose, journal):
    """The settings that decide the answers of the model at a place of the study, and their journal, for `params:`.

    Snakemake doesn't compare the value of a function that takes ``threads`` with that of the last run: other rate
    limits, another address or another batch size are no reason to train all students anew. Settings that are a reason
    are in ``identity``.

    Args:
        place: keys, as `settings_at` takes them.
        purpose: the name of the prompt.
        journal: the journal's name, with wildcards; all models behind an endpoint share its journal, as they share its
            bill.
    """

    def entry(wildcards):
        return settings_at(wildcards, *place)

    return {
        "formats": lambda wildcards: format_named(entry(wildcards).format),
        "prompts": prompts_for(purpose),
        "seed": STUDY.seed,
        "identity": lambda wildcards: identity_of(entry(wildcards)),
        "endpoint": lambda wildcards, threads: endpoint_of(entry(wildcards)) or "",
        "key": lambda wildcards, threads: key_export(entry(wildcards)),
        "serving": lambda wildcards, threads: serving_flags(entry(wildcards)),
        "journal": lambda wildcards: journal_of(entry(wildcards), *keys_at(wildcards, [journal])),
    }


def endpoint_of(entry):
    """The name of an entry's endpoint; None for models in this process, such as all that are swept."""
    return getattr(entry, "endpoint", None)


def key_export(entry):
    """The beginning of a command that exports the key of an entry's endpoint; empty without one."""
    variable = STUDY.endpoints[endpoint_of(entry)].key_variable if endpoint_of(entry) else None
    return f"export {variable}; " if variable else ""


# The engine of a job can depend on the packages installed where it runs, which are unknown here, so all candidates
# count.
ENGINE_FILES = [ENGINES.file(name) for name in STUDY.engine.candidates]


def code_to_ask(script, *place):
    """The code of a script that asks the model at a place of the study: with an endpoint's client, an engine, or neither."""

    def files(wildcards):
        entry = settings_at(wildcards, *place)
        if entry is None:
            raise WorkflowError(f"{'.'.join(place)}: missing in this study; add it, with weights or an endpoint")
        if endpoint_of(entry):
            return code(script, CHATS.file("endpoint"))
        return code(script, CHATS.file("local"), *ENGINE_FILES) if entry.weights else code(script)

    return files


def journal_of(entry, name):
    """The journal of an entry's answers: its endpoint's journal, whose bills are added up, else its own."""
    return f"{RESULTS}/journals/" + (f"endpoints/{endpoint_of(entry)}.jsonl" if endpoint_of(entry) else f"{name}.jsonl")


def serving_flags(entry):
    """Flags for running or reaching an entry's model: engine settings, and the endpoint's."""
    endpoint = endpoint_of(entry)
    reached = (
        f" --endpoint {quote(as_flag({'name': endpoint, **STUDY.endpoints[endpoint].dump()}))}" if endpoint else ""
    )
    return f"--engine {quote(as_flag(STUDY.engine.dump()))}{reached}"


def identity_of(entry):
    """The settings of an entry's serving that decide its answers; if they change, the model is asked again."""
    identity = {"dtype": STUDY.engine.dtype}
    if endpoint_of(entry):
        endpoint = STUDY.endpoints[endpoint_of(entry)].dump()
        identity = {key: endpoint[key] for key in ("model", "revision", "extra_body", "omit") if key in endpoint}
    return as_flag(identity)


def missing_key(jobs):
    """The error if one of these jobs asks an endpoint whose key is missing, raised before hours of work; else None."""
    for endpoint in filter(None, (job.params.get("endpoint") for job in jobs)):
        variable = STUDY.endpoints[endpoint].key_variable
        if variable and not os.environ.get(variable):
            return f"endpoints.{endpoint}.key_variable: the environment variable {variable} isn't set; export it, then rerun"
    return None


def gpus_for(entry):
    """The GPUs that a job needs to run an entry's model: none for endpoints, recordings and the formulary."""
    return STUDY.engine.gpus if entry.weights else 0


def gres_for(entry):
    """The GPUs of `gpus_for` in SLURM's notation."""
    return f"gpu:{gpus_for(entry)}" if gpus_for(entry) else ""


def memory_for(entry):
    """MB of memory, apart from a GPU's, to run an entry's model."""
    return 4000 + 32000 * gpus_for(entry)


def minutes_for(entry, first, attempt):
    """Minutes that a job needs to ask an entry's model; an hour if it only reads recordings or uses the formulary.

    Each attempt has ``first`` minutes more, up to a day, which most clusters allow; a job goes on from its journal.
    """
    asks_model = entry.weights or endpoint_of(entry)
    return min(first * attempt, 1440) if asks_model else 60 * attempt
