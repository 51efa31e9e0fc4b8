"""A model names the domain of each question that has a verified trace, if `domains.by` is model."""


rule assign_domains:
    """Takes the pool, every teacher's traces and a vocabulary; gives each traced question's domain, and counts."""
    input:
        script=shipped("workflow/scripts/assign_domains.py"),
        code=code_to_ask("assign_domains.py", "domains"),
        pool="<results>/pool.parquet",
        traces=expand("<results>/traces/{teacher}.parquet", teacher=STUDY.teachers),
        vocabulary=value("domains", "vocabulary"),
        model=model_folder("domains"),
    output:
        domains="<results>/domains.parquet",
        counts="<results>/domains.report.json",
    log:
        "<logs>/assign_domains.log",
    benchmark:
        "<logs>/assign_domains.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine.threads
    resources:
        **model_resources("domains", minutes=720),
    params:
        **model_params("domains", purpose="domain", journal="domains"),
        spec=setting("domains"),
    message:
        "assign domains to the questions with verified traces"
    shell:
        "{params.key}python {input.script:q}"
        " --spec {params.spec:q}"
        " --questions {input.pool}"
        " --traces {input.traces}"
        " --vocabulary {input.vocabulary:q}"
        f" {MODEL_FLAGS}"
        " --out {output.domains}"
        " --counts {output.counts}"
        " > {log} 2>&1"
