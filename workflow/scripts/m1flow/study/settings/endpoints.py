"""OpenAI-compatible chat endpoints."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Count, Distinct, Matching, Name, NonNegative, Positive, Text, mismatch

Url = Annotated[
    str,
    Matching(
        r"https?://[^\s/?#@]+(/[^\s?#@]*)?",
        "an http or https URL such as https://api.example.com/v1, without user name, query and fragment",
    ),
]
VariableName = Annotated[str, Matching(r"[A-Z_][A-Z0-9_]*", "the name of an environment variable")]

_OWN_FIELDS = "n stream temperature top_p seed messages model max_tokens max_completion_tokens".split()
_FREE = f"fields of the request other than {', '.join(_OWN_FIELDS[:-1])} and {_OWN_FIELDS[-1]}"


def _check_free(body: dict[str, Any]) -> dict[str, Any]:
    if not body.keys().isdisjoint(_OWN_FIELDS):
        raise mismatch(f"must be {_FREE}")
    return body


FreeFields = Annotated[
    dict[str, Any],
    AfterValidator(_check_free),
    Field(json_schema_extra={"title": _FREE, "not": {"anyOf": [{"required": [name]} for name in _OWN_FIELDS]}}),
]


class PriceSettings(Section):
    """``price`` of an endpoint, in US dollars per million tokens."""

    prompt: NonNegative = Field(description="for tokens of the prompt")
    cached_prompt: NonNegative | None = Field(None, description="by default as prompt")
    completion: NonNegative = Field(description="thinking included")


class EndpointSettings(Section):
    """An entry of ``endpoints``."""

    needs: ClassVar = {"spending_cap": ("price",)}

    url: Url = Field(description="what /chat/completions is appended to; most end in /v1")
    model: Text = Field(description="the model's name at the endpoint")
    revision: str | None = Field(
        None, description="which version of it, in your words: another text makes its answers be asked anew"
    )
    answers_as: Text | None = Field(None, description="the model's name in responses, where it differs")
    key_variable: VariableName | None = Field(
        None, description="the environment variable that holds the key; never the key itself"
    )
    requests_in_flight: Count = Field(256, description="most requests at a time")
    requests_per_minute: Positive | None = Field(None, description="by default as many as it takes")
    tokens_per_minute: Positive | None = Field(None, description="prompt and completion; by default no limit")
    request_seconds: Positive = Field(600, description="one HTTP request may take so long")
    question_seconds: Positive = Field(
        1800,
        description="a question may take so long with all its retries, then it is given up until the next run",
    )
    stop_after_minutes: Positive | None = Field(None, description="a run stops then, cleanly; rerun to go on")
    price: PriceSettings | None = Field(None, description="US dollars per million tokens")
    spending_cap: Positive | None = Field(
        None, description="US dollars that the study may spend here, in all its stages and reruns; needs price"
    )
    limit_as: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="the request's field that limits thinking and answer"
    )
    stream: bool = Field(
        False, description="take answers piece by piece: for gateways that cut requests which are silent for long"
    )
    extra_body: FreeFields = Field(
        default_factory=dict, description="more fields of the request, such as {reasoning_effort: high}"
    )
    omit: Distinct[Literal["temperature", "top_p", "seed", "stream_options"]] = Field(
        (), description="fields that the endpoint doesn't take"
    )


class NamedEndpoint(EndpointSettings):
    """An entry of ``endpoints`` with its name, as scripts are given it."""

    name: Name = Field(description="its name in endpoints")
