"""Sweeps: each model thinks once per question, and is cut at every budget."""


scattergather:
    shards=STUDY.sweep.shards,


rule generate:
    """Takes a model and all benchmarks; gives its answers to a shard of the questions in every cell, not yet judged."""
    input:
        script=shipped("workflow/scripts/generate.py"),
        code=code("generate.py", *ENGINE_FILES),
        model=model_folder("models", "{model}"),
        rows=rows_of_model,
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
    output:
        generations=expand(
            "<results>/generations/{{model}}/{benchmark}/{{scatteritem}}.parquet",
            benchmark=STUDY.benchmarks,
        ),
        counts="<results>/generations/{model}/{scatteritem}.report.json",
    log:
        "<logs>/generate/{model}/{scatteritem}.log",
    benchmark:
        "<logs>/generate/{model}/{scatteritem}.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine.threads
    resources:
        **model_resources("models", "{model}", minutes=1440),
    params:
        **model_params("models", "{model}", purpose="evaluate", journal="sweeps/{model}"),
        spec=setting("models", "{model}", without=["sweep", "published"]),
        sweep=setting("sweeps", "{model}"),
    message:
        "sweep the model {wildcards.model} over budgets and extensions, shard {wildcards.scatteritem}"
    shell:
        "python {input.script:q}"
        " --name {wildcards.model}"
        " --spec {params.spec:q}"
        " --questions {input.benchmarks}"
        " --sweep {params.sweep:q}"
        f" {MODEL_FLAGS}"
        " --shard {wildcards.scatteritem}"
        " --out {output.generations}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule score:
    """Takes all shards of a model's answers and the questions; gives each answer's option and whether it is right."""
    input:
        script=shipped("workflow/scripts/score.py"),
        code=code("score.py", SCORERS.file(STUDY.scorer)),
        generations=[
            path
            for benchmark in STUDY.benchmarks
            for path in gather.shards(f"<results>/generations/{{{{model}}}}/{benchmark}/{{scatteritem}}.parquet")
        ],
        counts=gather.shards("<results>/generations/{{model}}/{scatteritem}.report.json"),
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
    output:
        sweeps=expand("<results>/sweeps/{{model}}/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        counts="<results>/generations/{model}.report.json",
    log:
        "<logs>/score/{model}.log",
    benchmark:
        "<logs>/score/{model}.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        scorer=STUDY.scorer,
    message:
        "score the model {wildcards.model}"
    shell:
        "python {input.script:q}"
        " --generations {input.generations}"
        " --questions {input.benchmarks}"
        " --scorer {params.scorer}"
        " --counts {input.counts}"
        " --out {output.sweeps}"
        " --out-counts {output.counts}"
        " > {log} 2>&1"
