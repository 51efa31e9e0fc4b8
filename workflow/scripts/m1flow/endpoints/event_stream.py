"""Assembling a completion that comes piece by piece, as server-sent events of OpenAI's API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from typing import Any

from m1flow.endpoints.protocol import Broken, message_of

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


async def whole_body(lines: AsyncIterable[bytes]) -> bytes:
    """The body that the response would have if it came in one piece.

    Args:
        lines: the lines of the response, as they come.

    Raises:
        Broken: the stream ends early, or with an error.
    """
    head: dict[str, Any] = {}
    texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
    finish = None
    async for line in lines:
        field, _, data = line.strip().partition(b":")
        if field != b"data" or not data.strip() or data.strip() == b"[DONE]":
            continue
        piece = _read(data)
        head |= {name: piece[name] for name in ("id", "model", "usage") if piece.get(name)}
        for choice in piece.get("choices") or ():
            delta = choice.get("delta") or {}
            for name in _TEXTS:
                if isinstance(delta.get(name), str):
                    texts[name].append(delta[name])
            finish = choice.get("finish_reason") or finish
    if finish is None:
        raise Broken("the stream ended early")
    message = {name: "".join(parts) for name, parts in texts.items()}
    return json.dumps(head | {"choices": [{"message": message, "finish_reason": finish}]}).encode()


def _read(data: bytes) -> dict[str, Any]:
    try:
        piece = json.loads(data)
    except ValueError:
        raise Broken("a piece of the stream is not JSON") from None
    if not isinstance(piece, dict):
        raise Broken("a piece of the stream is not a JSON object")
    if piece.get("error"):
        raise Broken(f"an error in the stream: {message_of(data)}")
    return piece
