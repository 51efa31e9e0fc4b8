"""A model labels the kind of error in wrong answers of the sweeps, if the study has a `judge`."""

# Models whose answers are judged.
JUDGED = [model for model in STUDY.models if STUDY.judge and model in (STUDY.judge.models or STUDY.models)]
HAND_LABELS = [STUDY.judge.hand_labels] if STUDY.judge and STUDY.judge.hand_labels else []


rule judge_answers:
    """Takes the judged models' scored sweeps and all benchmarks; gives the kind of error of each wrong answer drawn."""
    input:
        script=shipped("workflow/scripts/judge_answers.py"),
        code=code_to_ask("judge_answers.py", "judge"),
        sweeps=expand(
            "<results>/sweeps/{model}/{benchmark}.parquet",
            model=JUDGED,
            benchmark=STUDY.benchmarks,
        ),
        benchmarks=expand("<results>/benchmarks/{benchmark}.parquet", benchmark=STUDY.benchmarks),
        hand_labels=HAND_LABELS,
        model=model_folder("judge"),
    output:
        judged="<results>/judged.parquet",
        counts="<results>/judged.report.json",
    log:
        "<logs>/judge_answers.log",
    benchmark:
        "<logs>/judge_answers.tsv"
    conda:
        MODEL_ENV
    threads: STUDY.engine.threads
    resources:
        **model_resources("judge", minutes=720),
    params:
        **model_params("judge", purpose="judge", journal="judge"),
        spec=setting("judge"),
    message:
        "judge wrong answers"
    shell:
        "{params.key}python {input.script:q}"
        " --spec {params.spec:q}"
        " --sweeps {input.sweeps}"
        " --benchmarks {input.benchmarks}"
        " --hand-labels {input.hand_labels:q}"
        f" {MODEL_FLAGS}"
        " --out {output.judged}"
        " --counts {output.counts}"
        " > {log} 2>&1"
