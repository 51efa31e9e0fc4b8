"""Datasets: selections of verified traces to train on."""


rule select_dataset:
    """Takes a teacher's examples, and domains where a model assigns them; gives one dataset and its card."""
    input:
        code=code("select_dataset.py"),
        examples=lambda wildcards: "<results>/examples/{teacher}/{tokenizer}/{format}.parquet".format(
            **STUDY.datasets[wildcards.dataset]
        ),
        domains=["<results>/domains.parquet"] if STUDY.domains["by"] == "model" else [],
    output:
        dataset="<results>/datasets/{dataset}.parquet",
        card="<results>/datasets/{dataset}.md",
    log:
        "<logs>/select_dataset/{dataset}.log",
    benchmark:
        "<logs>/select_dataset/{dataset}.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        spec=lambda wildcards: STUDY.flag("datasets", wildcards.dataset),
        domains=lambda wildcards, input: f"--domains {input.domains}" if input.domains else "",
    message:
        "select the dataset {wildcards.dataset}"
    shell:
        "python workflow/scripts/select_dataset.py"
        " --name {wildcards.dataset}"
        " --spec {params.spec:q}"
        " --examples {input.examples}"
        " {params.domains}"
        " --out {output.dataset}"
        " --card {output.card}"
        " > {log} 2>&1"
