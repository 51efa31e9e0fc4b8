"""Students: base models fine-tuned on a dataset."""


include: "student_jobs.smk"


rule fine_tune:
    """Takes a base and a dataset; gives the fine-tuned model, merged, with its loss curve and card."""
    input:
        script=shipped("workflow/scripts/fine_tune.py"),
        code=code_to_fine_tune,
        base=path_with("<results>/models/{base}", "students", "{student}"),
        rows=rows_of_student,
        dataset=student_dataset,
    output:
        directory("<results>/models/{student}"),
    log:
        "<logs>/fine_tune/{student}.log",
    benchmark:
        "<logs>/fine_tune/{student}.tsv"
    wildcard_constraints:
        student=any_of(ON_ONE_NODE),
    conda:
        "../envs/train.yaml"
    threads: student_resource("threads")
    resources:
        **STUDENT_RESOURCES,
    params:
        spec=setting("students", "{student}", without=["resources", "push_to_hub", "seed"]),
        format=student_format,
        base_name=student_base_name,
        seed=value("students", "{student}", "seed"),
        checkpoints=f"{RESULTS}/checkpoints/{{student}}",
        reports=f"{RESULTS}/logs/tensorboard/{{student}}",
    message:
        "fine-tune the student {wildcards.student}"
    shell:
        "exec python {input.script:q}"
        " --name {wildcards.student}"
        " --base {input.base}"
        " --base-name {params.base_name:q}"
        " --dataset {input.dataset}"
        " --spec {params.spec:q}"
        " --format {params.format:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --gpus {resources.gpus}"
        " --nodes {resources.nodes}"
        " --processes {resources.processes}"
        " --device-tokens {resources.device_tokens}"
        " --gradient-checkpointing {resources.gradient_checkpointing}"
        " --checkpoints {params.checkpoints:q}"
        " --checkpoint-minutes {resources.checkpoint_minutes}"
        " --report-to {resources.report_to}"
        " --reports {params.reports:q}"
        " --out {output}"
        " > {log} 2>&1"


# SLURM starts no step for a job on several nodes: fine_tune.py starts one on each node by srun.
use rule fine_tune as fine_tune_on_nodes with:
    wildcard_constraints:
        student=any_of(ON_SEVERAL_NODES),
    resources:
        **STUDENT_RESOURCES,
        mpi="srun",
        tasks=student_resource("nodes"),
        tasks_per_gpu=0,


rule push_student:
    """Takes a student; publishes it privately on the hub, and records its commit. Only for the target pushes."""
    input:
        script=shipped("workflow/scripts/push_student.py"),
        code=code("push_student.py"),
        rows=rows_of_student,
        model="<results>/models/{student}",
    output:
        "<results>/pushed/{student}.json",
    log:
        "<logs>/push_student/{student}.log",
    benchmark:
        "<logs>/push_student/{student}.tsv"
    wildcard_constraints:
        student=any_of(PUSHED),
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        to=value("students", "{student}", "push_to_hub"),
    message:
        "push the student {wildcards.student} to the hub"
    shell:
        "export HF_TOKEN; python {input.script:q}"
        " --model {input.model}"
        " --to {params.to:q}"
        " --out {output}"
        " > {log} 2>&1"


rule pushes:
    """Every student with a push_to_hub, published."""
    input:
        expand("<results>/pushed/{student}.json", student=PUSHED),
    message:
        "the students are pushed"
