"""What a config may not say: names, ids and paths that leave their place, steer a terminal or carry a key."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helpers.hostile_texts import HOSTILE, NAMES
from m1flow.errors import M1FlowError
from m1flow.study.study import Study
from m1flow.text.shown import in_line

ROOT = Path(__file__).parents[3]
SECTIONS = "formats sources benchmarks bases solvers teachers datasets students models".split()
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@cache
def _small() -> dict:
    return yaml.safe_load((ROOT / "tests" / "small.yaml").read_text(encoding="utf-8"))


def small() -> dict:
    return copy.deepcopy(_small())


def refused(config: dict) -> str:
    """The one line that a config is refused with."""
    with pytest.raises(M1FlowError) as caught:
        Study.from_config(config)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and in_line(message) == message
    return message


def test_the_config_as_it_is_passes():
    assert Study.from_config(small()).name == "small"


@pytest.mark.parametrize("name", [*NAMES, *(text for text in HOSTILE.values() if len(text) < 5000)], ids=repr)
def test_a_study_is_called_by_no_path(name):
    assert refused({**small(), "study": name}).startswith("the study's config: study: ")


@pytest.mark.parametrize("section", [*SECTIONS, "endpoints"])
@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_nor_is_anything_in_it(section, name):
    config = small()
    entries = config.setdefault(section, {})
    entries[name] = next(iter(entries.values()), {"url": "http://x/v1", "model": "m"})
    assert section in refused(config)


@pytest.mark.parametrize("name", [1, None, True, 1.5, ("a", "b")], ids=repr)
def test_names_are_texts(name):
    config = small()
    config["models"][name] = {"weights": "student"}
    refused(config)


@given(name=st.text(max_size=12))
def test_whatever_is_accepted_is_a_plain_file_name(name):
    config = small()
    config["models"][name] = {"weights": "student"}
    try:
        study = Study.from_config(config)
    except M1FlowError as error:
        assert len(str(error).splitlines()) == 1 and not NAME.fullmatch(name)
    else:
        assert NAME.fullmatch(name) and name in study.models


@pytest.mark.parametrize(
    "hub",
    [
        "../x",
        "a/..",
        "../..",
        "/a/b",
        "a/b\n",
        "a//b",
        "a/b/c",
        "a/b?x=1",
        "a b/c",
        "a/$(id)",
        "http://a/b",
        "a",
        "",
        "a/.b",
    ],
)
@pytest.mark.parametrize("section", ["sources", "bases", "students"])
def test_hub_ids_are_owner_and_name(section, hub):
    config = small()
    entry = {"adapter": "records", "fields": {"question": "q", "options": "o", "answer": "a"}, "hub": hub}
    if section == "students":
        config[section]["student"]["push_to_hub"] = hub
    else:
        config[section]["new"] = entry if section == "sources" else {"hub": hub}
    assert section in refused(config)


@pytest.mark.parametrize("bad", ["a{wildcard}b", "a\nb", "\x1b[2Jb", "a\u202eb", "{", "a\x00b"])
@pytest.mark.parametrize("key", ["source", "base", "ids", "recorded", "vocabulary", "published", "data_folder"])
def test_paths_have_no_wildcards_and_no_control_characters(tmp_path, monkeypatch, key, bad):
    """Were they taken, Snakemake would look for wildcards in them."""
    monkeypatch.chdir(tmp_path)
    if "\x00" not in bad:
        (tmp_path / bad).mkdir()
    config = small()
    rows = {"adapter": "records", "fields": {"question": "q", "options": "o", "answer": "a"}}
    config |= {"published": bad} if key == "published" else {}
    config |= {"domains": {"vocabulary": bad}} if key == "vocabulary" else {}
    config |= {"data_folder": bad} if key == "data_folder" else {}
    if key in ("source", "data_folder"):
        config["sources"]["new"] = rows | {"path": bad if key == "source" else "."}
    config["bases"] |= {"new": {"path": bad}} if key == "base" else {}
    config["solvers"] |= {"new": {"kind": "recorded", "path": bad}} if key == "recorded" else {}
    if key == "ids":
        config["sources"]["wards"] = rows | {"path": ".", "ids": bad}
    assert "a path can't have braces or control characters" in refused(config)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/v1", "http://user:key@x/v1", "http://x/v1?key=1", "x", ""]
)
def test_endpoints_are_plain_http_addresses(url):
    config = small() | {"endpoints": {"e": {"url": url, "model": "m"}}}
    assert "endpoints.e.url" in refused(config)


@pytest.mark.parametrize("key", ["sk-canary-0123456789", "hf_abcdefgh", "Bearer x", "KEY\n", "A B", "lower"])
def test_a_key_in_place_of_its_variables_name_is_not_repeated(key):
    message = refused(small() | {"endpoints": {"e": {"url": "http://x/v1", "model": "m", "key_variable": key}}})
    assert "endpoints.e.key_variable" in message and key.strip() not in message


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['touch pwned']", "!!python/name:os.system", "!x y"])
def test_config_files_are_plain_yaml(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(f"study: {text}\n")
    with pytest.raises((yaml.YAMLError, M1FlowError)):
        Study.from_config(small(), [tmp_path / "c.yaml"])
    assert not (tmp_path / "pwned").exists()
