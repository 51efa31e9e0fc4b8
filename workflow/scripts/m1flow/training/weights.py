"""The weights and tokenizer of a model folder, loaded for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from m1flow.errors import M1FlowError
from m1flow.models.folder import check_model_folder
from m1flow.models.tokenizers import load_tokenizer
from m1flow.text.shown import one_line

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase


def load_padded_tokenizer(folder: Path | str) -> PreTrainedTokenizerBase:
    """The tokenizer of a checked model folder, with a token to pad with.

    Raises:
        M1FlowError: the folder is incomplete, or its tokenizer is unreadable.
    """
    tokenizer = load_tokenizer(check_model_folder(folder))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_weights(folder: Path | str, precision: str = "float32", quantize: str = "none") -> PreTrainedModel:
    """The model of a checked model folder.

    Args:
        folder: model folder with safetensors.
        precision: precision of the weights, or of the arithmetic if they are quantized.
        quantize: "4bit" holds weights in NF4 (QLoRA, arXiv 2305.14314) on the GPU; else "none".

    Raises:
        M1FlowError: the folder's config or weights are missing or unreadable; bitsandbytes or a GPU is missing.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    folder = Path(folder)
    check_model_folder(folder)
    options = {} if quantize == "none" else {"quantization_config": _four_bits(getattr(torch, precision))}
    try:
        return AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=getattr(torch, precision),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            **options,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise M1FlowError(
            f"{folder}: not a readable model folder ({one_line(error)}); train or download the model again"
        ) from None


def _four_bits(arithmetic: torch.dtype) -> BitsAndBytesConfig:
    import torch
    from transformers import BitsAndBytesConfig

    from m1flow.training.packages import require

    require("4bit", "lora: quantize")
    if not torch.cuda.is_available():
        raise M1FlowError(
            "lora: quantize: 4bit needs a GPU, and none is visible; set resources.gpus, or quantize: none"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=arithmetic,
        bnb_4bit_quant_storage=arithmetic,
    )
