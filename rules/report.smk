"""Tables, figures and the report."""

SWEEPS = expand(
    "<results>/sweeps/{model}/{benchmark}.parquet",
    model=STUDY.models,
    benchmark=STUDY.benchmarks,
)
DATASETS = expand("<results>/datasets/{dataset}.parquet", dataset=STUDY.datasets)
TRACES = expand("<results>/traces/{teacher}.parquet", teacher=STUDY.teachers)
COUNTS = [
    *expand("<results>/attempts/{solver}.report.json", solver=STUDY.solvers),
    *expand("<results>/traces/{teacher}.report.json", teacher=STUDY.teachers),
    *(["<results>/domains.report.json"] if STUDY.domains["by"] == "model" else []),
    *(["<results>/judged.report.json"] if JUDGED else []),
]
TRAINED = [*TRAINED_BASES, *STUDY.students]
# Models that the study sets beside published numbers.
PUBLISHED_AS = {model: entry["published"] for model, entry in STUDY.models.items() if "published" in entry}
# What the page is made from.
SHOWN_TABLES = [
    *("accuracy", "extensions", "macro", "funnel", "tokens", "costs"),
    *("policies", "matched", "early_exit", "option_order", "calibration", "calibration_curves"),
    *("comparisons", "budget_choice", "overthinking", "flips", "failures", "pareto"),
    *("cues", "replicates"),
    *(["published"] if PUBLISHED_AS else []),
    *(["error_kinds", "judge_agreement"] if JUDGED else []),
    *(["leaked", "leaked_accuracy"] if LEAKABLE else []),
]
# What tables and figures of extensions are about, where there are several cues.
FIRST_CUE = STUDY.first_cue
# What comparisons know of the study; nothing else reruns them.
COMPARED_BY = {**made_how(STUDY.as_dict()), "replicates": STUDY.replicates}
# The config file that ships under the study's name, which the page compares the study with.
SHIPPED = shipped_as(STUDY.name, [Path("config/config.yaml"), *sorted(Path("config/presets").glob("*.yaml"))])


rule make_tables:
    """Takes all scored sweeps and the line before them; gives the study's tables."""
    input:
        code=code("make_tables.py"),
        sweeps=SWEEPS,
        questions=expand("<results>/questions/{source}.parquet", source=STUDY.sources),
        counts=expand("<results>/questions/{source}.report.json", source=STUDY.sources),
        pool=before_models("<results>/pool.parquet"),
        removed=before_models("<results>/pool_removed.parquet"),
        attempts=expand("<results>/attempts/{solver}.parquet", solver=STUDY.solvers),
        difficulty=before_models("<results>/difficulty.parquet"),
        traces=TRACES,
        datasets=DATASETS,
        tokens=expand("<results>/generations/{model}.report.json", model=STUDY.models),
        costs=COUNTS,
    output:
        accuracy="<results>/tables/accuracy.csv",
        extensions="<results>/tables/extensions.csv",
        macro="<results>/tables/macro.csv",
        funnel="<results>/tables/funnel.csv",
        tokens="<results>/tables/tokens.csv",
        costs="<results>/tables/costs.csv",
    log:
        "<logs>/make_tables.log",
    benchmark:
        "<logs>/make_tables.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        cue=lambda wildcards: FIRST_CUE,
    message:
        "make the tables"
    shell:
        "python workflow/scripts/make_tables.py"
        " --sweeps {input.sweeps}"
        " --cue={params.cue:q}"
        " --questions {input.questions}"
        " --pool {input.pool}"
        " --pool-removed {input.removed}"
        " --attempts {input.attempts}"
        " --difficulty {input.difficulty}"
        " --traces {input.traces}"
        " --datasets {input.datasets}"
        " --tokens {input.tokens}"
        " --costs {input.costs}"
        " --out-accuracy {output.accuracy}"
        " --out-extensions {output.extensions}"
        " --out-macro {output.macro}"
        " --out-funnel {output.funnel}"
        " --out-tokens {output.tokens}"
        " --out-costs {output.costs}"
        " > {log} 2>&1"


rule analyse_sweeps:
    """Takes all scored sweeps; gives what they tell on spending tokens, early exit, cues, option order, calibration."""
    input:
        code=code("analyse_sweeps.py"),
        sweeps=SWEEPS,
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
    output:
        policies="<results>/tables/policies.csv",
        matched="<results>/tables/matched.csv",
        early_exit="<results>/tables/early_exit.csv",
        cues="<results>/tables/cues.csv",
        option_order="<results>/tables/option_order.csv",
        calibration="<results>/tables/calibration.csv",
        curves="<results>/tables/calibration_curves.csv",
    log:
        "<logs>/analyse_sweeps.log",
    benchmark:
        "<logs>/analyse_sweeps.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        cue=lambda wildcards: FIRST_CUE,
    message:
        "analyse the sweeps"
    shell:
        "python workflow/scripts/analyse_sweeps.py"
        " --sweeps {input.sweeps}"
        " --benchmarks {input.benchmarks}"
        " --cue={params.cue:q}"
        " --out-policies {output.policies}"
        " --out-matched {output.matched}"
        " --out-early-exit {output.early_exit}"
        " --out-cues {output.cues}"
        " --out-option-order {output.option_order}"
        " --out-calibration {output.calibration}"
        " --out-calibration-curves {output.curves}"
        " > {log} 2>&1"


rule compare_sweeps:
    """Takes all scored sweeps; gives tests between models, budgets and extensions, and what failed and what it cost."""
    input:
        code=code("compare_sweeps.py"),
        sweeps=SWEEPS,
        datasets=DATASETS,
        policies="<results>/tables/policies.csv",
        tokens=expand("<results>/generations/{model}.report.json", model=STUDY.models),
    output:
        comparisons="<results>/tables/comparisons.csv",
        budget_choice="<results>/tables/budget_choice.csv",
        overthinking="<results>/tables/overthinking.csv",
        flips="<results>/tables/flips.csv",
        failures="<results>/tables/failures.csv",
        replicates="<results>/tables/replicates.csv",
        pareto="<results>/tables/pareto.csv",
    log:
        "<logs>/compare_sweeps.log",
    benchmark:
        "<logs>/compare_sweeps.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        study=lambda wildcards: as_flag(COMPARED_BY),
        cue=lambda wildcards: FIRST_CUE,
    message:
        "compare the sweeps"
    shell:
        "python workflow/scripts/compare_sweeps.py"
        " --study-config {params.study:q}"
        " --sweeps {input.sweeps}"
        " --cue={params.cue:q}"
        " --datasets {input.datasets}"
        " --policies {input.policies}"
        " --tokens {input.tokens}"
        " --out-comparisons {output.comparisons}"
        " --out-budget-choice {output.budget_choice}"
        " --out-overthinking {output.overthinking}"
        " --out-flips {output.flips}"
        " --out-failures {output.failures}"
        " --out-replicates {output.replicates}"
        " --out-pareto {output.pareto}"
        " > {log} 2>&1"


rule compare_published:
    """Takes the study's accuracies and published ones; gives both side by side."""
    input:
        code=code("compare_published.py"),
        published=STUDY.published,
        accuracy="<results>/tables/accuracy.csv",
        macro="<results>/tables/macro.csv",
        policies="<results>/tables/policies.csv",
        choices="<results>/tables/budget_choice.csv",
    output:
        "<results>/tables/published.csv",
    log:
        "<logs>/compare_published.log",
    benchmark:
        "<logs>/compare_published.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        published_as=lambda wildcards: as_flag(PUBLISHED_AS),
    message:
        "set the study beside published numbers"
    shell:
        "python workflow/scripts/compare_published.py"
        " --published {input.published:q}"
        " --published-as {params.published_as:q}"
        " --accuracy {input.accuracy}"
        " --macro {input.macro}"
        " --policies {input.policies}"
        " --choices {input.choices}"
        " --out {output}"
        " > {log} 2>&1"


rule write_paper_tables:
    """Takes the study's tables; gives the main ones as papers have them, in CSV, Markdown and LaTeX."""
    input:
        code=code("write_paper_tables.py"),
        tables=expand(
            "<results>/tables/{table}.csv",
            table=[
                *("accuracy", "macro", "budget_choice", "comparisons", "failures"),
                *(["published"] if PUBLISHED_AS else []),
            ],
        ),
    output:
        directory("<results>/tables/paper"),
    log:
        "<logs>/write_paper_tables.log",
    benchmark:
        "<logs>/write_paper_tables.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        benchmarks=list(STUDY.benchmarks),
    message:
        "write the tables for papers"
    shell:
        "python workflow/scripts/write_paper_tables.py"
        " --tables {input.tables}"
        " --benchmarks {params.benchmarks:q}"
        " --out {output}"
        " > {log} 2>&1"


rule render_report:
    """Takes the tables, sweeps and loss curves; gives one page that opens offline, and its figures as files."""
    input:
        code=code("render_report.py"),
        template=workflow_files("workflow/report"),
        tables=expand("<results>/tables/{table}.csv", table=SHOWN_TABLES),
        sweeps=SWEEPS,
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        models=expand("<results>/models/{model}", model=TRAINED),
        traces=TRACES,
        datasets=DATASETS,
        pool=before_models("<results>/pool.parquet"),
        pool_report=before_models("<results>/pool.report.json"),
        pool_removed=before_models("<results>/pool_removed.parquet"),
        set_reports=[
            *expand("<results>/questions/{source}.report.json", source=STUDY.sources),
            *expand("<results>/benchmarks/{benchmark}.report.json", benchmark=STUDY.benchmarks),
        ],
        preset=[SHIPPED] if SHIPPED else [],
    output:
        page=report(
            "<results>/report/index.html",
            caption="../workflow/report/captions/report.rst",
            category="Report",
            labels={"shows": "the study on one page"},
        ),
        figures=report(
            directory("<results>/figures"),
            patterns=["{figure}.svg"],
            caption="../workflow/report/captions/figures.rst",
            category="Figures",
            labels={"shows": "{figure}"},
        ),
    log:
        "<logs>/render_report.log",
    benchmark:
        "<logs>/render_report.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        study=lambda wildcards: as_flag(STUDY.as_dict()),
        cue=lambda wildcards: FIRST_CUE,
        curves=[f"{model}={RESULTS}/models/{model}/m1flow/loss.csv" for model in TRAINED],
        downloads=f"{RESULTS}/downloads",
        config_files=lambda wildcards: CONFIG_FILES,
    message:
        "write the report"
    shell:
        "python workflow/scripts/render_report.py"
        " --study-config {params.study:q}"
        " --tables {input.tables}"
        " --sweeps {input.sweeps}"
        " --cue={params.cue:q}"
        " --benchmarks {input.benchmarks}"
        " --loss-curves {params.curves}"
        " --traces {input.traces}"
        " --datasets {input.datasets}"
        " --pool {input.pool}"
        " --pool-report {input.pool_report}"
        " --pool-removed {input.pool_removed}"
        " --set-reports {input.set_reports}"
        " --downloads {params.downloads}"
        " --preset {input.preset}"
        " --config-files {params.config_files:q}"
        " --out {output.page}"
        " --figures {output.figures}"
        " > {log} 2>&1"
