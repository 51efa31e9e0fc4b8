"""PyTorch's attention on a GPU in bfloat16, with cuDNN's kernels allowed and without.

A sweep generates token after token, and a step of training has rows of its own length, so that nearly every call of the
attention has a shape that it never had before. Prints milliseconds a call for shapes that are new and for the same
shapes again, and their ratio: `python benchmarks/attention.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

HEADS, HEAD_SIZE, ROWS = 9, 64, 100
Call = Callable[[], object]


def decoding(tokens: int) -> Call:
    """One new token of each row, after so many."""
    query = torch.randn(ROWS, HEADS, 1, HEAD_SIZE, device="cuda", dtype=torch.bfloat16)
    keys = torch.randn(ROWS, HEADS, tokens, HEAD_SIZE, device="cuda", dtype=torch.bfloat16)
    mask = torch.zeros(ROWS, 1, 1, tokens, device="cuda", dtype=torch.bfloat16)
    return lambda: F.scaled_dot_product_attention(query, keys, keys, attn_mask=mask)


def training(tokens: int) -> Call:
    """A packed row, forward and backward."""
    row = torch.randn(1, HEADS, tokens, HEAD_SIZE, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    mask = torch.ones(1, 1, tokens, tokens, device="cuda", dtype=torch.bool).tril()
    return lambda: F.scaled_dot_product_attention(row, row, row, attn_mask=mask).sum().backward()


def milliseconds(calls: Sequence[Call]) -> float:
    """The mean time of a call."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    for call in calls:
        call()
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - start) / len(calls)


def main() -> None:
    """Time both kinds of calls, with cuDNN and without."""
    if not torch.cuda.is_available():
        sys.exit("error: no GPU is to be seen; run this where there is one")
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    for name, make, lengths in (
        ("decoding", decoding, range(300, 340)),
        ("training", training, range(2000, 2400, 20)),
    ):
        times = {}
        for cudnn in (True, False):
            torch.backends.cuda.enable_cudnn_sdp(cudnn)
            milliseconds([make(64), make(65)])  # loads the kernels
            calls = [make(tokens) for tokens in lengths]
            times[cudnn] = milliseconds(calls), milliseconds(calls)
        for number, shapes in enumerate(("new shapes", "the same shapes again")):
            allowed, without = times[True][number], times[False][number]
            print(
                f"{name}, {shapes}: {allowed:.2f} ms with cuDNN, {without:.2f} without, {allowed / without:.2f} times"
            )


if __name__ == "__main__":
    main()
