"""OpenAI's chat completions as data: request bodies, responses, and the handling of failures."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from m1flow.chat.turns import UserTurn
from m1flow.endpoints.ledger import Usage
from m1flow.study.settings.endpoints import EndpointSettings

_SHOWN = 200
"""Maximum number of characters of a server's message that errors repeat."""
_HIDDEN = "[key]"

# Spellings of models' control tokens. `<|im_end|>`, `<｜User｜>` and similar ones vary from model to model, but their
# beginnings don't.
_CONTROL = re.compile(
    r"(?=<[|｜]|\[/?(?:INST|TOOL_|AVAILABLE_TOOLS|SYSTEM_PROMPT|/?THINK)|<<SYS>>|<</SYS>>|\[gMASK\]"
    r"|</?(?:think|thinking|seed:think|tool_call|tool_response|s|bos|eos|pad|unk|mask|sop|start_of_turn|end_of_turn)>)",
    re.IGNORECASE,
)
_OPEN, _CLOSE = "<think>", "</think>"
_CUT = ("length", "max_tokens")
_INTERRUPTED = ("abort", "error", "insufficient_system_resource")
_FILTER = re.compile(r"content[ _-]?(filter|policy|management)|moderation|data_inspection", re.IGNORECASE)


class Passing(Exception):
    """A failure that may not recur; ``retry_after`` is in seconds, if the endpoint names a time."""

    def __init__(self, cause: str, retry_after: float | None = None):
        super().__init__(cause)
        self.retry_after = retry_after


class Silent(Passing):
    """No response came; the request may still be billed."""


class Unusable(Passing):
    """A response that was billed, but whose answer can't be used."""


class Broken(Unusable):
    """A response that isn't whole, so that the billed tokens are unknown."""


class RejectedRequest(Exception):
    """The endpoint will never take this request; ``filtered`` says whether its content is the reason."""

    def __init__(self, cause: str, filtered: bool = False):
        super().__init__(cause)
        self.filtered = filtered


class Fatal(Exception):
    """No request can be answered; ``key`` names the setting of the endpoint to correct."""

    def __init__(self, key: str, cause: str):
        super().__init__(cause)
        self.key = key


@dataclass(frozen=True)
class Reply:
    """A response: its id, model, message and usage."""

    response_id: str | None
    model: str | None
    usage: Usage | None
    message: Mapping[str, Any] | None
    finish: str | None


def defuse(text: str) -> str:
    """The text with a space after the first character of every spelling of a control token, so that none is left.

    A server tokenises the rendered chat template as a whole, so that ``<|im_end|>`` in a question would end the user's
    turn there. Text that can't be UTF-8 (half of a surrogate pair) becomes a question mark.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    cuts = [match.start() + 1 for match in _CONTROL.finditer(text)]
    return " ".join(text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)) if cuts else text


def request_body(settings: EndpointSettings, user_turn: UserTurn, max_tokens: int) -> dict[str, Any]:
    """The request body for one turn, by the endpoint's settings (`endpoints.<name>` of the config)."""
    sampling = user_turn.sampling
    body = {
        "model": settings.model,
        "messages": [{"role": "user", "content": defuse(user_turn.text)}],
        settings.limit_as: max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if sampling.temperature > 0:
        body["seed"] = sampling.seed
    if settings.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    for name in settings.omit:
        body.pop(name, None)
    return body | settings.extra_body


def read_reply(body: bytes) -> Reply:
    """Read the body of a response with status 200.

    Raises:
        Broken: the body isn't JSON, or not an object.
        Passing: the body is an error that came with the wrong status, and used no tokens.
    """
    try:
        data = json.loads(body)
    except ValueError:
        raise Broken("the response is not complete JSON") from None
    if not isinstance(data, dict):
        raise Broken("the response is not a JSON object")
    usage = _usage(data.get("usage"))
    if data.get("error") and usage is None:
        raise Passing(f"an error with status 200: {message_of(body)}")
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    return Reply(
        response_id=data.get("id") if isinstance(data.get("id"), str) and data["id"] else None,
        model=data.get("model") if isinstance(data.get("model"), str) and data["model"] else None,
        usage=usage,
        message=message if isinstance(message, dict) else None,
        finish=choice.get("finish_reason"),
    )


def read_message(reply: Reply, thinks: bool) -> tuple[str, str, bool, bool]:
    """Reasoning, answer, whether both ended by themselves, and whether the answer is a refusal.

    Args:
        reply: the response.
        thinks: whether the model thinks before it answers; text cut before a visible end of thinking is then thinking.

    Raises:
        Unusable: there is no message, or the endpoint broke off.
    """
    message = reply.message
    if message is None:
        raise Unusable("the response has no choices")
    content = message.get("content") or ""
    given = message.get("reasoning_content") or message.get("reasoning") or ""
    if not isinstance(content, str) or not isinstance(given, str):
        raise Unusable("the response's message is not text")
    if reply.finish in _INTERRUPTED:
        raise Unusable(f"the endpoint broke off its answer (finish_reason {reply.finish})")
    refusal = message.get("refusal")
    if refusal or reply.finish == "content_filter":
        return given.strip(), content.strip() or str(refusal or ""), False, True
    cut = reply.finish in _CUT
    reasoning, answer, closed = split_thinking(content)
    if thinks and cut and closed is None and not given:
        reasoning, answer = content.strip(), ""
    whole = not cut and closed is not False
    return "\n".join(part for part in (given.strip(), reasoning) if part), answer, whole, False


def split_thinking(content: str) -> tuple[str, str, bool | None]:
    """Inline thinking, the answer after it, and whether the thinking ended (None without thinking).

    The opening ``<think>`` may be missing, since templates put it into the prompt. Text after an open ``<think>`` is
    thinking, and text before it is not an answer.
    """
    thoughts: list[str] = []
    closed = None
    rest = content
    while True:
        before, opening, after = rest.partition(_OPEN)
        ended, closing, following = (after if opening else rest).partition(_CLOSE)
        if not opening and (not closing or closed is not None):
            return "\n".join(thoughts), rest.strip(), closed
        if opening and _CLOSE in before:  # the opening of the first thinking was in the prompt
            ended, closing, following = rest.partition(_CLOSE)
        elif before.strip() and opening:
            thoughts.append(before.strip())
        if ended.strip():
            thoughts.append(ended.strip())
        if not closing:
            return "\n".join(thoughts), "", False
        closed, rest = True, following


def failure(status: int, headers: Mapping[str, str], body: bytes) -> Passing | RejectedRequest | Fatal:
    """The error for a status other than 200. Its text contains the server's message; redact it before showing it."""
    message = f"status {status}: {message_of(body) or 'no message'}"
    if status == 429:
        return Passing(message, retry_after(headers))
    if status >= 500 or status in (408, 409, 425):
        return Passing(message, retry_after(headers))
    if _FILTER.search(body.decode("utf-8", "replace")):
        return RejectedRequest(message, filtered=True)
    if status == 401:  # some endpoints repeat a part of the key in the message
        return Fatal("key_variable", "the endpoint doesn't accept the key (status 401)")
    if status == 402:
        return Fatal("key_variable", f"the key's account can't pay ({message})")
    if status == 403:
        return Fatal("key_variable", f"the key may not use this model ({message})")
    if status in (404, 405):
        return Fatal("url", f"the endpoint has no such path or model ({message})")
    if status < 400:
        where = f"to {headers['Location'].split('?')[0]}" if "Location" in headers else "elsewhere"
        return Fatal("url", f"the endpoint redirects {where} (status {status})")
    return RejectedRequest(message)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the time that ``Retry-After`` names, as seconds or as an HTTP date; None without one."""
    value = headers.get("Retry-After", "").strip()
    try:
        return max(float(value), 0.0) if re.fullmatch(r"\d+(\.\d+)?", value) else _until(value)
    except ValueError:
        return None


def message_of(body: bytes) -> str:
    """The message in the body of an error, as one line."""
    text = body.decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except ValueError:
        data = text
    while isinstance(data, dict):
        data = next((data[name] for name in ("error", "message", "detail") if data.get(name)), text)
    message = data if isinstance(data, str) else json.dumps(data)
    return " ".join(message.split())


def redact(text: str, key: str | None) -> str:
    """A server's message as one short line, without the key or the part of it that some endpoints repeat."""
    if key:
        text = text.replace(key, _HIDDEN)
        if len(key) >= 12:
            parts = "|".join(re.escape(part) for part in (key[:8], key[-6:]))
            text = re.sub(rf"\S*(?:{parts})\S*", _HIDDEN, text)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _until(date: str) -> float | None:
    return max(parsedate_to_datetime(date).timestamp() - time.time(), 0.0) if date else None


def _usage(usage: Any) -> Usage | None:
    """The billed tokens; cached ones are read under OpenAI's name or DeepSeek's."""
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = (details.get("cached_tokens") if isinstance(details, dict) else None) or usage.get(
        "prompt_cache_hit_tokens", 0
    )
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not (isinstance(prompt, int) and isinstance(completion, int) and prompt >= 0 and completion >= 0):
        return None
    if isinstance(total := usage.get("total_tokens"), int):  # some leave out the thinking
        completion = max(completion, total - prompt)
    return Usage(prompt, min(cached, prompt) if isinstance(cached, int) and cached > 0 else 0, completion)
