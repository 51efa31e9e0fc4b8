"""One pool of questions, without duplicates and without copies of benchmark questions."""


rule build_pool:
    """Takes all sources and benchmarks; gives the questions kept, those removed and why, counts, and measured recall."""
    input:
        code=code("build_pool.py"),
        sources=expand("<results>/questions/{source}.parquet", source=STUDY.sources),
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
    output:
        pool="<results>/pool.parquet",
        removed="<results>/pool_removed.parquet",
        counts="<results>/pool.report.json",
    log:
        "<logs>/build_pool.log",
    benchmark:
        "<logs>/build_pool.tsv"
    conda:
        "../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        spec=setting("pool"),
        origins=lambda wildcards: as_flag(
            {
                section: {name: entry["origin"] for name, entry in entries.items() if entry.get("origin")}
                for section, entries in (("sources", STUDY.sources), ("benchmarks", STUDY.benchmarks))
            }
        ),
    message:
        "deduplicate and decontaminate the pool"
    shell:
        "python workflow/scripts/build_pool.py"
        " --sources {input.sources}"
        " --benchmarks {input.benchmarks}"
        " --spec {params.spec:q}"
        " --origins {params.origins:q}"
        " --processes {threads}"
        " --out {output.pool}"
        " --removed {output.removed}"
        " --counts {output.counts}"
        " > {log} 2>&1"
