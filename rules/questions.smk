"""Sources and benchmarks become questions of one schema."""


rule collect_source:
    """Takes a source's rows; gives its normalised questions, and counts what was dropped and why."""
    input:
        code=code("collect_questions.py"),
        files=lambda wildcards: STUDY.sources[wildcards.source]["path"],
        recordings=lambda wildcards: recordings(STUDY.sources[wildcards.source]),
        ids=lambda wildcards: STUDY.sources[wildcards.source]["ids"] + STUDY.sources[wildcards.source]["without_ids"],
    output:
        questions="<results>/questions/{source}.parquet",
        counts="<results>/questions/{source}.report.json",
    log:
        "<logs>/collect_source/{source}.log",
    benchmark:
        "<logs>/collect_source/{source}.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=lambda wildcards: STUDY.flag("sources", wildcards.source),
        formulary=setting("formulary"),
        seed=STUDY.seed,
    message:
        "collect the source {wildcards.source}"
    shell:
        "python workflow/scripts/collect_questions.py"
        " --name {wildcards.source}"
        " --spec {params.spec:q}"
        " --formulary {params.formulary:q}"
        " --recordings {input.recordings:q}"
        " --seed {params.seed}"
        " --out {output.questions}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule collect_benchmark:
    """Takes a benchmark's rows; gives its normalised questions, and counts what was dropped and why."""
    input:
        code=code("collect_questions.py"),
        files=lambda wildcards: STUDY.benchmarks[wildcards.benchmark]["path"],
        recordings=lambda wildcards: recordings(STUDY.benchmarks[wildcards.benchmark]),
        ids=lambda wildcards: STUDY.benchmarks[wildcards.benchmark]["ids"]
        + STUDY.benchmarks[wildcards.benchmark]["without_ids"],
    output:
        questions="<results>/benchmarks/{benchmark}.parquet",
        counts="<results>/benchmarks/{benchmark}.report.json",
    log:
        "<logs>/collect_benchmark/{benchmark}.log",
    benchmark:
        "<logs>/collect_benchmark/{benchmark}.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=lambda wildcards: STUDY.flag("benchmarks", wildcards.benchmark),
        formulary=setting("formulary"),
        seed=STUDY.seed,
    message:
        "collect the benchmark {wildcards.benchmark}"
    shell:
        "python workflow/scripts/collect_questions.py"
        " --name {wildcards.benchmark}"
        " --spec {params.spec:q}"
        " --formulary {params.formulary:q}"
        " --recordings {input.recordings:q}"
        " --seed {params.seed}"
        " --out {output.questions}"
        " --counts {output.counts}"
        " > {log} 2>&1"
