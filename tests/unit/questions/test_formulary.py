"""The demo's world: its drugs, its questions, the exact solver and the traces."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m1flow.errors import M1FlowError
from m1flow.questions.formulary import TOP, World, corpus, questions
from m1flow.study.settings.corpus import CorpusSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.text.boxes import boxed
from m1flow.training.corpus import build_corpus

WORLD = {"seed": 7, "drugs": 40, "rare_drugs": 10}
SETTINGS = FormularySettings(**WORLD)
PROMPTS = {"question": "{context}\n{stem}\n{options}", "solve": "{question}\nBox it.", "train": "{question}"}
PROMPTS["evaluate"] = PROMPTS["solve"]


def by_hand(stem: str, world: World) -> list[int]:
    """Every score on the way, worked out from the effects in words, independently of Drug.act."""
    score = int(re.search(r"Severity (\d)", stem)[1])
    scores = []
    for name in re.search(r"Give ([^.]*)\.", stem)[1].split(", "):
        effect = world.drugs[name].effect.split()
        amount = {"one": 1, "two": 2, "three": 3}.get(effect[1], 0)
        if effect[0] == "raises":
            score = min(9, score + amount)
        elif effect[0] == "lowers":
            score = max(0, score - amount)
        elif effect[0] == "doubles":
            score = min(9, 2 * score)
        elif effect[0] == "halves":
            score = score // 2
        else:
            score = 9 - score
        scores.append(score)
    return scores


@given(seed=st.integers(0, 10**6), count=st.integers(2, 400))
@settings(max_examples=25)
def test_any_world_has_as_many_distinct_drugs_as_asked_for(seed, count):
    world = World.from_settings(read(FormularySettings, {"seed": seed, "drugs": count, "rare_drugs": count // 4}))
    assert len(world.drugs) == count
    assert len(world.named("rare")) == count // 4
    assert all(re.fullmatch("[A-Z][a-z]{3,}", name) for name in world.drugs)
    for drug in world.drugs.values():
        assert {drug.act(score) for score in range(TOP + 1)} <= set(range(TOP + 1))


def test_a_seed_makes_the_same_world_and_another_seed_another():
    assert World.from_settings(SETTINGS).drugs == World.from_settings(SETTINGS).drugs
    assert set(World.from_settings(SETTINGS).drugs) != set(
        World.from_settings(read(FormularySettings, WORLD | {"seed": 8})).drugs
    )


def test_every_class_has_common_and_rare_drugs():
    world = World.from_settings(SETTINGS)
    common, rare = ({drug.drug_class for drug in world.named(kind)} for kind in ("common", "rare"))
    assert len(common) == 5
    assert rare == common


@given(seed=st.integers(0, 10**6), chain=st.lists(st.integers(1, 9), min_size=2, max_size=2).map(sorted))
@settings(max_examples=40)
def test_questions_are_what_the_spec_says_and_the_solver_is_exact(seed, chain):
    world = World.from_settings(SETTINGS)
    made = questions(SETTINGS, 15, chain, "train", seed=seed, kind="any")
    assert len({question["stem"] for question in made}) == 15
    for question in made:
        assert question["context"] == ""
        assert len(set(question["options"])) == 4
        scores = by_hand(question["stem"], world)
        steps = world.solve(question)
        assert chain[0] <= len(steps) <= chain[1]
        assert [step.after for step in steps] == scores
        assert question["options"][question["answer_index"]] == str(scores[-1])
        assert question["domain"] == steps[-1].drug.drug_class
        assert world.trace(question)[1] == boxed(str(scores[-1]))


@pytest.mark.parametrize("kind", ["common", "rare"])
def test_questions_give_only_the_kind_of_drugs_asked_for(kind):
    world = World.from_settings(SETTINGS)
    made = questions(SETTINGS, 60, (2, 4), "test", seed=1, kind=kind)
    given_drugs = {step.drug for question in made for step in world.solve(question)}
    assert {drug.rare for drug in given_drugs} == {kind == "rare"}


def test_splits_and_seeds_draw_different_questions():
    first, again = (questions(SETTINGS, 50, (3, 5), "train", seed=1) for _ in range(2))
    assert first == again
    for other in (questions(SETTINGS, 50, (3, 5), split, seed=seed) for split, seed in (("test", 1), ("train", 2))):
        assert len({q["stem"] for q in first} & {q["stem"] for q in other}) < 5


def test_a_trace_shows_every_step_and_its_result():
    world = World.from_settings(SETTINGS)
    for question in questions(SETTINGS, 30, (1, 6), "train", seed=3):
        reasoning, answer = world.trace(question)
        shown = [int(after) for after in re.findall(r"\(\d->(\d)\)\.", reasoning)]
        assert shown == by_hand(question["stem"], world)
        assert answer == rf"\boxed{{{shown[-1]}}}"
        assert world.trace(question) == (reasoning, answer)


def test_slips_are_as_frequent_as_asked_for_and_carried_to_the_answer():
    world = World.from_settings(SETTINGS)
    made = questions(SETTINGS, 400, (1, 4), "train", seed=4)
    slipped = 0
    for question in made:
        reasoning, answer = world.trace(question, slip_rate=0.3, seed=1)
        shown = [int(after) for after in re.findall(r"->(\d)", reasoning)]
        slipped += shown != by_hand(question["stem"], world)
        assert answer == boxed(str(shown[-1]))
    assert 70 <= slipped <= 170  # 120 expected, standard deviation 9


@pytest.mark.parametrize("stem", ["What is the first-line treatment?", "Severity 3. Give Aspirin. Final severity?"])
def test_the_solver_refuses_other_questions(stem):
    with pytest.raises(M1FlowError, match="not about this formulary"):
        World.from_settings(SETTINGS).solve({"question_id": "q1", "stem": stem})


@pytest.mark.parametrize(
    ("count", "chain", "kind", "message"),
    [
        (500, (1, 1), "common", "only 165 distinct ones"),
        (5, (3, 2), "common", "is not a range"),
        (5, (1, 2), "rare", "no rare drugs"),
    ],
)
def test_impossible_sources_are_refused(count, chain, kind, message):
    world = FormularySettings(seed=1, drugs=30, rare_drugs=0)
    with pytest.raises(M1FlowError, match=message):
        questions(world, count, chain, "train", kind=kind)


def test_a_world_of_more_rare_drugs_than_drugs_is_refused():
    with pytest.raises(M1FlowError, match="rare_drugs"):
        World.from_settings(read(FormularySettings, {"drugs": 3, "rare_drugs": 4}))


def test_the_corpus_tells_true_facts_and_seldom_of_rare_drugs():
    world = World.from_settings(SETTINGS)
    rows = list(
        corpus(
            SETTINGS,
            read(CorpusSettings, {"facts": 2000, "rare_share": 0.1}),
            lambda question: question["stem"],
            seed=5,
        )
    )
    assert len(rows) == 2000
    told = {name: 0 for name in world.drugs}
    for row in rows:
        for name, verb, amount in re.findall(
            r"([A-Z][a-z]+) (raises|lowers|doubles|halves|mirrors) (\w+)", row["completion"]
        ):
            name = name if name in told else None
            assert name
            assert world.drugs[name].effect == f"{verb} {amount}"
            told[name] += 1
    common = [told[drug.name] for drug in world.named("common")]
    rare = [told[drug.name] for drug in world.named("rare")]
    assert 0 < sum(rare) / len(rare) < 0.25 * sum(common) / len(common)


def test_practice_is_true_direct_and_without_rare_drugs():
    world = World.from_settings(SETTINGS)
    rows = build_corpus(read(CorpusSettings, {"practice": 200, "chain": [1, 3]}), PROMPTS, world=SETTINGS, seed=5)
    assert {row["kind"] for row in rows} == {"practice"}
    for row in rows:
        assert row["completion"] == boxed(str(by_hand(row["prompt"], world)[-1]))
        assert not any(drug.name in row["prompt"] for drug in world.named("rare"))
    asked = [row["prompt"].endswith("Box it.") for row in rows]
    assert 90 <= sum(asked) <= 110  # in turn, in each of the two ways


def test_practice_is_not_what_sources_of_the_same_seed_ask():
    rows = build_corpus(read(CorpusSettings, {"practice": 100, "chain": [3, 5]}), PROMPTS, world=SETTINGS, seed=5)
    asked = {question["stem"] for question in questions(SETTINGS, 100, (3, 5), "train", seed=5)}
    assert not any(stem in row["prompt"] for row in rows for stem in asked)


def test_an_empty_corpus_is_refused():
    with pytest.raises(M1FlowError, match="corpus: empty"):
        build_corpus(read(CorpusSettings, {"facts": 0, "practice": 0}), PROMPTS, world=SETTINGS)


def test_what_a_base_practises_is_never_asked():
    wanted = (FormularySettings(seed=7, drugs=6, rare_drugs=0), 100, (1, 2), "corpus")
    practised = {question["stem"] for question in questions(*wanted, practice=True)}
    asked = {question["stem"] for seed in range(3) for question in questions(*wanted, seed=seed)}
    assert len(practised) == 100
    assert not practised & asked
