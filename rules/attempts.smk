"""Solvers attempt every question of the pool; questions that they get wrong are hard."""


rule attempt:
    """Takes the pool and a solver; gives its attempts, parsed and judged."""
    input:
        script=shipped("workflow/scripts/attempt.py"),
        code=code_to_ask("attempt.py", "solvers", "{solver}"),
        pool="<results>/pool.parquet",
        model=model_folder("solvers", "{solver}"),
        files=value("solvers", "{solver}", "path"),
    output:
        attempts="<results>/attempts/{solver}.parquet",
        counts="<results>/attempts/{solver}.report.json",
    log:
        "<logs>/attempt/{solver}.log",
    benchmark:
        "<logs>/attempt/{solver}.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine.threads
    resources:
        **model_resources("solvers", "{solver}", minutes=720),
    params:
        **model_params("solvers", "{solver}", purpose="solve", journal="attempts/{solver}"),
        spec=setting("solvers", "{solver}"),
    message:
        "attempt the pool with the solver {wildcards.solver}"
    shell:
        "{params.key}python {input.script:q}"
        " --name {wildcards.solver}"
        " --spec {params.spec:q}"
        " --questions {input.pool}"
        f" {MODEL_FLAGS}"
        " --out {output.attempts}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule rate_difficulty:
    """Takes all solvers' attempts; gives each question's pass rate and whether it is hard."""
    input:
        script=shipped("workflow/scripts/rate_difficulty.py"),
        code=code("rate_difficulty.py"),
        attempts=expand("<results>/attempts/{solver}.parquet", solver=STUDY.solvers),
    output:
        "<results>/difficulty.parquet",
    log:
        "<logs>/rate_difficulty.log",
    benchmark:
        "<logs>/rate_difficulty.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        spec=setting("difficulty"),
    message:
        "rate difficulty"
    shell:
        "python {input.script:q}"
        " --attempts {input.attempts}"
        " --spec {params.spec:q}"
        " --out {output}"
        " > {log} 2>&1"
