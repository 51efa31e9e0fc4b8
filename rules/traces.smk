"""Teachers write reasoning traces, which are verified against the right answer."""


rule teach:
    """Takes the pool and its difficulty; gives a teacher's verified and refused traces."""
    input:
        code=code("teach.py"),
        pool="<results>/pool.parquet",
        difficulty="<results>/difficulty.parquet",
        files=lambda wildcards: STUDY.teachers[wildcards.teacher]["path"],
        model=lambda wildcards: model_of(STUDY.teachers[wildcards.teacher]),
    output:
        traces="<results>/traces/{teacher}.parquet",
        counts="<results>/traces/{teacher}.report.json",
    log:
        "<logs>/teach/{teacher}.log",
    benchmark:
        "<logs>/teach/{teacher}.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: memory_for(STUDY.teachers[wildcards.teacher]) * attempt,
        runtime=lambda wildcards, attempt: minutes_for(STUDY.teachers[wildcards.teacher], 1440, attempt),
        gpus=lambda wildcards: gpus_for(STUDY.teachers[wildcards.teacher]),
        gres=lambda wildcards: gres_for(STUDY.teachers[wildcards.teacher]),
    params:
        spec=lambda wildcards: STUDY.flag("teachers", wildcards.teacher),
        formulary=setting("formulary"),
        formats=lambda wildcards: format_of(STUDY.teachers[wildcards.teacher]),
        prompts=prompts_to("teach"),
        seed=STUDY.seed,
        said_by=lambda wildcards: said_by(STUDY.teachers[wildcards.teacher]),
        key=lambda wildcards, threads: with_key(STUDY.teachers[wildcards.teacher]),
        serving=lambda wildcards, threads: serving(STUDY.teachers[wildcards.teacher]),
        journal=lambda wildcards: journal_of(STUDY.teachers[wildcards.teacher], f"traces/{wildcards.teacher}"),
    message:
        "write and verify traces with the teacher {wildcards.teacher}"
    shell:
        "{params.key}python workflow/scripts/teach.py"
        " --name {wildcards.teacher}"
        " --spec {params.spec:q}"
        " --questions {input.pool}"
        " --difficulty {input.difficulty}"
        " --formulary {params.formulary:q}"
        " --model {input.model}"
        " --formats {params.formats:q}"
        " --prompts {params.prompts:q}"
        " {params.serving}"
        " --seed {params.seed}"
        " --journal {params.journal}"
        " --out {output.traces}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule tokenise_traces:
    """Takes a teacher's traces; gives the verified ones as training examples, tokenised once for all datasets."""
    input:
        code=code("tokenise_traces.py"),
        pool="<results>/pool.parquet",
        traces="<results>/traces/{teacher}.parquet",
        tokenizer="<results>/models/{tokenizer}",
    output:
        "<results>/examples/{teacher}/{tokenizer}/{format}.parquet",
    log:
        "<logs>/tokenise_traces/{teacher}/{tokenizer}/{format}.log",
    benchmark:
        "<logs>/tokenise_traces/{teacher}/{tokenizer}/{format}.tsv"
    wildcard_constraints:
        tokenizer=any_of(STUDY.bases),
        format=any_of(STUDY.formats),
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        formats=lambda wildcards: format_of({"format": wildcards.format}),
        prompts=prompts_to("train"),
    message:
        "tokenise the traces of {wildcards.teacher}"
    shell:
        "python workflow/scripts/tokenise_traces.py"
        " --questions {input.pool}"
        " --traces {input.traces}"
        " --tokenizer {input.tokenizer}"
        " --format {wildcards.format}"
        " --formats {params.formats:q}"
        " --prompts {params.prompts:q}"
        " --out {output}"
        " > {log} 2>&1"
