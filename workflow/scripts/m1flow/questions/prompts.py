"""A question as text in a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.text.letters import LETTERS

PLAIN = "{context}\n{stem}\n{options}"
"""The template of a question's text by itself: context, stem and options, one below the other."""

_FIELD = re.compile(r"\{([A-Za-z_]\w*)\}")


def render(question: Mapping[str, Any], template: str) -> str:
    """A question as text.

    Args:
        question: a row of a questions table.
        template: text with the fields {context}, {stem} and {options} ("A. text" lines). Other braces are
            literal, in the template and in the question. A line that holds only fields, all of them blank, is left
            out.

    Raises:
        M1FlowError: the template has an unknown field.
    """
    options = (f"{letter}. {text}" for letter, text in zip(LETTERS, question["options"], strict=False))
    values = {"context": question["context"], "stem": question["stem"], "options": "\n".join(options)}
    lines = [(line, fill(line, values)) for line in template.split("\n")]
    return "\n".join(filled for line, filled in lines if filled.strip() or not line.strip())


def prompt_text(question: Mapping[str, Any], prompts: Mapping[str, str], purpose: str, **more: str) -> str:
    """The text of a user's turn.

    Args:
        question: a row of a questions table.
        prompts: the study's prompts: ``question`` is a template for `render`; the others hold the field {question}.
        purpose: name of the prompt: solve, teach, train, evaluate or domain.
        more: values of further fields of this prompt, such as {codes} in ``domain``.
    """
    return fill(prompts[purpose], {"question": render(question, prompts["question"]), **more})


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each {field} with its value; braces inside a value are left as they are.

    Raises:
        M1FlowError: the template has a field that ``values`` lacks.
    """

    def value(field: re.Match) -> str:
        if field[1] not in values:
            known = ", ".join(f"{{{name}}}" for name in values)
            raise M1FlowError(f"config: prompts: unknown field {field[0]} in {template!r}; use only {known}")
        return values[field[1]]

    return _FIELD.sub(value, template)
