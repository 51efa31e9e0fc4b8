"""Base models: trained here from random weights, or taken from a folder or the hub."""

TRAINED_BASES = [name for name, base in STUDY.bases.items() if "architecture" in base]
GIVEN_BASES = [name for name in STUDY.bases if name not in TRAINED_BASES]


rule write_corpus:
    """Takes a base's corpus settings; gives the prompts and completions to train it on."""
    input:
        code=code("write_corpus.py"),
        pool=lambda wildcards: ["<results>/pool.parquet"] if STUDY.bases[wildcards.base]["corpus"]["sources"] else [],
    output:
        "<results>/corpora/{base}.parquet",
    log:
        "<logs>/write_corpus/{base}.log",
    benchmark:
        "<logs>/write_corpus/{base}.tsv"
    wildcard_constraints:
        base=any_of(TRAINED_BASES),
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=lambda wildcards: STUDY.flag("bases", wildcards.base, "corpus"),
        formulary=setting("formulary"),
        prompts=prompts_to("train", "solve", "evaluate"),
        seed=STUDY.seed,
    message:
        "write the corpus of the base {wildcards.base}"
    shell:
        "python workflow/scripts/write_corpus.py"
        " --spec {params.spec:q}"
        " --formulary {params.formulary:q}"
        " --prompts {params.prompts:q}"
        " --pool {input.pool}"
        " --seed {params.seed}"
        " --out {output}"
        " > {log} 2>&1"


rule train_base:
    """Takes a corpus; gives a tokenizer and a base model trained from random weights."""
    input:
        code=code("train_base.py"),
        corpus="<results>/corpora/{base}.parquet",
    output:
        directory("<results>/models/{base}"),
    log:
        "<logs>/train_base/{base}.log",
    benchmark:
        "<logs>/train_base/{base}.tsv"
    wildcard_constraints:
        base=any_of(TRAINED_BASES),
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        spec=lambda wildcards: STUDY.flag("bases", wildcards.base),
        formats=setting("formats"),
        seed=STUDY.seed,
    message:
        "train the base {wildcards.base} from random weights"
    shell:
        "python workflow/scripts/train_base.py"
        " --name {wildcards.base}"
        " --corpus {input.corpus}"
        " --spec {params.spec:q}"
        " --formats {params.formats:q}"
        " --threads {threads}"
        " --seed {params.seed}"
        " --out {output}"
        " > {log} 2>&1"


rule import_base:
    """Takes a model folder, local or downloaded; gives it, checked, as one of the study's models."""
    input:
        code=code("import_base.py"),
        folder=lambda wildcards: STUDY.bases[wildcards.base]["path"],
    output:
        directory("<results>/models/{base}"),
    log:
        "<logs>/import_base/{base}.log",
    benchmark:
        "<logs>/import_base/{base}.tsv"
    wildcard_constraints:
        base=any_of(GIVEN_BASES),
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    message:
        "import the base {wildcards.base}"
    shell:
        "python workflow/scripts/import_base.py" " --folder {input.folder:q}" " --out {output}" " > {log} 2>&1"
