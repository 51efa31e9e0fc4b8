"""Teachers write reasoning traces, which are verified against the right answer."""


rule teach:
    """Takes the pool and its difficulty; gives a teacher's verified and refused traces."""
    input:
        script=shipped("workflow/scripts/teach.py"),
        code=code_to_ask("teach.py", "teachers", "{teacher}"),
        pool="<results>/pool.parquet",
        difficulty="<results>/difficulty.parquet",
        files=value("teachers", "{teacher}", "path"),
        model=model_folder("teachers", "{teacher}"),
    output:
        traces="<results>/traces/{teacher}.parquet",
        counts="<results>/traces/{teacher}.report.json",
    log:
        "<logs>/teach/{teacher}.log",
    benchmark:
        "<logs>/teach/{teacher}.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine.threads
    resources:
        **model_resources("teachers", "{teacher}", minutes=1440),
    params:
        **model_params("teachers", "{teacher}", purpose="teach", journal="traces/{teacher}"),
        spec=setting("teachers", "{teacher}"),
        formulary=setting("formulary"),
    message:
        "write and verify traces with the teacher {wildcards.teacher}"
    shell:
        "{params.key}python {input.script:q}"
        " --name {wildcards.teacher}"
        " --spec {params.spec:q}"
        " --questions {input.pool}"
        " --difficulty {input.difficulty}"
        " --formulary {params.formulary:q}"
        f" {MODEL_FLAGS}"
        " --out {output.traces}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule tokenise_traces:
    """Takes a teacher's traces; gives the verified ones as training examples, tokenised once for all datasets."""
    input:
        script=shipped("workflow/scripts/tokenise_traces.py"),
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
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        formats=lambda wildcards: format_named(wildcards.format),
        prompts=prompts_for("train"),
    message:
        "tokenise the traces of {wildcards.teacher}"
    shell:
        "python {input.script:q}"
        " --questions {input.pool}"
        " --traces {input.traces}"
        " --tokenizer {input.tokenizer}"
        " --format {wildcards.format}"
        " --formats {params.formats:q}"
        " --prompts {params.prompts:q}"
        " --out {output}"
        " > {log} 2>&1"
