"""The study's tables, each made by a module of m1flow/analysis/tables, which declares its inputs."""


include: "table_jobs.smk"


rule make_table:
    """Takes a table's inputs, such as all scored sweeps; gives the table."""
    input:
        script=shipped("workflow/scripts/make_table.py"),
        code=code_of_table,
        sweeps=where_needed("sweeps", SWEEPS),
        benchmarks=where_needed(
            "benchmarks",
            expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        ),
        token_counts=where_needed(
            "token_counts",
            expand("<results>/generations/{model}.report.json", model=STUDY.models),
        ),
        tables=files_of_tables_needed,
        questions=where_needed("questions", expand("<results>/questions/{source}.parquet", source=STUDY.sources)),
        question_counts=where_needed(
            "questions",
            expand("<results>/questions/{source}.report.json", source=STUDY.sources),
        ),
        pool=where_needed("pool", from_sources("<results>/pool.parquet")),
        pool_removed=where_needed("pool_removed", from_sources("<results>/pool_removed.parquet")),
        attempts=where_needed("attempts", expand("<results>/attempts/{solver}.parquet", solver=STUDY.solvers)),
        difficulty=where_needed("difficulty", from_sources("<results>/difficulty.parquet")),
        traces=where_needed("traces", TRACES),
        datasets=where_needed("datasets", DATASETS),
        bills=where_needed("bills", BILLS),
        judged=where_needed("judged", "<results>/judged.parquet"),
        hand_labels=where_needed("hand_labels", HAND_LABELS),
        leaked_pairs=where_needed("leaked_pairs", "<results>/leaked.parquet"),
        leakable_benchmarks=where_needed(
            "leakable_benchmarks",
            expand("<results>/benchmarks/{benchmark}.parquet", benchmark=LEAKABLE),
        ),
        leakable_sweeps=where_needed(
            "leakable_sweeps",
            expand("<results>/sweeps/{model}/{benchmark}.parquet", model=STUDY.models, benchmark=LEAKABLE),
        ),
        published_numbers=where_needed("published_numbers", STUDY.published),
    output:
        "<results>/tables/{table}.csv",
    log:
        "<logs>/make_table/{table}.log",
    benchmark:
        "<logs>/make_table/{table}.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        cue=where_needed("cue", STUDY.first_cue, otherwise=""),
        published_as=where_needed("published_as", as_flag(PUBLISHED_AS), otherwise="null"),
        made_how=where_needed("made_how", as_flag(made_how(STUDY.as_dict())), otherwise="null"),
        seed_groups=where_needed("seed_groups", as_flag(STUDY.replicates), otherwise="null"),
        trained_on=where_needed("trained_on", as_flag(TRAINED_ON), otherwise="null"),
    message:
        "make the table {wildcards.table}"
    shell:
        "python {input.script:q} {wildcards.table}"
        " --sweeps {input.sweeps}"
        " --cue={params.cue:q}"
        " --benchmarks {input.benchmarks}"
        " --token-counts {input.token_counts}"
        " --tables {input.tables}"
        " --questions {input.questions}"
        " --pool {input.pool}"
        " --pool-removed {input.pool_removed}"
        " --attempts {input.attempts}"
        " --difficulty {input.difficulty}"
        " --traces {input.traces}"
        " --datasets {input.datasets}"
        " --bills {input.bills}"
        " --judged {input.judged}"
        " --hand-labels {input.hand_labels:q}"
        " --leaked-pairs {input.leaked_pairs}"
        " --leakable-benchmarks {input.leakable_benchmarks}"
        " --leakable-sweeps {input.leakable_sweeps}"
        " --published-numbers {input.published_numbers:q}"
        " --published-as {params.published_as:q}"
        " --made-how {params.made_how:q}"
        " --seed-groups {params.seed_groups:q}"
        " --trained-on {params.trained_on:q}"
        " --out {output}"
        " > {log} 2>&1"
