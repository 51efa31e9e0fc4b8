"""Datasets: selections of verified traces to train on."""


# A checkpoint, since the rows decide which later jobs run: if a dataset is written again with the same rows, its
# students aren't trained again.
checkpoint select_dataset:
    """Takes a teacher's examples, and domains where a model assigns them; gives one dataset, its fingerprint and card."""
    input:
        script=shipped("workflow/scripts/select_dataset.py"),
        code=code("select_dataset.py"),
        examples=path_with("<results>/examples/{teacher}/{tokenizer}/{format}.parquet", "datasets", "{dataset}"),
        domains=["<results>/domains.parquet"] if STUDY.domains.by == "model" else [],
    output:
        rows="<results>/datasets/{dataset}.rows.json",
        dataset="<results>/datasets/{dataset}.parquet",
        card="<results>/datasets/{dataset}.md",
    log:
        "<logs>/select_dataset/{dataset}.log",
    benchmark:
        "<logs>/select_dataset/{dataset}.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        spec=setting("datasets", "{dataset}"),
    message:
        "select the dataset {wildcards.dataset}"
    shell:
        "python {input.script:q}"
        " --name {wildcards.dataset}"
        " --spec {params.spec:q}"
        " --examples {input.examples}"
        " --domains {input.domains}"
        " --out {output.dataset}"
        " --rows {output.rows}"
        " --card {output.card}"
        " > {log} 2>&1"
