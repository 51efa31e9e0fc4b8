"""The study's tables: each is made by a module of m1flow/analysis/tables, which says what it is made from."""


include: "table_jobs.smk"


rule make_table:
    """Takes what a table is made from, such as all scored sweeps; gives the table."""
    input:
        script=shipped("workflow/scripts/make_table.py"),
        code=code_of_table,
        sweeps=table_needs("sweeps", SWEEPS),
        benchmarks=table_needs(
            "benchmarks",
            expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        ),
        token_counts=table_needs(
            "token_counts",
            expand("<results>/generations/{model}.report.json", model=STUDY.models),
        ),
        tables=files_of_tables_needed,
        questions=table_needs("questions", expand("<results>/questions/{source}.parquet", source=STUDY.sources)),
        question_counts=table_needs(
            "questions",
            expand("<results>/questions/{source}.report.json", source=STUDY.sources),
        ),
        pool=table_needs("pool", from_sources("<results>/pool.parquet")),
        pool_removed=table_needs("pool_removed", from_sources("<results>/pool_removed.parquet")),
        attempts=table_needs("attempts", expand("<results>/attempts/{solver}.parquet", solver=STUDY.solvers)),
        difficulty=table_needs("difficulty", from_sources("<results>/difficulty.parquet")),
        traces=table_needs("traces", TRACES),
        datasets=table_needs("datasets", DATASETS),
        bills=table_needs("bills", BILLS),
        judged=table_needs("judged", "<results>/judged.parquet"),
        hand_labels=table_needs("hand_labels", HAND_LABELS),
        leaked_pairs=table_needs("leaked_pairs", "<results>/leaked.parquet"),
        leakable_benchmarks=table_needs(
            "leakable_benchmarks",
            expand("<results>/benchmarks/{benchmark}.parquet", benchmark=LEAKABLE),
        ),
        leakable_sweeps=table_needs(
            "leakable_sweeps",
            expand("<results>/sweeps/{model}/{benchmark}.parquet", model=STUDY.models, benchmark=LEAKABLE),
        ),
        published_numbers=table_needs("published_numbers", STUDY.published),
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
        cue=table_needs("cue", FIRST_CUE, otherwise=""),
        published_as=table_needs("published_as", as_flag(PUBLISHED_AS), otherwise="null"),
        made_how=table_needs("made_how", as_flag(made_how(STUDY.as_dict())), otherwise="null"),
        seed_groups=table_needs("seed_groups", as_flag(STUDY.replicates), otherwise="null"),
        trained_on=table_needs("trained_on", as_flag(TRAINED_ON), otherwise="null"),
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
