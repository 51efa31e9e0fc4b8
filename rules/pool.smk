"""One pool of questions, without duplicates and without copies of benchmark questions."""

# Benchmarks whose questions are removed from the pool, in the study's order, not that of `against`.
AGAINST = [benchmark for benchmark in STUDY.benchmarks if benchmark in STUDY.pool.against]
# All other benchmarks: their questions may be in the pool, and leaks.smk looks for them there.
LEAKABLE = [benchmark for benchmark in STUDY.benchmarks if benchmark not in AGAINST and STUDY.sources]
# Settings for finding copies. The benchmarks are among the inputs.
POOL_SPEC = {key: value for key, value in STUDY.pool.dump().items() if key != "against"}


rule build_pool:
    """Takes all sources and the benchmarks in `pool.against`; gives questions kept and removed, counts, recall."""
    input:
        script=shipped("workflow/scripts/build_pool.py"),
        code=code("build_pool.py"),
        sources=expand("<results>/questions/{source}.parquet", source=STUDY.sources),
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=AGAINST),
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
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        spec=verbatim(as_flag(POOL_SPEC)),
        origins=verbatim(origins_of(AGAINST)),
    message:
        "deduplicate and decontaminate the pool"
    shell:
        "python {input.script:q}"
        " --sources {input.sources}"
        " --benchmarks {input.benchmarks}"
        " --spec {params.spec:q}"
        " --origins {params.origins:q}"
        " --processes {threads}"
        " --out {output.pool}"
        " --removed {output.removed}"
        " --counts {output.counts}"
        " > {log} 2>&1"
