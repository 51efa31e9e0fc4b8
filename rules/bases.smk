"""Base models: trained here from random weights, or taken from a folder or the hub."""

TRAINED_BASES = [name for name, base in STUDY.bases.items() if base.architecture]
GIVEN_BASES = [name for name in STUDY.bases if name not in TRAINED_BASES]


rule write_corpus:
    """Takes a base's corpus settings; gives the prompts and completions to train it on."""
    input:
        script=shipped("workflow/scripts/write_corpus.py"),
        code=code("write_corpus.py"),
        pool=pool_of_corpus,
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
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        spec=setting("bases", "{base}", "corpus"),
        formulary=setting("formulary"),
        prompts=prompts_for("train", "solve", "evaluate"),
        seed=STUDY.seed,
    message:
        "write the corpus of the base {wildcards.base}"
    shell:
        "python {input.script:q}"
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
        script=shipped("workflow/scripts/train_base.py"),
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
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        spec=setting("bases", "{base}"),
        formats=setting("formats"),
        seed=STUDY.seed,
    message:
        "train the base {wildcards.base} from random weights"
    shell:
        "python {input.script:q}"
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
        script=shipped("workflow/scripts/import_base.py"),
        code=code("import_base.py"),
        folder=value("bases", "{base}", "path"),
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
        mem_mb=growing(1000),
        runtime=growing(30),
    message:
        "import the base {wildcards.base}"
    shell:
        "python {input.script:q} --folder {input.folder:q} --out {output} > {log} 2>&1"
