"""Resources of students' jobs, and the inputs that decide their training. No rules."""

ON_SEVERAL_NODES = [name for name, student in STUDY.students.items() if student.resources.nodes > 1]
ON_ONE_NODE = [name for name in STUDY.students if name not in ON_SEVERAL_NODES]
PUSHED = [name for name, student in STUDY.students.items() if student.push_to_hub]


def rows_learnt(name):
    """The file with the fingerprint of the rows that a student was trained on; nothing for a base.

    It is an input of the jobs that train students, ask them or push them. Since a checkpoint makes it, Snakemake decides
    anew, once the rows are known, whether these jobs must run.
    """
    if name not in STUDY.students:
        return []
    return checkpoints.select_dataset.get(dataset=STUDY.students[name].dataset).output.rows


def code_to_fine_tune(wildcards):
    """The code that trains a student, with only its own method."""
    return code("fine_tune.py", METHODS.file(STUDY.students[wildcards.student].method))


def rows_of_student(wildcards):
    """The fingerprint of the rows that a student is trained on."""
    return rows_learnt(wildcards.student)


def rows_of_model(wildcards):
    """The fingerprint of the rows that an evaluated model's weights were trained on."""
    return rows_learnt(STUDY.models[wildcards.model].weights)


def student_dataset(wildcards):
    """The dataset that a student is trained on. What counts is its rows (`rows_of_student`), not its date."""
    return ancient(f"<results>/datasets/{STUDY.students[wildcards.student].dataset}.parquet")


def student_resource(key):
    """A resource of a student's job, for `resources:`, which unlike `params:` cause no rerun; a flag is 0 or 1."""
    return lambda wildcards: int(settings_at(wildcards, "students", "{student}", "resources", key))


def student_memory(wildcards, attempt):
    """The memory that a student's job asks for; on the CPU it starts small and grows with each attempt.

    A job on GPUs that is run again has usually hit its time limit, and no node has twice as much memory.
    """
    resources = STUDY.students[wildcards.student].resources
    return resources.mem_mb if resources.gpus else attempt * resources.mem_mb


def student_gres(wildcards):
    """The GPUs that a student's job asks for, in SLURM's notation; none for a job on the CPU."""
    gpus = STUDY.students[wildcards.student].resources.gpus
    return f"gpu:{gpus}" if gpus else ""


def student_base_name(wildcards):
    """The name of a student's base: on the hub, else in the study."""
    base = STUDY.students[wildcards.student].base
    return STUDY.bases[base].hub or base


def student_format(wildcards):
    """The format of a student's training examples, as a flag's value."""
    return as_flag(STUDY.formats[STUDY.students[wildcards.student].format].dump())


STUDENT_RESOURCES = {
    "mem_mb": student_memory,
    "gres": student_gres,
    "report_to": value("students", "{student}", "resources", "report_to"),
} | {
    key: student_resource(key)
    for key in (
        *("runtime", "gpus", "nodes", "processes"),
        *("device_tokens", "gradient_checkpointing", "checkpoint_minutes"),
    )
}
