"""Tokenizers: loading without running code, identity, and encoding in which data can't form control tokens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.fingerprints import fingerprint, fingerprint_path
from m1flow.text.shown import one_line

_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja"),
)


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer of a model folder, without running code from it."""
    if not (Path(folder) / "tokenizer_config.json").is_file():
        raise M1FlowError(f"{folder}: no tokenizer_config.json in this model folder; train or download the model again")
    if (Path(folder) / "tokenizer.json").is_file():  # it is complete, and is read without importing torch
        from transformers import PreTrainedTokenizerFast

        loader: Any = PreTrainedTokenizerFast
    else:
        from transformers import AutoTokenizer

        loader = AutoTokenizer
    try:
        return loader.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises nothing more specific
        raise M1FlowError(
            f"{folder}: its tokenizer can't be read ({one_line(error)}); train or download the model again"
        ) from None


def tokenizer_fingerprint(folder: Path | str) -> str:
    """A hash of everything in a model folder that decides the token ids of a turn, chat template included."""
    files = [Path(folder) / name for name in _TOKENIZER_FILES]
    return fingerprint([[file.name, fingerprint_path(file)] for file in files if file.is_file()])


class SafeEncoder:
    """Encodes text piecewise so that no control token of the tokenizer can match: every spelling of one is split.

    Tokenizers match added tokens (``<|im_end|>``, ``</think>``) in the raw text before anything else, whether flagged
    special or not. Splitting every occurrence after its first character leaves pieces without a control token, whose
    ids decode to the same text.
    """

    def __init__(self, tokenizer: Any):
        self._tokenizer = tokenizer
        spellings = sorted(tokenizer.get_added_vocab(), key=len, reverse=True)
        # A lookahead, so that overlapping spellings are all found; a one-character token can't be split.
        self._pattern = re.compile("(?=" + "|".join(re.escape(s) for s in spellings) + ")") if spellings else None
        self._control = frozenset(tokenizer.get_added_vocab().values())

    def __call__(self, text: str) -> list[int]:
        """Token ids of a text, none of them a control token's."""
        text = text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates can't be tokenised
        cuts = [match.start() + 1 for match in self._pattern.finditer(text)] if self._pattern else []
        ids: list[int] = []
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            if start < end:
                ids += self._tokenizer.encode(text[start:end], add_special_tokens=False)
        if not self._control.isdisjoint(ids):
            raise M1FlowError(
                f"{self._tokenizer.name_or_path}: text {text[:60]!r} forms a control token; use another tokenizer"
            )
        return ids
