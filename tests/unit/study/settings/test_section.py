"""Sections: strict, frozen and closed; every key says what it does, and a section stands on no other."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from helpers.project import ROOT
from helpers.settings import refusal
from m1flow.study import settings
from m1flow.study.settings.datasets import DatasetSettings
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.section import Section, plain

SCRIPTS = ROOT / "workflow" / "scripts"


def sections() -> list[type[Section]]:
    """Every model of every module of the settings."""
    names = [module.name for module in pkgutil.iter_modules(settings.__path__)]
    modules = [importlib.import_module(f"m1flow.study.settings.{name}") for name in names]
    found = {entry for module in modules for entry in vars(module).values() if isinstance(entry, type)}
    return sorted(
        (one for one in found if issubclass(one, Section) and one is not Section), key=lambda one: one.__name__
    )


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_key_says_in_a_few_words_what_it_does(section):
    for key, field in section.model_fields.items():
        assert field.description and not field.description.endswith("."), key


def test_an_absent_key_is_none_and_is_not_written():
    dataset = read(DatasetSettings, {"teacher": "r1", "recipe": "all"})
    assert dataset.size is None
    assert "size" not in dataset.dump() and read(DatasetSettings, dataset.dump()) == dataset


def test_settings_are_frozen():
    engine = EngineSettings()
    with pytest.raises(ValueError, match="frozen"):
        engine.gpus = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", ["sweep", "engine", "formats", "endpoints", "solvers", "datasets", "question_sets"])
def test_a_section_stands_on_no_other(name):
    """Else what uses it would run again for a change of what it has no part in."""
    text = (SCRIPTS / "m1flow" / "study" / "settings" / f"{name}.py").read_text(encoding="utf-8")
    named = {line.split()[1] for line in text.splitlines() if line.startswith("from m1flow")}
    named = {module for module in named if not module.startswith("m1flow.study.seams.")}
    assert named <= {"m1flow.study.settings.section", "m1flow.study.settings.values"}


class Price(Section):
    """A section that another one holds."""

    amount: int = 1


class Shop(Section):
    """A section with rules on its keys."""

    one_of = (("near",), ("far", "fare"))
    needs = {"cap": ("price",)}

    near: str | None = None
    far: str | None = None
    fare: int | None = None
    price: Price | None = None
    cap: int | None = None
    hours: tuple[int, ...] = (9, 17)


@pytest.mark.parametrize("values", [{}, {"far": "x"}, {"near": "x", "far": "y", "fare": 1}])
def test_exactly_one_group_of_keys_must_be_whole(values):
    assert refusal(Shop, values) == "give exactly one of near, far + fare"


def test_a_null_stands_for_a_key_that_is_absent():
    assert read(Shop, {"near": "x", "far": None, "cap": None}) == read(Shop, {"near": "x"})


def test_a_key_that_needs_another_says_so_and_so_does_the_schema():
    assert refusal(Shop, {"near": "x", "cap": 1}) == "cap needs price; add price"
    schema = Shop.model_json_schema()
    assert schema["oneOf"] == [{"required": ["near"]}, {"required": ["far", "fare"]}]
    assert schema["dependentRequired"] == {"cap": ["price"]} and schema["additionalProperties"] is False


def test_what_is_written_is_plain_and_reads_back():
    shop = read(Shop, {"near": "x", "price": {"amount": 2}})
    assert shop.dump() == {"near": "x", "price": {"amount": 2}, "hours": [9, 17]}
    assert plain({"a": (shop, None)}) == {"a": [shop.dump(), None]}
