"""A model labels wrong answers of the sweeps by the kind of error, where the study has a `judge`."""

# Models whose answers are judged.
JUDGED = [model for model in STUDY.models if STUDY.judge and model in STUDY.judge.get("models", STUDY.models)]
HAND_LABELS = [STUDY.judge["hand_labels"]] if "hand_labels" in STUDY.judge else []


rule judge_answers:
    """Takes the judged models' scored sweeps and all benchmarks; gives the kind of error of each wrong answer drawn."""
    input:
        code=code("judge_answers.py"),
        sweeps=expand(
            "<results>/sweeps/{model}/{benchmark}.parquet",
            model=JUDGED,
            benchmark=STUDY.benchmarks,
        ),
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        hand_labels=HAND_LABELS,
        model=lambda wildcards: model_of(STUDY.judge),
    output:
        judged="<results>/judged.parquet",
        counts="<results>/judged.report.json",
    log:
        "<logs>/judge_answers.log",
    benchmark:
        "<logs>/judge_answers.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: memory_for(STUDY.judge) * attempt,
        runtime=lambda wildcards, attempt: minutes_for(STUDY.judge, 720, attempt),
        gpus=lambda wildcards: gpus_for(STUDY.judge),
        gres=lambda wildcards: gres_for(STUDY.judge),
    params:
        spec=setting("judge"),
        formats=lambda wildcards: format_of(STUDY.judge),
        prompts=prompts_to("judge"),
        seed=STUDY.seed,
        said_by=lambda wildcards: said_by(STUDY.judge),
        key=lambda wildcards, threads: with_key(STUDY.judge),
        serving=lambda wildcards, threads: serving(STUDY.judge),
        journal=lambda wildcards: journal_of(STUDY.judge, "judge"),
    message:
        "judge wrong answers"
    shell:
        "{params.key}python workflow/scripts/judge_answers.py"
        " --spec {params.spec:q}"
        " --sweeps {input.sweeps}"
        " --benchmarks {input.benchmarks}"
        " --hand-labels {input.hand_labels:q}"
        " --model {input.model}"
        " --formats {params.formats:q}"
        " --prompts {params.prompts:q}"
        " {params.serving}"
        " --seed {params.seed}"
        " --journal {params.journal}"
        " --out {output.judged}"
        " --counts {output.counts}"
        " > {log} 2>&1"


rule tabulate_errors:
    """Takes the judge's labels, and people's; gives the kinds of error and how far the two agree."""
    input:
        code=code("tabulate_errors.py"),
        judged="<results>/judged.parquet",
        hand_labels=HAND_LABELS,
    output:
        error_kinds="<results>/tables/error_kinds.csv",
        agreement="<results>/tables/judge_agreement.csv",
    log:
        "<logs>/tabulate_errors.log",
    benchmark:
        "<logs>/tabulate_errors.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    message:
        "make the tables of errors"
    shell:
        "python workflow/scripts/tabulate_errors.py"
        " --judged {input.judged}"
        " --hand-labels {input.hand_labels:q}"
        " --out-error-kinds {output.error_kinds}"
        " --out-agreement {output.agreement}"
        " > {log} 2>&1"
