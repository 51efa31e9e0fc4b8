"""Training a student from a base and a dataset: the steps that all methods share.

A run depends only on settings and folders, so that a launcher can start it in many processes.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.atomic import atomic_folder
from m1flow.files.provenance import provenance
from m1flow.models.folder import check_model_folder, copy_tokenizer, model_id
from m1flow.study.seams.methods import METHODS
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.student_training import StudentTraining
from m1flow.training.launch import Computation
from m1flow.training.method import Method, TrainingTask
from m1flow.training.model_card import data_of, licence_of
from m1flow.training.records import naming_full_disks, write_records


def fine_tune(
    base: Path | str,
    dataset: Path | str,
    out: Path | str,
    *,
    name: str,
    student: StudentTraining,
    markers: FormatSettings,
    seed: int,
    base_name: str | None = None,
    computation: Computation | None = None,
) -> None:
    """Fine-tune a base on a dataset of traces, by the student's method.

    Called by every process of a run; the first writes the model.

    Args:
        base: the base's model folder.
        dataset: a datasets table.
        out: the model folder to write, complete for LoRA, too (adapters are merged); an old one is replaced.
        name: the student's name, for messages and the model card.
        student: its entry of the study.
        markers: its reasoning format.
        seed: the seed for order, adapters and dropout.
        base_name: the base's name on the card; by default its folder's name.
        computation: where to compute and keep checkpoints; by default the CPU, without checkpoints.

    Raises:
        M1FlowError: base or dataset can't be read, or are empty; a setting is wrong or doesn't work on this
            machine; the loss isn't finite or diverges; a checkpoint can't be written.
        SystemExit: the run was told to stop; a checkpoint is saved.
    """
    task = TrainingTask(
        name=name,
        base=check_model_folder(base),
        dataset=dataset,
        student=student,
        markers=markers,
        seed=seed,
        computation=computation or Computation(),
    )
    method = METHODS.load(student.method, Method)
    if task.lora and not method.trains_adapters:
        raise M1FlowError(f"students.{name}.adapters: the method {student.method} trains no adapters; remove this key")
    settings = {
        "kind": "student",
        "name": name,
        "base": str(base),
        "format": {student.format: markers.dump()},
        "method": student.method,
        "adapters": student.adapters,
        "lora": task.lora.dump() if task.lora else None,
        "training": student.training.dump(),
        "seed": seed,
    }
    # If a tracker's writing fails, the error names no file: name the folder of its files.
    with naming_full_disks(task.computation.reports or out):
        trained = method.train(task)

    from m1flow.training import gathering

    trainer, precision = trained.trainer, student.training.precision
    whole = gathering.weights(trainer, precision)
    if not trainer.accelerator.is_main_process:
        return
    record: dict[str, Any] = {"settings": settings, "licence": licence_of(base), "data": data_of(dataset)}
    record |= {"base_model": base_name or Path(base).name, "processes": trainer.args.world_size}
    made_from = provenance(settings, [dataset]) | {"base": model_id(base, precision)}
    with naming_full_disks(out), atomic_folder(out) as folder:
        keep = bool(task.lora and task.lora.keep_adapter)
        model = gathering.save(trainer, whole, base, folder, precision, keep=keep)
        copy_tokenizer(base, folder)
        record["counts"] = dict(trained.counts) | {"parameters": model.num_parameters(), "steps": trained.steps}
        write_records(folder, record, trained.curve, made_from)
    if task.computation.checkpoints is not None:
        shutil.rmtree(task.computation.checkpoints, ignore_errors=True)
