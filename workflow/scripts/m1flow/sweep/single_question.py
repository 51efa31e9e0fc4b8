"""Asking a model one question under one thinking budget: the sweep's own run, shown token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path
from typing import Any

from m1flow.answers.strict import parse_answer
from m1flow.engines.interface import Completion, Engine, Request, Until
from m1flow.errors import M1FlowError
from m1flow.files.json import read_json
from m1flow.files.parquet import read_provenance
from m1flow.models.formats import Formatter
from m1flow.questions.prompts import PLAIN, prompt_text
from m1flow.questions.question import question_id
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.models import ModelSettings
from m1flow.study.settings.problems import Rejected, read
from m1flow.study.settings.sweep import SweepSettings
from m1flow.study.study import Study
from m1flow.sweep.plan import Item, SweepPlan
from m1flow.sweep.run import run_sweep
from m1flow.text.boxes import bare, find_boxes
from m1flow.text.letters import LETTERS
from m1flow.text.normalising import normalise
from m1flow.text.shown import in_line

Show = Callable[[str, bool], None]
"""A function that takes text as it comes, and whether the protocol placed it (else the model generated it)."""

_AS_TYPED = {"question": PLAIN, "evaluate": "{question}"}


@dataclass(frozen=True)
class QuestionSettings:
    """Settings for asking a model.

    Attributes:
        formats: reasoning formats by name.
        format: name of the format to use.
        prompts: ``question`` and ``evaluate`` of the study's prompts.
        plan: sampling and answer settings; its budgets are replaced by `with_budget`.
        engine: the study's ``engine``, with a GPU if this process sees one.
        seed: the study's seed.
        source: the file that these settings come from.
    """

    formats: Mapping[str, FormatSettings]
    format: str
    prompts: Mapping[str, str]
    plan: SweepPlan
    engine: EngineSettings
    seed: int
    source: str

    def with_budget(self, budget: int, extensions: int = 0, cue: str = "Wait") -> QuestionSettings:
        """These settings for one cell of a sweep."""
        cell: dict[str, Any] = {"budgets": (budget,), "extension_counts": (), "extension_budgets": ()}
        if extensions:
            cell = {"budgets": (), "extension_counts": (extensions,), "extension_budgets": (budget,), "cues": (cue,)}
        single: dict[str, Any] = {"permutations": 1, "permutation_budgets": (), "samples": 1}
        plan = replace(self.plan, **cell, **single, answer_logprobs=False, option_answer="")
        return replace(self, plan=plan)

    def formatter(self, tokenizer: Any) -> Formatter:
        """The formatter for the model's tokenizer and the chosen format.

        Raises:
            M1FlowError: there is no format of that name.
        """
        if self.format not in self.formats:
            raise M1FlowError(f"{self.source}: formats: {self.format!r} is not one of {', '.join(self.formats)}")
        return Formatter(tokenizer, self.format, self.formats[self.format], self.source)


def settings_of(folder: Path | str, study: Study | None = None, name: str | None = None) -> QuestionSettings:
    """Settings for asking the model in a folder: from a study, else from its sweep, else from its training.

    Args:
        folder: the model folder; if it lies in ``results/<study>/models``, its sweep is found beside it.
        study: the study that evaluates it.
        name: the model's name in the study; by default the folder's name.

    Raises:
        M1FlowError: no settings are found.
    """
    folder = Path(folder).resolve()
    name = name or folder.name
    if study:
        return _of_study(study, name)
    generations = sorted((folder.parent.parent / "generations" / name).glob("*/*.parquet"))
    if generations and "sweep" in (parameters := read_provenance(generations[0]).get("parameters", {})):
        return _recorded(parameters, str(generations[0]))
    record = folder / "m1flow" / "training.json"
    settings = read_json(record)["settings"] if record.is_file() else {}
    if settings.get("format"):
        formats = {name: read(FormatSettings, entry) for name, entry in settings["format"].items()}
        plan, engine = SweepPlan((0,)), _here(EngineSettings())
        return QuestionSettings(formats, next(iter(formats)), _AS_TYPED, plan, engine, settings["seed"], str(record))
    raise M1FlowError(
        f"{folder}: no sweep or fine-tuning of this model tells how to ask it; "
        "name a study that does with --configfile, and the model's entry there with --name"
    )


def _of_study(study: Study, name: str) -> QuestionSettings:
    entries = [key for key, entry in study.models.items() if name in (key, entry.weights)]
    if not entries:
        raise M1FlowError(f"models: {name!r} is not one of {', '.join(study.models)}; name one of them with --name")
    model = name if name in study.models else entries[0]
    entry, plan = study.models[model], SweepPlan.from_settings(study.sweeps[model])
    prompts = entry.prompts(study.prompts.dump())
    return QuestionSettings(
        study.formats, entry.format, prompts, plan, _here(study.engine), study.seed, f"the study {study.name}"
    )


def _recorded(recorded: Mapping[str, Any], source: str) -> QuestionSettings:
    """The settings of a sweep, from the parameters in its table's provenance."""
    wanted = [key for key, field in SweepSettings.model_fields.items() if field.default is not None]
    if missing := [key for key in wanted if key not in recorded["sweep"]]:
        raise _of_another_version(source, f"{missing[0]!r} is missing")
    try:
        entry, sweep = read(ModelSettings, recorded["spec"]), read(SweepSettings, recorded["sweep"])
        engine = read(EngineSettings, recorded["engine"])
        formats = {name: read(FormatSettings, entry) for name, entry in recorded["formats"].items()}
    except Rejected as problem:
        raise _of_another_version(source, str(problem)) from None
    prompts = entry.prompts(recorded["prompts"])
    return QuestionSettings(
        formats, entry.format, prompts, SweepPlan.from_settings(sweep), _here(engine), recorded["seed"], source
    )


def _of_another_version(source: str, how: str) -> M1FlowError:
    return M1FlowError(f"{source}: made by another version of m1flow ({how}); name the study's files with --configfile")


def _here(engine: EngineSettings) -> EngineSettings:
    """The engine settings with one GPU if this process sees any, however many the study's jobs ask for."""
    import torch

    return engine.model_copy(update={"gpus": int(torch.cuda.is_available())})


@dataclass(frozen=True)
class ShownAnswer:
    """The result of a question: its row of the generations contract, and the reading of its answer."""

    row: Mapping[str, Any]
    options: tuple[str, ...]
    thinks: bool
    budget: int

    def line(self) -> str:
        """A line with the tokens used, the end of the thinking, and the option or box that the answer states."""
        row = self.row
        if not self.thinks:
            thinking = "no thinking (the format answers directly)"
        else:
            end = "ended by itself" if row["natural_end"] else f"cut by the budget of {self.budget}"
            thinking = f"{row['thinking_tokens']} thinking tokens, {end}"
            thinking += f", {row['extensions_done']} of {row['extensions']} extensions" if row["extensions"] else ""
        finished = "" if row["answer_finished"] else ", cut"
        return f"[{thinking}; {row['answer_tokens']} answer tokens{finished}; {self.stated()}]"

    def stated(self) -> str:
        """The option that the answer states, read by the strict scorer; without options, its last box."""
        text = self.row["answer_text"]
        if not self.options:
            boxes = [content for content, *_ in find_boxes(text)[0] if bare(content)]
            return f"answer: {in_line(boxes[-1])}" if boxes else "no box in the answer"
        parsed = parse_answer(text, self.options, finished=self.row["answer_finished"])
        if parsed.index is None:
            return f"no option: {parsed.outcome}"
        return f"option {LETTERS[parsed.index]}: {in_line(self.options[parsed.index])}"


def ask(
    question: str, options: Sequence[str], settings: QuestionSettings, formatter: Formatter, engine: Engine, show: Show
) -> ShownAnswer:
    """Ask one question and show thinking and answer as they are decoded.

    The request, cuts and extensions are those of `run.run_sweep`. A greedy model answers as in a sweep. With a
    temperature, the answer is a new sample: a sweep's sampling streams derive from question ids, which depend on the
    right answer.

    Args:
        question: the question's text.
        options: texts of the options, in the order shown; may be empty.
        settings: settings for asking the model, with a budget.
        formatter: `QuestionSettings.formatter` of the model's tokenizer.
        engine: the model's engine.
        show: the function that takes the text.

    Raises:
        M1FlowError: the question is empty, has too many options or doesn't fit the model's context.
    """
    stem, texts = normalise(question), tuple(map(normalise, options))
    if not stem or not all(texts) or len(texts) > len(LETTERS):
        raise M1FlowError(
            f"the question: empty, has an empty option, or has more than {len(LETTERS)} options; correct it"
        )
    turn = prompt_text({"context": "", "stem": stem, "options": texts}, settings.prompts, "evaluate")
    item = Item(question_id("", stem, texts, ""), turn, texts, tuple(range(len(texts))))
    shown = _ShowingEngine(engine, formatter, tuple(formatter.prompt(turn)), show)
    (row,) = run_sweep([item], formatter, shown, settings.plan, seed=settings.seed, width=1)
    return ShownAnswer(row, texts, formatter.thinks, settings.plan.longest)


class _ShowingEngine:
    """Passes on one question's requests; shows each generated token, and the texts that the sweep places in between."""

    def __init__(self, engine: Engine, formatter: Formatter, shown: tuple[int, ...], show: Show):
        self.model_id = engine.model_id
        self._engine, self._decode, self._shown, self._show = engine, formatter.decode, shown, show

    def submit(self, request: Request) -> None:
        before, now = self._decode(self._shown), self._decode(request.prompt)
        # Compare texts, not ids: a marker of plain text was shown as it came, and the sweep encodes it again.
        self._show(now[len(commonprefix([before, now])) :], True)
        stream = _TextStream(self._decode, self._show)
        self._engine.submit(replace(request, until=_Watcher(request.until, stream), tag=(request, stream)))

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        for watched, completion in self._engine.finished():
            request, stream = watched.tag
            stream.feed(completion.token_ids, last=True)  # the token at the limit is not passed to a stop condition
            self._shown = request.prompt + completion.token_ids
            yield request, completion

    def close(self) -> None:
        self._engine.close()


@dataclass
class _Watcher:
    """A stop condition that shows each token, and decides like the request's own condition."""

    until: Until | None
    stream: _TextStream

    def met(self, token_ids: Sequence[int]) -> bool:
        self.stream.feed(token_ids)
        return self.until is not None and self.until.met(token_ids)


class _TextStream:
    """The text of tokens as they come; a character of several tokens is shown once it is complete."""

    def __init__(self, decode: Callable[[Sequence[int]], str], show: Show):
        self._decode, self._show = decode, show
        self._context, self._done = 0, 0  # shown tokens are decoded again: some tokenizers need them as context

    def feed(self, token_ids: Sequence[int], *, last: bool = False) -> None:
        before = self._decode(token_ids[self._context : self._done])
        now = self._decode(token_ids[self._context :])
        if len(token_ids) == self._done or (now.endswith("\ufffd") and not last):
            return
        self._show(now[len(before) :], False)
        self._context, self._done = self._done, len(token_ids)
