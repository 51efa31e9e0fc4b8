"""Sources and benchmarks become questions of one schema."""


rule collect_source:
    """Takes a source's rows; gives its normalised questions, and counts of dropped rows by reason."""
    input:
        script=shipped("workflow/scripts/collect_questions.py"),
        code=code_to_collect("sources", "{source}"),
        files=value("sources", "{source}", "path"),
        recordings=recordings_of("sources", "{source}"),
        ids=id_lists("sources", "{source}"),
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
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        spec=setting("sources", "{source}"),
        formulary=setting("formulary"),
        seed=STUDY.seed,
    message:
        "collect the source {wildcards.source}"
    shell:
        "python {input.script:q}"
        " --name {wildcards.source}"
        " --spec {params.spec:q}"
        " --formulary {params.formulary:q}"
        " --recordings {input.recordings:q}"
        " --seed {params.seed}"
        " --out {output.questions}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule collect_benchmark:
    """Takes a benchmark's rows; gives its normalised questions, and counts of dropped rows by reason."""
    input:
        script=shipped("workflow/scripts/collect_questions.py"),
        code=code_to_collect("benchmarks", "{benchmark}"),
        files=value("benchmarks", "{benchmark}", "path"),
        recordings=recordings_of("benchmarks", "{benchmark}"),
        ids=id_lists("benchmarks", "{benchmark}"),
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
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        spec=setting("benchmarks", "{benchmark}"),
        formulary=setting("formulary"),
        seed=STUDY.seed,
    message:
        "collect the benchmark {wildcards.benchmark}"
    shell:
        "python {input.script:q}"
        " --name {wildcards.benchmark}"
        " --spec {params.spec:q}"
        " --formulary {params.formulary:q}"
        " --recordings {input.recordings:q}"
        " --seed {params.seed}"
        " --out {output.questions}"
        " --counts {output.counts}"
        " > {log} 2>&1"
