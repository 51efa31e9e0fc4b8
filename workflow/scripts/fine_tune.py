"""Fine-tune a base on a dataset of traces into a student: a complete model folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.script import run, settings_argument
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.student_training import StudentTraining
from m1flow.training.launch import Computation, started


def main() -> None:
    """Read flags, start the processes that train, write the model folder."""
    flags = parse_flags()
    computation = Computation(
        gpus=flags.gpus,
        nodes=flags.nodes,
        processes=flags.processes,
        device_tokens=flags.device_tokens,
        gradient_checkpointing=bool(flags.gradient_checkpointing),
        checkpoint_minutes=flags.checkpoint_minutes,
        checkpoints=flags.checkpoints,
        report_to=flags.report_to,
        reports=flags.reports,
    )
    with started(computation, flags.spec.training.precision):
        from m1flow.training.preparation import set_up
        from m1flow.training.students import fine_tune

        set_up(max(1, flags.threads // computation.of_node), computation.gpus)
        fine_tune(
            flags.base,
            flags.dataset,
            flags.out,
            name=flags.name,
            student=flags.spec,
            markers=flags.format,
            seed=flags.seed,
            base_name=flags.base_name,
            computation=computation,
        )


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, help="model folder to start from")
    parser.add_argument("--base-name", help="its name in the model card; by default the folder's name")
    parser.add_argument("--dataset", required=True, help="datasets table")
    spec, markers = settings_argument(StudentTraining), settings_argument(FormatSettings)
    parser.add_argument("--spec", type=spec, required=True, help="the training settings of the study's students.<name>")
    parser.add_argument("--format", type=markers, required=True, help="its reasoning format: JSON")
    parser.add_argument("--name", required=True, help="the student's name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="model folder to write")
    where = parser.add_argument_group("where to compute (these flags don't change the result)")
    where.add_argument("--threads", type=int, default=1, help="CPU threads")
    where.add_argument("--gpus", type=int, default=0, help="number of GPUs per node; 0: use the CPU")
    where.add_argument("--nodes", type=int, default=1, help="number of nodes of the SLURM job")
    where.add_argument("--processes", type=int, default=1, help="number of processes on the CPU")
    where.add_argument(
        "--device-tokens", type=int, default=16384, help="maximum number of tokens that a process computes at once"
    )
    where.add_argument("--gradient-checkpointing", type=int, choices=[0, 1], default=0, help="1: less memory, slower")
    where.add_argument("--checkpoints", type=Path, help="folder to save in and resume from; if absent, none are saved")
    where.add_argument("--checkpoint-minutes", type=float, default=15, help="between checkpoints")
    where.add_argument("--report-to", default="none", help="auto, none, tensorboard, wandb or trackio")
    where.add_argument("--reports", type=Path, help="folder for TensorBoard")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
