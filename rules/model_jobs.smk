"""What jobs that run a model ask for, and how their answers are kept. No rules."""

import os
from shlex import quote

# Where models run: vllm has one build for NVIDIA GPUs and another for CPUs.
MODEL_ENV = "../envs/generate-gpu.yaml" if STUDY.engine["gpus"] else "../envs/generate.yaml"


# Keys in the environment of a run are the jobs' that use them, by `with_key`, and no other's.
WITHHELD = sorted({"HF_TOKEN", *(e["key_variable"] for e in STUDY.endpoints.values() if "key_variable" in e)})
shell.prefix(f"set -euo pipefail; export -n {' '.join(WITHHELD)}; ")


def with_key(entry):
    """The beginning of a command that gets the key of an entry's endpoint; nothing where there is none.

    For `params:` in a function that takes ``threads`` as well, as `serving`.
    """
    variable = STUDY.endpoints[entry["endpoint"]].get("key_variable") if "endpoint" in entry else None
    return f"export {variable}; " if variable else ""


def model_of(entry):
    """The model folder of an entry that names weights; nothing for an endpoint, recordings and the formulary."""
    return [f"<results>/models/{entry['weights']}"] if "weights" in entry else []


def journal_of(entry, place):
    """Where an entry's answers are kept: with its endpoint's, whose bills are one, else in a journal of its own."""
    return f"{RESULTS}/journals/" + (
        f"endpoints/{entry['endpoint']}.jsonl" if "endpoint" in entry else f"{place}.jsonl"
    )


def serving(entry):
    """How an entry's model is run or reached, as flags: engine settings, and the endpoint's.

    For `params:` in a function that takes ``threads`` as well: Snakemake then doesn't count it as a change. Faster
    limits, another address or another batch size are no reason to train all students anew.
    """
    endpoint = entry.get("endpoint")
    reached = f" --endpoint {quote(as_flag({'name': endpoint, **STUDY.endpoints[endpoint]}))}" if endpoint else ""
    return f"--engine {quote(STUDY.flag('engine'))}{reached}"


def said_by(entry):
    """What of an entry's serving decides what is said, and so is a reason to ask again."""
    said = {"dtype": STUDY.engine["dtype"]}
    if "endpoint" in entry:
        endpoint = STUDY.endpoints[entry["endpoint"]]
        said = {key: endpoint[key] for key in ("model", "revision", "extra_body", "omit") if key in endpoint}
    return as_flag(said)


def missing_key(jobs):
    """What is wrong where one of these jobs asks an endpoint and the key isn't there; found before hours of other work."""
    asking = {"attempt": STUDY.solvers, "teach": STUDY.teachers, "assign_domains": {"": STUDY.domains}}
    asking["judge_answers"] = {"": STUDY.judge}
    for job in jobs:
        name = "".join(job.wildcards_dict.values())
        endpoint = asking.get(job.rule.name, {}).get(name, {}).get("endpoint")
        variable = STUDY.endpoints[endpoint].get("key_variable") if endpoint else None
        if variable and not os.environ.get(variable):
            return f"endpoints.{endpoint}.key_variable: the environment has no {variable}; export it, then rerun"
    return None


def gpus_for(entry):
    """The GPUs that a job needs to run an entry's model: none for endpoints, recordings and the formulary."""
    return STUDY.engine["gpus"] if "weights" in entry else 0


def gres_for(entry):
    """The same as SLURM is asked for them."""
    return f"gpu:{gpus_for(entry)}" if gpus_for(entry) else ""


def memory_for(entry):
    """MB of memory, not a GPU's, to run an entry's model."""
    return 4000 + 32000 * gpus_for(entry)


def minutes_for(entry, first, attempt):
    """Minutes that a job needs to ask an entry's model; an hour where it only reads recordings or solves by the formulary.

    Each attempt has ``first`` more, but not past a day, which most clusters allow: it goes on from the journal.
    """
    asks_model = "weights" in entry or "endpoint" in entry
    return min(first * attempt, 1440) if asks_model else 60 * attempt


def asked_as(wildcards):
    """What of a model's entry decides its rows, besides its sweep."""
    entry = STUDY.models[wildcards.model]
    return as_flag({key: value for key, value in entry.items() if key not in ("sweep", "published")})
