"""Packages that features of training need, and whether they are installed."""

from __future__ import annotations

from importlib.util import find_spec

from m1flow.errors import M1FlowError

NEEDS = {"flash_attention_2": "flash_attn", "adamw_8bit": "bitsandbytes", "4bit": "bitsandbytes"}
NEEDS |= {"liger": "liger_kernel", "tensorboard": "tensorboardX", "wandb": "wandb", "trackio": "trackio"}
"""The package that each feature needs."""


def installed(feature: str) -> bool:
    """Whether the package that a feature needs is installed."""
    return find_spec(NEEDS[feature]) is not None


def require(feature: str, key: str) -> None:
    """Refuse a feature whose package is missing.

    Raises:
        M1FlowError: the package is missing; the message names the key, the package and the cure.
    """
    if not installed(feature):
        package = NEEDS[feature].replace("_", "-")
        raise M1FlowError(
            f"{key}: {feature} needs the package {package}; run pip install {package}, or choose another value"
        )
