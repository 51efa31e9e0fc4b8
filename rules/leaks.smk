"""Benchmarks that the pool isn't decontaminated against: which of their questions were trained on, and what that does."""

# Sources whose questions bases are trained on, by base.
CORPORA = {
    base: STUDY.bases[base]["corpus"]["sources"] for base in TRAINED_BASES if STUDY.bases[base]["corpus"]["sources"]
}


rule find_leaks:
    """Takes the pool, what was trained on, and benchmarks that the pool doesn't know; gives their questions found there."""
    input:
        code=code("find_leaks.py"),
        pool="<results>/pool.parquet",
        removed="<results>/pool_removed.parquet",
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=LEAKABLE),
        datasets=[
            f"<results>/datasets/{dataset}.parquet"
            for dataset in STUDY.datasets
            if any(student["dataset"] == dataset for student in STUDY.students.values())
        ],
    output:
        leaked="<results>/leaked.parquet",
        table="<results>/tables/leaked.csv",
    log:
        "<logs>/find_leaks.log",
    benchmark:
        "<logs>/find_leaks.tsv"
    conda:
        "../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        spec=lambda wildcards: as_flag(POOL_SPEC),
        origins=lambda wildcards: origins_of(LEAKABLE),
        corpora=lambda wildcards: as_flag(CORPORA),
    message:
        "look for benchmark questions among the training questions"
    shell:
        "python workflow/scripts/find_leaks.py"
        " --pool {input.pool}"
        " --pool-removed {input.removed}"
        " --benchmarks {input.benchmarks}"
        " --datasets {input.datasets}"
        " --corpora {params.corpora:q}"
        " --spec {params.spec:q}"
        " --origins {params.origins:q}"
        " --processes {threads}"
        " --out {output.leaked}"
        " --out-table {output.table}"
        " > {log} 2>&1"


rule score_unseen:
    """Takes scored sweeps on these benchmarks, and what leaked; gives accuracy with and without what was trained on."""
    input:
        code=code("score_unseen.py"),
        sweeps=expand("<results>/sweeps/{model}/{benchmark}.parquet", model=STUDY.models, benchmark=LEAKABLE),
        leaked="<results>/leaked.parquet",
    output:
        "<results>/tables/leaked_accuracy.csv",
    log:
        "<logs>/score_unseen.log",
    benchmark:
        "<logs>/score_unseen.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    message:
        "count without what was trained on"
    shell:
        "python workflow/scripts/score_unseen.py"
        " --sweeps {input.sweeps}"
        " --leaked {input.leaked}"
        " --out {output}"
        " > {log} 2>&1"
