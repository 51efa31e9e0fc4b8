"""Benchmarks that the pool isn't decontaminated against: their questions in training data, and the effect."""

# Sources whose questions bases are trained on, by base.
CORPORA = {base: STUDY.bases[base].corpus.sources for base in TRAINED_BASES if STUDY.bases[base].corpus.sources}
# Datasets that students are trained on.
TRAINING_DATASETS = [
    dataset for dataset in STUDY.datasets if any(student.dataset == dataset for student in STUDY.students.values())
]
# Names of all training data of the study's models.
TRAINED_ON = [*TRAINING_DATASETS, *(f"corpus of {base}" for base in CORPORA)]


rule find_leaks:
    """Takes the pool, training data and other benchmarks; gives the benchmarks' questions in the data."""
    input:
        script=shipped("workflow/scripts/find_leaks.py"),
        code=code("find_leaks.py"),
        pool="<results>/pool.parquet",
        removed="<results>/pool_removed.parquet",
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=LEAKABLE),
        datasets=expand("<results>/datasets/{dataset}.parquet", dataset=TRAINING_DATASETS),
    output:
        "<results>/leaked.parquet",
    log:
        "<logs>/find_leaks.log",
    benchmark:
        "<logs>/find_leaks.tsv"
    conda:
        "../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        spec=verbatim(as_flag(POOL_SPEC)),
        origins=verbatim(origins_of(LEAKABLE)),
        corpora=verbatim(as_flag(CORPORA)),
    message:
        "look for benchmark questions among the training questions"
    shell:
        "python {input.script:q}"
        " --pool {input.pool}"
        " --pool-removed {input.removed}"
        " --benchmarks {input.benchmarks}"
        " --datasets {input.datasets}"
        " --corpora {params.corpora:q}"
        " --spec {params.spec:q}"
        " --origins {params.origins:q}"
        " --processes {threads}"
        " --out {output}"
        " > {log} 2>&1"
