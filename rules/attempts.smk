"""Solvers attempt every question of the pool; what they get wrong is hard."""


rule attempt:
    """Takes the pool and a solver; gives its attempts, parsed and judged."""
    input:
        code=code("attempt.py"),
        pool="<results>/pool.parquet",
        model=lambda wildcards: model_of(STUDY.solvers[wildcards.solver]),
        files=lambda wildcards: STUDY.solvers[wildcards.solver]["path"],
    output:
        attempts="<results>/attempts/{solver}.parquet",
        counts="<results>/attempts/{solver}.report.json",
    log:
        "<logs>/attempt/{solver}.log",
    benchmark:
        "<logs>/attempt/{solver}.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: memory_for(STUDY.solvers[wildcards.solver]) * attempt,
        runtime=lambda wildcards, attempt: minutes_for(STUDY.solvers[wildcards.solver], 720, attempt),
        gpus=lambda wildcards: gpus_for(STUDY.solvers[wildcards.solver]),
        gres=lambda wildcards: gres_for(STUDY.solvers[wildcards.solver]),
    params:
        spec=lambda wildcards: STUDY.flag("solvers", wildcards.solver),
        formats=lambda wildcards: format_of(STUDY.solvers[wildcards.solver]),
        prompts=prompts_to("solve"),
        seed=STUDY.seed,
        said_by=lambda wildcards: said_by(STUDY.solvers[wildcards.solver]),
        key=lambda wildcards, threads: with_key(STUDY.solvers[wildcards.solver]),
        serving=lambda wildcards, threads: serving(STUDY.solvers[wildcards.solver]),
        journal=lambda wildcards: journal_of(STUDY.solvers[wildcards.solver], f"attempts/{wildcards.solver}"),
    message:
        "attempt the pool with the solver {wildcards.solver}"
    shell:
        "{params.key}python workflow/scripts/attempt.py"
        " --name {wildcards.solver}"
        " --spec {params.spec:q}"
        " --questions {input.pool}"
        " --model {input.model}"
        " --formats {params.formats:q}"
        " --prompts {params.prompts:q}"
        " {params.serving}"
        " --seed {params.seed}"
        " --journal {params.journal}"
        " --out {output.attempts}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule rate_difficulty:
    """Takes all solvers' attempts; gives each question's pass rate and whether it is hard."""
    input:
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
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=setting("difficulty"),
    message:
        "rate difficulty"
    shell:
        "python workflow/scripts/rate_difficulty.py"
        " --attempts {input.attempts}"
        " --spec {params.spec:q}"
        " --out {output}"
        " > {log} 2>&1"
