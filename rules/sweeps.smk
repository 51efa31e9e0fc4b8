"""Sweeps: each model thinks once per question, and is cut at every budget."""


scattergather:
    shards=STUDY.sweep["shards"],


rule generate:
    """Takes a model and all benchmarks; gives its answers to a shard of the questions in every cell, not yet judged."""
    input:
        code=code("generate.py"),
        model=lambda wildcards: f"<results>/models/{STUDY.models[wildcards.model]['weights']}",
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
    threads: STUDY.engine["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: attempt * memory_for(STUDY.models[wildcards.model]),
        runtime=1440,
        gpus=STUDY.engine["gpus"],
        gres=lambda wildcards: gres_for(STUDY.models[wildcards.model]),
    params:
        spec=asked_as,
        sweep=lambda wildcards: STUDY.flag("sweeps", wildcards.model),
        formats=lambda wildcards: format_of(STUDY.models[wildcards.model]),
        prompts=prompts_to("evaluate"),
        said_by=lambda wildcards: said_by({}),
        serving=lambda wildcards, threads: serving({}),
        seed=STUDY.seed,
        journal=f"{RESULTS}/journals/sweeps/{{model}}.jsonl",
    message:
        "sweep the model {wildcards.model} over budgets and extensions, shard {wildcards.scatteritem}"
    shell:
        "python workflow/scripts/generate.py"
        " --name {wildcards.model}"
        " --spec {params.spec:q}"
        " --model {input.model}"
        " --questions {input.benchmarks}"
        " --sweep {params.sweep:q}"
        " --formats {params.formats:q}"
        " --prompts {params.prompts:q}"
        " {params.serving}"
        " --seed {params.seed}"
        " --shard {wildcards.scatteritem}"
        " --journal {params.journal}"
        " --out {output.generations}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule score:
    """Takes all shards of a model's answers and the questions; gives what each answer says and whether it is right."""
    input:
        code=code("score.py"),
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
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        scorer=STUDY.scorer,
    message:
        "score the model {wildcards.model}"
    shell:
        "python workflow/scripts/score.py"
        " --generations {input.generations}"
        " --questions {input.benchmarks}"
        " --scorer {params.scorer}"
        " --counts {input.counts}"
        " --out {output.sweeps}"
        " --out-counts {output.counts}"
        " > {log} 2>&1"
