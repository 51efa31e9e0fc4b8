"""The report, its figures, and tables for papers."""

TRAINED = [*TRAINED_BASES, *STUDY.students]
PAPER_TABLES = [
    name
    for name in ("accuracy", "macro", "budget_choice", "comparisons", "failures", "published")
    if name in STUDY_TABLES
]
# The config file that ships under the study's name, which the page compares the study with.
SHIPPED = shipped_as(STUDY.name, [PROJECT / DEFAULT_STUDY, *sorted((PROJECT / "config" / "presets").glob("*.yaml"))])


rule write_paper_tables:
    """Takes the study's tables; gives the main ones in the form of papers, as CSV, Markdown and LaTeX."""
    input:
        script=shipped("workflow/scripts/write_paper_tables.py"),
        code=code("write_paper_tables.py", *map(TABLES.file, PAPER_TABLES)),
        tables=expand("<results>/tables/{table}.csv", table=PAPER_TABLES),
    output:
        directory("<results>/tables/paper"),
    log:
        "<logs>/write_paper_tables.log",
    benchmark:
        "<logs>/write_paper_tables.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        benchmarks=list(STUDY.benchmarks),
    message:
        "write the tables for papers"
    shell:
        "python {input.script:q}"
        " --tables {input.tables}"
        " --benchmarks {params.benchmarks:q}"
        " --out {output}"
        " > {log} 2>&1"


rule render_report:
    """Takes the tables, sweeps and loss curves; gives one page that works offline, and its figures as files."""
    input:
        script=shipped("workflow/scripts/render_report.py"),
        code=code("render_report.py", *map(SECTIONS.file, SECTIONS.names()), *map(TABLES.file, TABLES.names())),
        template=files_below("workflow/report"),
        tables=expand("<results>/tables/{table}.csv", table=STUDY_TABLES),
        sweeps=SWEEPS,
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        models=expand("<results>/models/{model}", model=TRAINED),
        traces=TRACES,
        datasets=DATASETS,
        pool=from_sources("<results>/pool.parquet"),
        pool_report=from_sources("<results>/pool.report.json"),
        pool_removed=from_sources("<results>/pool_removed.parquet"),
        set_reports=[
            *expand("<results>/questions/{source}.report.json", source=STUDY.sources),
            *expand("<results>/benchmarks/{benchmark}.report.json", benchmark=STUDY.benchmarks),
        ],
        preset=[from_here(SHIPPED)] if SHIPPED else [],
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
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        study=verbatim(as_flag(STUDY.as_dict())),
        cue=verbatim(STUDY.first_cue),
        curves=[f"{model}={RESULTS}/models/{model}/m1flow/loss.csv" for model in TRAINED],
        downloads=f"{RESULTS}/downloads",
        config_files=verbatim([] if IS_MODULE else CONFIG_FILES),
        # Read by workflow/report/captions/figures.rst.
        captions=verbatim(figure_captions()),
    message:
        "write the report"
    shell:
        "python {input.script:q}"
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
        " --preset {input.preset:q}"
        " --config-files {params.config_files:q}"
        " --out {output.page}"
        " --figures {output.figures}"
        " > {log} 2>&1"
