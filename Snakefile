"""m1flow: test-time scaling for medical reasoning, from questions to report. A table of contents."""

from os import PathLike

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")

if not isinstance(workflow.current_basedir, PathLike):
    raise WorkflowError(
        "Snakefile: Snakemake doesn't fetch the scripts beside it, which jobs run; clone the project, and use the"
        " clone's Snakefile (docs/running/elsewhere.md)"
    )


include: "rules/common.smk"
include: "rules/model_jobs.smk"


# The image for jobs under `--sdm apptainer`, made from containers/Dockerfile (docs/running/cluster.md).
container: "m1flow.sif"


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",


# In the order data flows.
include: "rules/downloads.smk"
include: "rules/questions.smk"
include: "rules/pool.smk"
include: "rules/bases.smk"
include: "rules/attempts.smk"
include: "rules/traces.smk"
include: "rules/domains.smk"
include: "rules/datasets.smk"
include: "rules/students.smk"
include: "rules/sweeps.smk"
include: "rules/leaks.smk"
include: "rules/judging.smk"
include: "rules/tables.smk"
include: "rules/report.smk"


onstart:
    jobs = list(workflow.dag.needrun_jobs())
    try:
        check_disk(RESULTS)
        check_times(str(path) for job in jobs for path in job.input)
    except M1FlowError as error:
        raise WorkflowError(str(error))
    if problem := missing_key(jobs):
        raise WorkflowError(problem)


onerror:
    print(
        "To continue, run the same command again, after correcting whatever failed above."
        " Finished files and generated answers are kept.",
        file=sys.stderr,
    )


localrules:
    all,
    pool,
    traces,
    datasets,
    models,
    sweeps,
    report,
    pushes,


rule all:
    """The whole study."""
    default_target: True
    input:
        "<results>/report/index.html",
        "<results>/tables/paper",
    message:
        f"the study's report: {RESULTS}/report/index.html"


rule pool:
    """The question pool, without duplicates and contamination."""
    input:
        ["<results>/pool.parquet"] if STUDY.sources else [],
    message:
        "the pool is there"


rule traces:
    """Every teacher's verified traces."""
    input:
        expand("<results>/traces/{teacher}.parquet", teacher=STUDY.teachers),
    message:
        "the traces are there"


rule datasets:
    """Every dataset to train on."""
    input:
        expand("<results>/datasets/{dataset}.parquet", dataset=STUDY.datasets),
    message:
        "the datasets are there"


rule models:
    """Every base and student."""
    input:
        expand("<results>/models/{model}", model=[*STUDY.bases, *STUDY.students]),
    message:
        "the models are there"


rule sweeps:
    """Every model's scored sweep on every benchmark."""
    input:
        expand(
            "<results>/sweeps/{model}/{benchmark}.parquet",
            model=STUDY.models,
            benchmark=STUDY.benchmarks,
        ),
    message:
        "the sweeps are there"


rule report:
    """Tables, figures and the report."""
    input:
        "<results>/report/index.html",
        "<results>/tables/paper",
    message:
        "the report is there"
