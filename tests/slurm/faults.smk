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


# Not among those of a whole run: it takes another profile.
rule is_preempted:
    output:
        touch("is_preempted"),
    resources:
        slurm_partition="spot",
    shell:
        "test -e {rule}.tried || {{ touch {rule}.tried; sleep 300; }}"


rule loses_its_node:
    output:
        touch("loses_its_node"),
    shell:
        "test -e {rule}.tried || {{ touch {rule}.tried; sleep 300; }}"


# Its first attempt holds too much until SLURM, which looks now and then, ends it. Snakemake's own processes take some 200 MB.
rule wants_memory:
    output:
        touch("wants_memory"),
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    shell:
        "seconds=5; test -e {rule}.tried || {{ touch {rule}.tried; seconds=300; }};"
        " python -c 'import sys, time; block = bytearray(900 << 20); time.sleep(int(sys.argv[1]))' $seconds"


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
