"""What students' jobs ask for, and what decides what they learn. No rules."""

ON_SEVERAL_NODES = [name for name, student in STUDY.students.items() if student["resources"]["nodes"] > 1]
ON_ONE_NODE = [name for name in STUDY.students if name not in ON_SEVERAL_NODES]
PUSHED = [name for name, student in STUDY.students.items() if "push_to_hub" in student]


def asks(key):
    """What a student's job asks for, for `resources:`, which unlike `params:` make nothing run again."""
    return lambda wildcards: int(STUDY.students[wildcards.student]["resources"][key])


def memory_of(wildcards, attempt):
    """The memory that a student's job asks for; on the CPU, where little was enough to try, more with each attempt.

    A job on GPUs that comes back has mostly met its time limit, and a node has no twice as much.
    """
    asked = STUDY.students[wildcards.student]["resources"]
    return asked["mem_mb"] if asked["gpus"] else attempt * asked["mem_mb"]


def gpus_of(wildcards):
    """The GPUs that a student's job asks for, as SLURM takes them: none for a job on the CPU."""
    gpus = STUDY.students[wildcards.student]["resources"]["gpus"]
    return f"gpu:{gpus}" if gpus else ""


def base_name_of(wildcards):
    """What a student's base is called: its name on the hub, else in the study."""
    base = STUDY.students[wildcards.student]["base"]
    return STUDY.bases[base].get("hub", base)


def recipe_of(wildcards):
    """All of a student's settings that decide what is learnt."""
    apart = ("resources", "push_to_hub", "seed")
    return as_flag({key: value for key, value in STUDY.students[wildcards.student].items() if key not in apart})


ASKED = {
    "mem_mb": memory_of,
    "gres": gpus_of,
    "report_to": lambda wildcards: STUDY.students[wildcards.student]["resources"]["report_to"],
} | {
    key: asks(key)
    for key in (
        *("runtime", "gpus", "nodes", "processes"),
        *("device_tokens", "gradient_checkpointing", "checkpoint_minutes"),
    )
}
