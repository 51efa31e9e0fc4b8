r"""Error labels, read strictly from a judge's answer.

A judge's answer gives a label only in ``\boxed{...}``: all boxes that aren't empty must hold the same label; case and a
final full stop don't count. A label in a sentence, two labels, or a box that is never closed give no label.
"""

from __future__ import annotations

from m1flow.study.hand_labels import LABELS, folded_label
from m1flow.text.boxes import bare, find_boxes


def parse_label(answer: str) -> str | None:
    """The label that a judge's answer plainly gives by the rule above, or None."""
    boxes, unclosed = find_boxes(answer)
    labels = {folded_label(bare(content)) for content, _, _ in boxes} - {""}
    if unclosed or len(labels) != 1:
        return None
    (label,) = labels
    return label if label in LABELS else None
