"""A model names the domain of each question that has a verified trace, where `domains.by` is model."""


rule assign_domains:
    """Takes the pool, every teacher's traces and a vocabulary; gives each traced question's domain, and counts."""
    input:
        code=code("assign_domains.py"),
        pool="<results>/pool.parquet",
        traces=expand("<results>/traces/{teacher}.parquet", teacher=STUDY.teachers),
        vocabulary=lambda wildcards: STUDY.domains["vocabulary"],
        model=lambda wildcards: model_of(STUDY.domains),
    output:
        domains="<results>/domains.parquet",
        counts="<results>/domains.report.json",
    log:
        "<logs>/assign_domains.log",
    benchmark:
        "<logs>/assign_domains.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: memory_for(STUDY.domains) * attempt,
        runtime=lambda wildcards, attempt: minutes_for(STUDY.domains, 720, attempt),
        gpus=lambda wildcards: gpus_for(STUDY.domains),
        gres=lambda wildcards: gres_for(STUDY.domains),
    params:
        spec=setting("domains"),
        formats=lambda wildcards: format_of(STUDY.domains),
        prompts=prompts_to("domain"),
        seed=STUDY.seed,
        said_by=lambda wildcards: said_by(STUDY.domains),
        key=lambda wildcards, threads: with_key(STUDY.domains),
        serving=lambda wildcards, threads: serving(STUDY.domains),
        journal=lambda wildcards: journal_of(STUDY.domains, "domains"),
    message:
        "assign domains to the questions with verified traces"
    shell:
        "{params.key}python workflow/scripts/assign_domains.py"
        " --spec {params.spec:q}"
        " --questions {input.pool}"
        " --traces {input.traces}"
        " --vocabulary {input.vocabulary:q}"
        " --model {input.model}"
        " --formats {params.formats:q}"
        " --prompts {params.prompts:q}"
        " {params.serving}"
        " --seed {params.seed}"
        " --journal {params.journal}"
        " --out {output.domains}"
        " --counts {output.counts}"
        " > {log} 2>&1"
