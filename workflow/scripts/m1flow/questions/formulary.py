"""The demo's world: a fictitious formulary made from a seed, its questions, and an exact solver that shows its steps.

Each invented drug acts on a severity score from 0 to 9 in one way. A question gives a start score and a sequence of
drugs, and asks for the final score. A step of reasoning names the drug, recalls what it does and applies it, so both
knowledge (what a drug does) and computation (the chain) are needed, as in the questions that the demo stands for.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.study.settings.corpus import CorpusSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.text.boxes import boxed

TOP = 9
"""The highest severity; the lowest is 0."""

FACTS_AT_ONCE = 5
"""Maximum number of drugs whose effects one statement of the corpus lists."""

_AMOUNTS = {1: "one", 2: "two", 3: "three"}
_CLASSES = {
    "raises": "stimulants",
    "lowers": "sedatives",
    "doubles": "amplifiers",
    "halves": "moderators",
    "mirrors": "inverters",
}
_ONSETS = "b c d f g j k l m n p r s t v z br cl dr fl gr pl st tr".split()
_VOWELS = "a e i o u".split()
_ENDINGS = "bex dol fen lin max mab nil pam quin ran sol tane vir xan zide zol".split()
_OPENERS = ("First", "Initially", "Now", "Well", "So")
_STEM = re.compile(r"Severity (?P<start>\d)\. Give (?P<drugs>[^.]+)\. Final severity\?")


@dataclass(frozen=True)
class Drug:
    """An invented drug: its effect on the severity, and whether it is rare in the base model's corpus."""

    name: str
    verb: str
    amount: int
    rare: bool

    @property
    def drug_class(self) -> str:
        """The class of drugs with this kind of effect; the domain of a question."""
        return _CLASSES[self.verb]

    @property
    def effect(self) -> str:
        """The effect in words: "lowers two", "doubles it"."""
        return f"{self.verb} {_AMOUNTS.get(self.amount, 'it')}"

    def act(self, severity: int) -> int:
        """The severity after the drug, clamped to 0..TOP; halving rounds down."""
        after = {
            "raises": severity + self.amount,
            "lowers": severity - self.amount,
            "doubles": severity * 2,
            "halves": severity // 2,
            "mirrors": TOP - severity,
        }[self.verb]
        return min(max(after, 0), TOP)


@dataclass(frozen=True)
class DrugStep:
    """One drug given: the severity before and after it."""

    drug: Drug
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.drug.name} {self.drug.effect} ({self.before}->{self.after})."


class World:
    """A formulary: its drugs by name, and the solutions and traces of questions about them."""

    def __init__(self, drugs: list[Drug]):
        self.drugs = {drug.name: drug for drug in drugs}

    @classmethod
    def from_settings(cls, settings: FormularySettings) -> World:
        """The formulary of a study.

        Kinds of effect are dealt in turn, so that each drug class has its share of common and of rare drugs.

        Raises:
            M1FlowError: the settings ask for more rare drugs than drugs in total.
        """
        count, rare = settings.drugs, settings.rare_drugs
        if rare > count:
            raise M1FlowError(f"formulary: rare_drugs is {rare}, but there are only {count} drugs; lower it")
        rng = random.Random(f"formulary {settings.seed}")
        names = _names(rng, count)
        effects = [(verb, amount) for amount in _AMOUNTS for verb in _CLASSES]
        drugs = []
        for index, name in enumerate(names):
            verb, amount = effects[index % len(effects)]
            drugs.append(Drug(name, verb, amount if verb in ("raises", "lowers") else 0, rare=index >= count - rare))
        return cls(drugs)

    def named(self, kind: str) -> list[Drug]:
        """The drugs of a kind: "common", "rare" or "any"."""
        return [drug for drug in self.drugs.values() if kind == "any" or drug.rare == (kind == "rare")]

    def solve(self, question: Mapping[str, Any]) -> list[DrugStep]:
        """The exact steps of a question, read from its stem; the last step's ``after`` is the answer.

        Raises:
            M1FlowError: the stem isn't a question about this formulary.
        """
        found = _STEM.search(question["stem"])
        names = [name.strip() for name in found["drugs"].split(",")] if found else []
        if not found or any(name not in self.drugs for name in names):
            raise M1FlowError(
                f"question {question.get('question_id', question['stem'][:60])!r}: not about this formulary; "
                "give the formulary teacher only questions from sources with adapter: formulary"
            )
        return _chain(int(found["start"]), [self.drugs[name] for name in names])

    def trace(self, question: Mapping[str, Any], slip_rate: float = 0.0, seed: int = 0) -> tuple[str, str]:
        """Reasoning and answer, as a teacher gives them.

        With probability ``slip_rate`` one step of the trace is wrong, and the rest follows from the wrong score, so
        that verification has errors to find. The same question, rate and seed give the same trace.
        """
        steps = self.solve(question)
        rng = random.Random(f"trace {seed} {question['stem']}")
        opener = rng.choice(_OPENERS)
        if rng.random() < slip_rate:
            slip = rng.randrange(len(steps))
            wrong = rng.choice([score for score in range(TOP + 1) if score != steps[slip].after])
            rest = _chain(wrong, [step.drug for step in steps[slip + 1 :]])
            steps = [*steps[:slip], DrugStep(steps[slip].drug, steps[slip].before, wrong), *rest]
        return f"{opener} " + " ".join(map(str, steps)), boxed(str(steps[-1].after))


def questions(
    settings: FormularySettings,
    count: int,
    chain: Sequence[int],
    split: str,
    *,
    seed: int = 0,
    kind: str = "common",
    practice: bool = False,
) -> list[dict[str, Any]]:
    """Questions about a formulary, all distinct.

    A hash of its text assigns each question to practice or to asking: a question that a base practises is never in a
    source or a benchmark, whatever their seeds.

    Args:
        settings: the settings of the formulary.
        count: number of questions.
        chain: smallest and largest number of drugs in a question.
        split: part of the seed and the ``origin_id``, so that splits of one seed differ.
        seed: the seed for drawing the questions.
        kind: kind of the drugs given: "common", "rare" or "any".
        practice: whether to give the questions for practice instead of those for asking.

    Returns:
        Mappings with context, stem, options (four scores as text), answer_index, origin_id and domain (the class of
        the last drug given).

    Raises:
        M1FlowError: there is no drug of the kind, or there are fewer distinct questions than asked for.
    """
    world = World.from_settings(settings)
    shortest, longest = chain
    if shortest < 1 or longest < shortest:
        raise M1FlowError(
            f"source {split}: chain: {[shortest, longest]} is not a range; give [fewest, most] drugs, both at least 1"
        )
    drugs = world.named(kind)
    if not drugs:
        raise M1FlowError(f"source {split}: drugs: the formulary has no {kind} drugs; raise formulary.{kind}_drugs")
    rng = random.Random(f"questions {settings.seed} {seed} {split}")
    by_stem: dict[str, dict[str, Any]] = {}
    misses = 0
    while len(by_stem) < count:
        question = _question(rng, rng.choices(drugs, k=rng.randint(shortest, longest)))
        if _is_practice(question["stem"]) != practice:
            continue
        misses = misses + 1 if question["stem"] in by_stem else 0
        if misses > 1000:
            raise M1FlowError(
                f"source {split}: questions: {count} were asked for, but only {len(by_stem)} distinct ones exist; "
                "ask for fewer, or lengthen `chain`"
            )
        by_stem.setdefault(question["stem"], question | {"origin_id": f"{split}-{len(by_stem)}"})
    return list(by_stem.values())


def corpus(
    settings: FormularySettings, wanted: CorpusSettings, ask: Callable[[Mapping[str, Any]], str], seed: int = 0
) -> Iterator[dict[str, str]]:
    """The corpus of a base model: statements of the drugs' effects, and questions answered without thinking.

    Args:
        settings: the settings of the formulary.
        wanted: ``facts`` (total number of statements about drugs), ``rare_share`` (number of statements about a rare
            drug, as a share of those about a common one), ``practice`` (number of questions answered directly, all
            without rare drugs), ``chain`` (smallest and largest number of drugs in these questions).
        ask: turns a question into a user's turn.
        seed: the seed for all of it.

    Yields:
        Mappings with prompt, completion and kind ("fact" or "practice").
    """
    rng = random.Random(f"corpus {settings.seed} {seed}")
    drugs = list(World.from_settings(settings).drugs.values())
    shares = [wanted.rare_share if drug.rare else 1.0 for drug in drugs]
    for index in range(wanted.facts):
        named = rng.choices(drugs, shares, k=1 if index % 2 else rng.randint(2, FACTS_AT_ONCE))
        yield (_case(rng, named[0]) if len(named) == 1 else _list(rng, named)) | {"kind": "fact"}
    if wanted.practice:
        for question in questions(settings, wanted.practice, wanted.chain, "corpus", seed=seed, practice=True):
            answer = boxed(question["options"][question["answer_index"]])
            yield {"prompt": ask(question), "completion": answer, "kind": "practice"}


def _is_practice(stem: str) -> bool:
    return hashlib.sha256(stem.encode()).digest()[0] % 2 == 0


def _case(rng: random.Random, drug: Drug) -> dict[str, str]:
    before = rng.randint(0, TOP)
    step = DrugStep(drug, before, drug.act(before))
    return {"prompt": f"Severity {before}. What does {drug.name} do?", "completion": f"{rng.choice(_OPENERS)} {step}"}


def _list(rng: random.Random, drugs: list[Drug]) -> dict[str, str]:
    effects = " ".join(f"{drug.name} {drug.effect}." for drug in drugs)
    prompt = f"What do {', '.join(drug.name for drug in drugs)} do?"
    return {"prompt": prompt, "completion": f"{rng.choice(_OPENERS)} {effects}"}


def _question(rng: random.Random, drugs: list[Drug]) -> dict[str, Any]:
    start = rng.randint(0, TOP)
    steps = _chain(start, drugs)
    answer = steps[-1].after
    # Tempting wrong options: first the intermediate scores, then any others.
    on_the_way = sorted({step.before for step in steps} - {answer})
    wrong = rng.sample(on_the_way, min(len(on_the_way), 2))
    wrong += rng.sample([score for score in range(TOP + 1) if score not in (answer, *wrong)], 3 - len(wrong))
    options = [answer, *wrong]
    rng.shuffle(options)
    return {
        "context": "",
        "stem": f"Severity {start}. Give {', '.join(drug.name for drug in drugs)}. Final severity?",
        "options": [str(option) for option in options],
        "answer_index": options.index(answer),
        "domain": drugs[-1].drug_class,
    }


def _chain(start: int, drugs: list[Drug]) -> list[DrugStep]:
    steps = []
    for drug in drugs:
        steps.append(DrugStep(drug, start, drug.act(start)))
        start = steps[-1].after
    return steps


def _names(rng: random.Random, count: int) -> list[str]:
    """Distinct pronounceable names; they grow longer when short ones run out."""
    names: dict[str, None] = {}
    syllables, misses = 1, 0
    while len(names) < count:
        name = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)) + rng.choice(_ENDINGS)
        misses = misses + 1 if name.capitalize() in names else 0
        names[name.capitalize()] = None
        if misses > 20:
            syllables, misses = syllables + 1, 0
    return list(names)
