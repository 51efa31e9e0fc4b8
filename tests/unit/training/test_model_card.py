"""Model cards: what a model is, what it was made of and under which licence, as others read it."""

from __future__ import annotations

import json

import pytest
import yaml

from m1flow.files import parquet
from m1flow.training.model_card import data_of, licence_of, model_card

COUNTS = {"parameters": 10, "examples": 3, "dropped": 1, "truncated": 0, "steps": 2, "seen_tokens": 50}
CURVE = "step,loss,learning_rate,tokens\n" + "".join(f"{n},{1 / n:.6g},0.1,{n}\n" for n in range(1, 41))


def record(**settings) -> dict:
    settings = {"kind": "student", "name": "s|1", "method": "sft", "adapters": None} | settings
    return {"settings": settings, "counts": COUNTS, "final_loss": 0.12345, "base_model": "owner/base"}


def header(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_header_is_the_hubs_and_the_recipe_comes_back():
    card = model_card(record() | {"licence": {"license": "apache-2.0"}}, CURVE)
    assert header(card) == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "license": "apache-2.0",
        "base_model": "owner/base",
        "tags": ["m1flow"],
    }
    assert json.loads(card.split("```json\n")[1].split("```")[0]) == record()["settings"]
    assert "The base's licence, apache-2.0, holds for it." in card and "Not for medical use." in card
    assert "| final loss | 0.1235 |" in card or "| final loss | 0.1234 |" in card
    assert "states no licence" in model_card(record(), CURVE)


def test_a_base_is_made_of_nothing_and_adapters_are_told():
    assert "base_model" not in header(model_card(record(kind="base"), CURVE))
    assert "(method: sft, adapters: lora)" in model_card(record(adapters="lora"), CURVE)


def test_a_long_curve_is_shown_by_some_points_from_first_to_last():
    table = model_card(record(), CURVE).split("| step | loss |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    steps = [int(row.split("|")[1]) for row in table]
    assert steps[0] == 1 and steps[-1] == 40 and steps == sorted(steps) and 10 <= len(steps) <= 12


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: mit\nlicense_link: x\nother: 1\n---\ntext", {"license": "mit", "license_link": "x"}),
        ("---\nlicense: [\n---\n", {}),
        ("# A model\n---\nlicense: mit\n---\n", {}),
        ("---\n- license\n---\n", {}),
        (None, {}),
    ],
)
def test_a_licence_is_what_the_cards_header_states(tmp_path, readme, licence):
    if readme is not None:
        (tmp_path / "README.md").write_text(readme)
    assert licence_of(tmp_path) == licence


def test_data_are_named_with_the_settings_that_selected_them(tmp_path):
    spec = {"teacher": "t", "recipe": "hard", "size": 5, "other": 1}
    parquet.write_table(tmp_path / "few.parquet", [], "datasets", provenance={"parameters": {"spec": spec}})
    assert data_of(tmp_path / "few.parquet") == {"dataset": "few", "teacher": "t", "recipe": "hard", "size": 5}
    parquet.write_table(tmp_path / "bare.parquet", [], "datasets")
    assert data_of(tmp_path / "bare.parquet") == {"dataset": "bare"}
    card = model_card(record() | {"data": {"dataset": "few", "size": 5}}, CURVE)
    assert '## Data\n\n| | |\n|---|---|\n| dataset | "few" |\n| size | 5 |\n' in card
