"""What the page says about the pool: rows read, removed pairs, recall of planted copies."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.made_report import Outline
from helpers.synthetic_study import CONFIG, make_study, pool_report
from m1flow.errors import M1FlowError
from m1flow.report import pool_section
from m1flow.report.template import environment


def told(study, config: dict = CONFIG) -> str:
    """The HTML on a study's pool."""
    r = study.root
    sets = [r / "questions/practice.report.json", *(path.with_suffix(".report.json") for path in study.benchmarks)]
    shown = pool_section.pool_section(config, r / "pool.report.json", r / "pool_removed.parquet", sets)
    return environment().get_template("pool.html.j2").render(pool=shown)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), questions=30, models=("tiny",))


@pytest.fixture(scope="module")
def page(study) -> str:
    return told(study)


def part(html: str, name: str) -> str:
    """The text of a section on the pool, with single spaces."""
    section = re.search(rf'<(figure|div)[^>]* id="{name}">.*?(?=<figure|<div class="card"|$)', html, re.S)[0]
    return " ".join(Outline(section.replace("</t", " </t")).text.split())


def test_page_compares_rows_with_those_expected(page):
    text = part(page, "sets")
    assert "1 of 4 sets has another number of rows than expected: practice 3 too few." in text
    assert "practice source train 1,250 1,230 5 no answer, 15 repeated options (7 not selected) 1,253 ⚠ 3 too" in text
    assert "in_domain benchmark test 30 30 none 30 as expected" in text
    assert "long_chains benchmark test 30 30 none – none stated" in text


def test_page_shows_removed_pairs_side_by_side(page):
    text = part(page, "removed")
    assert "duplicate ratio 15 same text 5" in text and "contaminated contained 4 words 6" in text
    shown = re.findall(r"(duplicate|contaminated) by rule “([^”]+)”, similarity (\S+)", text)
    assert shown == [
        *[("contaminated", rule, n) for rule, n in (("contained", "95.0"), ("contained", "96.0"), ("words", "95.0"))],
        *[("duplicate", rule, n) for rule, n in (("ratio", "95.0"), ("ratio", "95.0"), ("same text", "95.0"))],
    ]
    assert text.count("MATCHED") == 6 and "A. 0 B. 1 C. 2 D. 3" in text and " … " in text


def test_page_tells_how_many_planted_copies_were_caught(page):
    text = part(page, "recall")
    assert "mode stem (this study) the paper's way verbatim 200 of 200 100.0% 3 of 200 1.5%" in text
    assert "clause appended 150 of 200 75.0% 0 of 200 0.0%" in text
    assert "off by design" not in text


def test_page_says_where_near_copies_are_not_looked_for(study):
    assert "off by design" in part(told(study, CONFIG | {"pool": {"similarity": 100}}), "recall")


def test_hostile_text_of_the_pool_is_escaped(tmp_path):
    html = told(make_study(tmp_path, questions=2, models=("tiny",), hostile=True))
    for name in ("sets", "removed", "recall"):
        assert "<script>window.hostile=1</script><img src=x" in part(html, name), f"{name}: shown as text"
    assert not {"script", "img"} & {tag for tag, _ in Outline(html).tags}


def test_recall_puts_the_configured_mode_first():
    found = pool_section.recall(pool_report() | {"decontamination": "paper"}, 95)
    assert found.modes == ["paper", "stem"] and found.rows["verbatim"] == [(3, 200), (200, 200)]
    assert pool_section.recall({"rules": {}}, 95) is None, "an older report"
    nothing = [{"kind": "verbatim", "mode": "stem", "planted": 0, "caught": 0}]
    assert pool_section.recall({"recall": nothing}, 95) is None


def test_removed_pairs_are_the_same_in_any_order_of_rows(study):
    removed = pd.read_parquet(study.root / "pool_removed.parquet")
    chosen = pool_section.pairs(removed)
    assert pool_section.pairs(removed.sample(frac=1, random_state=1)) == chosen
    many = removed[removed["reason"] == "duplicate"].assign(rule=[f"rule {i}" for i in range(20)])
    assert len({pair.rule for pair in pool_section.pairs(many)}) == 3, "distinct rules first"
    assert [pair.rule for pair in pool_section.pairs(removed.drop(columns="rule"))] == [""] * 6
    assert pool_section.pairs(removed.iloc[:0]) == []


@given(st.text(), st.text())
def test_passages_lose_no_text(text, other):
    assert "".join(passage for passage, _ in pool_section.passages(text, other)) == pool_section.shorten(text)
    assert not any(only_here for _, only_here in pool_section.passages(text[:400], text[:400]))


def test_passages_mark_the_words_that_the_other_text_lacks():
    marked = pool_section.passages("Cocci in chains.\nA. Yes", "cocci in pairs. B. yes")
    assert marked == [("Cocci in ", False), ("chains.", True), ("\n", False), ("A.", True), (" Yes", False)]


def test_long_questions_keep_their_ends():
    text = pool_section.shorten("word " * 400 + "D. the last option")
    assert len(text) <= pool_section.LONGEST + 3 and text.endswith("word D. the last option") and "word … word" in text
    assert pool_section.shorten("x" * 1000) == "x" * 260 + " … " + "x" * 140


@pytest.mark.parametrize(("text", "complaint"), [("[]", "not a mapping"), ('{"read": 1}', "'kept' is missing")])
def test_broken_counts_are_named(tmp_path, text, complaint):
    (tmp_path / "a.report.json").write_text(text, encoding="utf-8")
    with pytest.raises(M1FlowError, match=complaint):
        pool_section.set_count(tmp_path / "a.report.json")
