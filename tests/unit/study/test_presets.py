"""What the page tells of a study's origin: settings that differ from a preset, revisions of data and models."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from m1flow.report import provenance, template
from m1flow.study import presets
from m1flow.study.study import Study

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = [ROOT / "config/config.yaml", *sorted((ROOT / "config/presets").glob("*.yaml"))]


@pytest.fixture(scope="module")
def demo() -> dict:
    return yaml.safe_load(SHIPPED[0].read_text(encoding="utf-8"))


def test_a_study_is_found_by_its_name():
    assert presets.shipped_as("demo", SHIPPED) == SHIPPED[0]
    assert presets.shipped_as("m1", SHIPPED).name == "m1.yaml"
    assert presets.shipped_as("another", SHIPPED) is None


def test_a_file_at_fault_keeps_no_other_study_from_being_found(tmp_path):
    broken = [tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml", "none.yaml")]
    for path, content in zip(broken, (b"study: [", b"\xff\xfe\x00", b"study: 2024-99-99"), strict=False):
        path.write_bytes(content)
    assert presets.shipped_as("demo", [*broken, *SHIPPED]) == SHIPPED[0]
    assert presets.shipped_as("another", broken) is None


def test_an_unchanged_study_has_no_differences(demo):
    assert presets.differences(Study.from_config(demo).as_dict(), SHIPPED[0]) == []


def test_what_was_changed_added_and_left_out_is_told(demo):
    model = next(iter(demo["models"]))
    changed = yaml.safe_load(yaml.safe_dump(demo)) | {"seed": 7}
    changed["models"]["again"] = {"weights": "tiny", "format": "direct"}
    changed["sources"].pop("clinics")
    found = {one.key: one for one in presets.differences(Study.from_config(changed).as_dict(), SHIPPED[0])}
    assert (found["seed"].shipped, found["seed"].here) == ("0", "7")
    assert (found["models.again.weights"].shipped, found["models.again.weights"].here) == (presets.ABSENT, '"tiny"')
    assert found["sources.clinics.questions"].here == presets.ABSENT
    assert not any(key.startswith(f"models.{model}.") for key in found)


@pytest.mark.parametrize("text", ["study: demo\nmodles: {}\n", "study: [", "study: demo\nstudy: demo\n", "- 1\n"])
def test_a_preset_at_fault_is_told_in_one_line_and_stops_nothing(demo, tmp_path, text):
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    config = Study.from_config(demo).as_dict()
    found, problem = presets.compared(config, tmp_path / "p.yaml")
    assert found == [] and "p.yaml" in problem and "\n" not in problem
    told = provenance.provenance_of(config, [], [], None, tmp_path / "p.yaml")
    assert told["not_compared"] == problem and not len(told["differences"])
    page = template.environment().get_template("provenance.html.j2").render(provenance=told, config_text="")
    assert "could not be compared" in page and "All settings are those" not in page
