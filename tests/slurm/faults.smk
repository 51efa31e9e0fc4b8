# Jobs that each meet one of a cluster's faults in their first attempt.
NAMES = ["fails", "is_cancelled", "loses_its_node", "wants_memory", "wants_time", "wants_a_gpu"]


rule all:
    input:
        NAMES,


rule fails:
    output:
        touch("fails"),
    shell:
        "test -e {rule}.tried || {{ touch {rule}.tried; exit 1; }}"


rule is_cancelled:
    output:
        touch("is_cancelled"),
    shell:
        "test -e {rule}.tried || {{ touch {rule}.tried; sleep 300; }}"


rule loses_its_node:
    output:
        touch("loses_its_node"),
    shell:
        "test -e {rule}.tried || {{ touch {rule}.tried; sleep 300; }}"


# Snakemake's own processes in the job take some 200 MB.
rule wants_memory:
    output:
        touch("wants_memory"),
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    shell:
        "python -c 'import time; block = bytearray(900 << 20); time.sleep(5)'"


rule wants_time:
    output:
        touch("wants_time"),
    resources:
        runtime=lambda wildcards, attempt: 1 if attempt == 1 else 700,
    shell:
        "test -e {rule}.tried || {{ touch {rule}.tried; exit 1; }}"


rule wants_a_gpu:
    output:
        touch("wants_a_gpu"),
    resources:
        gres="gpu:1",
    shell:
        "test $CUDA_VISIBLE_DEVICES = 0"
