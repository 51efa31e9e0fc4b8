"""Ending an answer at its first closed box."""

from __future__ import annotations

from collections.abc import Sequence

from m1flow.models.stop_texts import Decode
from m1flow.text.boxes import box_end


class BoxEnd:
    r"""The end of an answer where its first ``\boxed{...}`` that isn't empty closes."""

    def __init__(self, decode: Decode, token_texts: Sequence[str]):
        """Watch for a box; ``token_texts`` is the text of each token id, decoded alone."""
        self._decode = decode
        self._closing = frozenset(token for token, text in enumerate(token_texts) if "}" in text)

    def met(self, token_ids: Sequence[int]) -> bool:
        """Whether the last token closes the box."""
        return bool(token_ids) and token_ids[-1] in self._closing and box_end(self._decode(token_ids)) is not None
