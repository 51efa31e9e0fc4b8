"""A text that ends a generation: a marker of several tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]


class MarkerEnd:
    """The end of thinking in a format whose marker is plain text, such as ``## Final Response``."""

    def __init__(self, marker: str, decode: Decode, token_texts: Sequence[str]):
        """Watch for ``marker``; ``token_texts`` holds the text of each token id by itself."""
        self.marker, self._decode = marker, decode
        ends = tuple(marker[n:] for n in range(len(marker)))
        self._last = frozenset(
            token for token, text in enumerate(token_texts) if text.startswith(ends) or marker in text
        )

    def met(self, token_ids: Sequence[int]) -> bool:
        """Whether the last token completes the marker; every token of the marker spells at least one character."""
        return (
            bool(token_ids)
            and token_ids[-1] in self._last
            and self.marker in self._decode(token_ids[-len(self.marker) :])
        )

    def start(self, token_ids: Sequence[int]) -> int:
        """The number of tokens before the marker that the last token completes."""
        lengths = range(1, min(len(self.marker), len(token_ids)) + 1)
        return len(token_ids) - next(n for n in lengths if self.marker in self._decode(token_ids[-n:]))
