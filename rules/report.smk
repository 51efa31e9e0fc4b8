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
]
TRAINED = [*TRAINED_BASES, *STUDY.students]
# What tables and figures of extensions are about, where there are several cues.
FIRST_CUE = STUDY.sweep.get("extensions", {}).get("cues", [""])[0]


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
        mem_mb=4000,
        runtime=60,
    params:
        cue=lambda wildcards: FIRST_CUE,
    message:
        "make the tables"
    shell:
        "python workflow/scripts/make_tables.py"
        " --sweeps {input.sweeps}"
        " --cue {params.cue:q}"
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
    """Takes all scored sweeps; gives what they tell on spending tokens, early exit, option order and calibration."""
    input:
        code=code("analyse_sweeps.py"),
        sweeps=SWEEPS,
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
    output:
        policies="<results>/tables/policies.csv",
        matched="<results>/tables/matched.csv",
        early_exit="<results>/tables/early_exit.csv",
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
        mem_mb=4000,
        runtime=60,
    params:
        cue=lambda wildcards: FIRST_CUE,
    message:
        "analyse the sweeps"
    shell:
        "python workflow/scripts/analyse_sweeps.py"
        " --sweeps {input.sweeps}"
        " --benchmarks {input.benchmarks}"
        " --cue {params.cue:q}"
        " --out-policies {output.policies}"
        " --out-matched {output.matched}"
        " --out-early-exit {output.early_exit}"
        " --out-option-order {output.option_order}"
        " --out-calibration {output.calibration}"
        " --out-calibration-curves {output.curves}"
        " > {log} 2>&1"


rule render_report:
    """Takes the tables, sweeps and loss curves; gives one page that opens offline, and its figures as SVG."""
    input:
        code=code("render_report.py"),
        template=workflow_files("workflow/report"),
        tables=[
            "<results>/tables/accuracy.csv",
            "<results>/tables/extensions.csv",
            "<results>/tables/macro.csv",
            "<results>/tables/funnel.csv",
            "<results>/tables/tokens.csv",
            "<results>/tables/costs.csv",
            "<results>/tables/policies.csv",
            "<results>/tables/matched.csv",
            "<results>/tables/early_exit.csv",
            "<results>/tables/option_order.csv",
            "<results>/tables/calibration.csv",
            "<results>/tables/calibration_curves.csv",
        ],
        sweeps=SWEEPS,
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        models=expand("<results>/models/{model}", model=TRAINED),
        traces=TRACES,
        datasets=DATASETS,
        pool_report=before_models("<results>/pool.report.json"),
        pool_removed=before_models("<results>/pool_removed.parquet"),
        set_reports=[
            *expand("<results>/questions/{source}.report.json", source=STUDY.sources),
            *expand("<results>/benchmarks/{benchmark}.report.json", benchmark=STUDY.benchmarks),
        ],
    output:
        page=report(
            "<results>/report/index.html",
            caption="../workflow/report/captions/report.rst",
            category="Report",
        ),
        figures=report(
            directory("<results>/figures"),
            patterns=["{figure}.svg"],
            caption="../workflow/report/captions/figures.rst",
            category="Figures",
        ),
    log:
        "<logs>/render_report.log",
    benchmark:
        "<logs>/render_report.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        study=lambda wildcards: as_flag(STUDY.as_dict()),
        curves=[f"{model}={RESULTS}/models/{model}/m1flow/loss.csv" for model in TRAINED],
    message:
        "write the report"
    shell:
        "python workflow/scripts/render_report.py"
        " --study-config {params.study:q}"
        " --tables {input.tables}"
        " --sweeps {input.sweeps}"
        " --benchmarks {input.benchmarks}"
        " --loss-curves {params.curves}"
        " --traces {input.traces}"
        " --datasets {input.datasets}"
        " --pool-report {input.pool_report}"
        " --pool-removed {input.pool_removed}"
        " --set-reports {input.set_reports}"
        " --out {output.page}"
        " --figures {output.figures}"
        " > {log} 2>&1"
