"""For tests: Snakemake asks SLURM every second how its jobs are, where users want it gentle.

Python imports this file by itself where its folder is on PYTHONPATH.
"""

import os

if seconds := os.environ.get("M1FLOW_TEST_POLL_SECONDS"):
    try:
        from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
    except ImportError:
        pass
    else:
        RemoteExecutor.next_seconds_between_status_checks = property(
            lambda self: float(seconds), lambda self, value: None
        )
