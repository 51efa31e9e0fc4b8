"""The trained model: gathered from all processes, with adapters merged, in the precision of its base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from m1flow.training.weights import load_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer

ADAPTER = "adapter"
"""Name of the adapter's folder in a model folder."""


def weights(trainer: Trainer, precision: str) -> dict[str, torch.Tensor]:
    """The trained weights, whole and on the CPU; every process takes part, and the first gets them.

    Args:
        trainer: the trainer, after training.
        precision: precision of the weights; adapters stay in float32.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    adapters = isinstance(model, PeftModel)
    dtype = torch.float32 if adapters else getattr(torch, precision)
    first = trainer.accelerator.is_main_process
    whole = {}
    for name, tensor in model.state_dict().items():
        if adapters and "lora_" not in name:
            continue
        tensor = tensor.detach()
        tensor = tensor.to(dtype) if tensor.is_floating_point() else tensor
        tensor = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if first:
            whole[name] = tensor.cpu()
    return whole


def save(
    trainer: Trainer, whole: dict[str, torch.Tensor], base: Path | str, folder: Path, precision: str, keep: bool
) -> PreTrainedModel:
    """Write a student's weights, generation settings and, if wanted, its adapter; returns the model written.

    Args:
        trainer: the trainer, after training.
        whole: the weights from `weights`.
        base: the model folder that training started from; read again, so that adapters merge into unquantized weights.
        folder: the folder to write into.
        precision: precision of the weights.
        keep: whether to keep the adapter, in the folder ``adapter``.
    """
    trained = trainer.accelerator.unwrap_model(trainer.model)
    model = load_weights(base, precision)
    if isinstance(trained, PeftModel):
        model = _merged(model, trained, whole, folder / ADAPTER, str(base))
        if not keep:
            _remove(folder / ADAPTER)
    else:
        model.load_state_dict(whole)
    model.save_pretrained(folder)
    return model


def _merged(model: Any, trained: PeftModel, whole: dict[str, torch.Tensor], folder: Path, base: str) -> Any:
    config = trained.peft_config["default"]
    config.base_model_name_or_path = base
    config.inference_mode = True
    config.save_pretrained(str(folder))
    adapter = {name.replace(".default.", "."): tensor.contiguous() for name, tensor in whole.items()}
    save_file(adapter, folder / "adapter_model.safetensors")
    adapted = PeftModel.from_pretrained(model, folder)
    if missing := get_peft_model_state_dict(adapted).keys() ^ adapter.keys():  # peft only warns, and merges nothing
        raise RuntimeError(f"adapter weights don't fit the base: {sorted(missing)[0]}")
    return adapted.merge_and_unload(safe_merge=True)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
