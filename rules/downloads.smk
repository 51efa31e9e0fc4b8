"""Downloads from the hub, at the commit in the lock beside the config."""

FETCHED = ("hub", "revision", "config", "split", "files", "checksum")


localrules:
    download,


# The code is not among the inputs, since a commit's content doesn't depend on the code that fetches it.
rule download:
    """Takes a hub id; gives its files at the locked commit, verified."""
    output:
        directory("<results>/downloads/{section}/{name}"),
    log:
        "<logs>/download/{section}/{name}.log",
    benchmark:
        "<logs>/download/{section}/{name}.tsv"
    wildcard_constraints:
        section="sources|benchmarks|teachers|bases",
        name="[^/]+",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(720),
    params:
        script=unwatched(shipped("workflow/scripts/download.py")),
        kind=lambda wildcards: "model" if wildcards.section == "bases" else "dataset",
        spec=setting("{section}", "{name}", only=FETCHED),
        lock=lock_path(CONFIG_FILES),
    message:
        "download {wildcards.section}/{wildcards.name} from the hub"
    shell:
        "export HF_TOKEN; python {params.script:q}"
        " --key {wildcards.section}.{wildcards.name}"
        " --kind {params.kind}"
        " --spec {params.spec:q}"
        " --lock {params.lock:q}"
        " --out {output}"
        " > {log} 2>&1"
