"""Tables, figures and the page, made from a made-up study."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import CONFIG, HOSTILE, SKILL, make_study, pool_report, sweep_rows

from m1flow import charts, findings, further_figures, pool_page, report, roster, showcase, statistics, study_tables
from m1flow.storage import CONTRACTS, M1FlowError

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def run_script(name: str, flags: list[str]) -> None:
    """Run a script of the workflow in this process."""
    before = sys.argv
    sys.argv = [name, *flags]
    try:
        runpy.run_path(str(ROOT / "workflow" / "scripts" / f"{name}.py"))["main"]()
    finally:
        sys.argv = before


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with its tables and page."""
    made = make_study(tmp_path_factory.mktemp("study"), questions=30)
    run_script("make_tables", made.make_tables_flags())
    run_script("analyse_sweeps", made.analyse_sweeps_flags())
    run_script("render_report", made.report_flags())
    return made


@pytest.fixture(scope="module")
def page(study) -> str:
    return (study.root / "report" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory) -> Path:
    """The page of a study whose every text is hostile, its names included."""
    made = make_study(
        tmp_path_factory.mktemp("hostile"),
        questions=12,
        hostile=True,
        models=("tiny", "full_200", "full_1000"),
        samples=3,
        permutations=3,
        option_logprobs=True,
    )
    run_script("make_tables", made.make_tables_flags())
    run_script("analyse_sweeps", made.analyse_sweeps_flags())
    run_script("render_report", made.report_flags(CONFIG | {"description": HOSTILE, "note": HOSTILE})[:-2])
    return made.root / "report" / "index.html"


def rows_of_model(model: str, questions: int = 200) -> pd.DataFrame:
    return sweep_rows(model, "in_domain", questions).assign(model=model, benchmark="in_domain")


class Outline(HTMLParser):
    """Elements, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text, self.inside = "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text += data


# Tables


def test_accuracy_table_keeps_the_contract(study):
    table = pd.read_csv(study.root / "tables" / "accuracy.csv")
    names = CONTRACTS["accuracy"].names
    assert list(table.columns[: len(names)]) == names
    assert (table["extensions"] == 0).all()
    assert len(table) == 3 * (1 + 5 * 8)
    assert table["accuracy"].between(table["ci_low"], table["ci_high"]).all()


def test_extensions_table_compares_with_no_extension(study):
    table = pd.read_csv(study.root / "tables" / "extensions.csv")
    assert set(table["extensions"]) == {0, 1, 2, 4} and set(table["budget"]) == {56}
    assert table.loc[table["extensions"] == 0, "right_to_wrong"].isna().all()
    for _, line in table.groupby(["model", "benchmark"]):
        start = line.loc[line["extensions"] == 0, "correct"].item()
        assert (start + line["wrong_to_right"] - line["right_to_wrong"]).dropna().tolist() == line["correct"][
            1:
        ].tolist()


def test_tables_have_the_same_bytes_every_time(study, tmp_path):
    for script, flags, after in (
        ("make_tables", study.make_tables_flags(), "--questions"),
        ("analyse_sweeps", study.analyse_sweeps_flags(), "--benchmarks"),
    ):
        flags = [flag.replace(str(study.root / "tables"), str(tmp_path)) for flag in flags]
        # The order of files is the file system's.
        first, last = flags.index("--sweeps") + 1, flags.index(after)
        run_script(script, flags[:first] + flags[first:last][::-1] + flags[last:])
    for path in (study.root / "tables").glob("*.csv"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_funnel_loses_nothing_silently(study):
    counts = pd.read_csv(study.root / "tables" / "funnel.csv").fillna("")
    kept = counts[counts["reason"] == ""].groupby(["stage", "name"])["n"].sum()
    dropped = counts[counts["reason"] != ""].groupby(["stage", "name"])["n"].sum()
    assert kept["read", ""] == kept["questions", ""] + dropped["questions", ""] == 1250
    assert kept["questions", ""] == kept["pool", ""] + dropped["pool", ""]
    assert kept["pool", ""] == kept["hard", ""] + dropped["hard", ""]
    assert kept["traces", "solver"] == kept["verified", "solver"] + dropped["verified", "solver"]
    assert set(counts.loc[counts["stage"] == "verified", "reason"]) == {"", "unparsed", "wrong"}
    assert kept["datasets", "hard_40"] == 40


def test_the_page_tells_what_asking_cost(page):
    section = page[page.index("What asking cost") :]
    section = section[: section.index("</table>")]
    assert "12.35" in section and "12.88" in section and "1,250" in section and "far" in section


def test_tokens_table_states_the_ratio(study):
    (row,) = pd.read_csv(study.root / "tables" / "tokens.csv").to_dict("records")
    assert row == {"model": "full_1000", "decoded": 25000, "separate": 100000, "ratio": 4.0}


def test_names_of_models_stay_text(tmp_path):
    (tmp_path / "t.csv").write_text("model,benchmark,budget,right_to_wrong\n1000,NA,8,\nNA,007,16,0.5\n")
    table = study_tables.read_csv(tmp_path / "t.csv")
    assert table[["model", "benchmark"]].values.tolist() == [["1000", "NA"], ["NA", "007"]]
    assert table["budget"].tolist() == [8, 16] and table["right_to_wrong"].isna().tolist() == [True, False]


def test_a_diverged_loss_is_left_out(tmp_path):
    (tmp_path / "loss.csv").write_text("step,loss\n1,2.5\n2,nan\n")
    assert study_tables.read_loss(tmp_path / "loss.csv")["loss"].tolist() == [2.5]


def test_the_page_takes_macro_averages_from_their_table(study, monkeypatch):
    def again(rows):
        raise AssertionError("bootstrapped again")

    expected = statistics.macro_average(statistics.read_sweeps(study.sweeps).query("extensions == 0"))
    monkeypatch.setattr(statistics, "macro_average", again)
    tables = {name: study.root / "tables" / f"{name}.csv" for name in ("accuracy", "macro")}
    shown = report.build_context(report.Inputs(CONFIG, study.sweeps, tables))["macro"]
    pd.testing.assert_frame_equal(shown.reset_index(drop=True), expected, atol=1e-6)


# Findings


def test_findings_say_what_the_intervals_carry():
    rows = rows_of_model("full_1000")
    models = [roster.Model("full_1000", True, 1000, "full", "hard", "tiny", "hard_1000")]
    told = " ".join(findings.findings(rows, models))
    assert "Thinking longer helps." in told and "Forcing the model to go on hurts." in told


def test_findings_claim_nothing_on_too_few_questions():
    rows = rows_of_model("full_1000", questions=2)
    models = [roster.Model("full_1000", True, 1000, "full", "hard", "tiny", "hard_1000")]
    told = " ".join(findings.findings(rows, models))
    assert "makes no clear difference" in told and "helps" not in told and "hurts" not in told


def test_findings_are_about_the_design_not_the_best_result():
    """The headline is the student with the most filtered traces, even where another did better."""
    accuracy = pd.DataFrame({"model": list(SKILL), "budget": [0, 56, 56, 56, 56, 56]})
    models = roster.roster(CONFIG, accuracy, {"hard_1000": 980})
    assert [m.name for m in models] == ["tiny", "full_40", "full_200", "full_1000", "unfiltered_1000", "lora_1000"]
    assert roster.headline(models).name == "full_1000" and roster.headline(models).traces == 980
    assert [m.name for m in roster.data_series(models)] == ["full_40", "full_200", "full_1000"]


def test_a_study_of_direct_models_has_no_findings_and_a_page(tmp_path):
    made = make_study(tmp_path, questions=6, models=("tiny",))
    run_script("make_tables", made.make_tables_flags())
    run_script("render_report", made.report_flags({"study": "bare"}))
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "No model of this study thinks" in html
    assert "The study forces no extensions." in (tmp_path / "figures" / "extensions.svg").read_text(encoding="utf-8")


def test_a_page_needs_only_sweeps_and_accuracy(study, tmp_path):
    flags = ["--study-config", "{}", "--tables", str(study.root / "tables" / "accuracy.csv")]
    run_script("render_report", [*flags, "--sweeps", *map(str, study.sweeps[:2]), "--out", str(tmp_path / "i.html")])
    html = (tmp_path / "i.html").read_text(encoding="utf-8")
    assert "The study builds no training data." in html
    for section in ("sets", "removed", "recall"):
        assert f'id="{section}"' not in html


# Figures


def test_every_figure_is_an_svg_file(study):
    written = {path.stem: path.read_text(encoding="utf-8") for path in (study.root / "figures").glob("*.svg")}
    names = "accuracy_by_budget accuracy_by_tokens data_scale extensions extension_flips unfinished verification "
    names += "policies early_exit option_order reliability risk_coverage"
    assert set(written) == {*names.split(), "loss_curves", "funnel"}
    assert all(svg.startswith("<svg") and "var(--" not in svg for svg in written.values())
    assert all(model in written["accuracy_by_budget"] for model in SKILL), "the legend names every model"


def test_panels_on_the_page_take_their_colours_from_the_style_sheet(page):
    css = (ROOT / "workflow" / "report" / "page.css").read_text(encoding="utf-8")
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", json.dumps(embedded_specs(page))))
    assert {"ink", "soft", "series-1"} <= used
    for name in used:
        assert css.count(f"--{name}:") >= 3, f"--{name} is missing from light, dark or print"


def test_light_palette_of_files_and_page_are_one():
    css = (ROOT / "workflow" / "report" / "page.css").read_text(encoding="utf-8")
    light = css.split("@media")[0]
    assert [re.search(rf"--series-{i + 1}: (#\w+)", light)[1] for i in range(len(charts.PALETTE))] == charts.PALETTE


def test_data_in_marks_is_never_taken_for_a_colour(page):
    for specs in embedded_specs(page).values():
        for spec in specs:
            assert "var(--" not in json.dumps(spec["datasets"])


def test_long_curves_are_thinned_to_their_means():
    curve = pd.DataFrame({"step": range(1, 10_001), "loss": [1.0, 3.0] * 5_000})
    thin = charts.thinned(curve)
    assert len(thin) <= 300 and thin["loss"].between(1.9, 2.1).all()


# The page


def embedded_specs(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="specs">(.*?)</script>', html, re.S)[1])


def test_page_is_self_contained(page):
    outline = Outline(page)
    for tag, attributes in outline.tags:
        for name in ("src", "href", "data", "poster", "action"):
            address = attributes.get(name) or ""
            assert not address or address.startswith(("#", "data:")), (tag, address)
    assert "@import" not in page and "url(" not in page.split("</style>")[0]
    assert len(page) < 15_000_000


def test_page_says_why_a_comparison_is_missing(page):
    text = Outline(page).text
    for reason in ("set sweep: samples to more than 1", "set sweep: permutations", "surest"):
        assert reason in text
    assert "At equal thinking tokens" not in text


def test_page_compares_what_several_samples_and_orders_allow(hostile_page):
    text = Outline(hostile_page.read_text(encoding="utf-8")).text
    for reason in ("nothing to vote on", "nowhere to stop", "one order only", "no confidence", "nothing to withhold"):
        assert reason not in text
    assert "At equal thinking tokens" in text and "2 cut samples that vote" in text


def test_every_figure_has_caption_heading_and_table(page):
    for block in re.findall(r"<figure.*?</figure>", page, re.S):
        assert "<h3>" in block
        assert ("<figcaption>" in block and "<table" in block) or '<p class="empty">' in block


def test_headings_never_skip_a_level(page):
    levels = [int(tag[1]) for tag, _ in Outline(page).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_page_names_what_made_it(page):
    text = Outline(page).text
    for fact in (
        "snakemake --cores all results/synthetic/sweeps/full_1000/in_domain.parquet",
        "pandas",
        '"seed"',
        "recipe",
    ):
        assert fact in text or fact == '"seed"'
    assert "hard_1000" in text and "sweeps/full_1000/in_domain.parquet" in text


def test_page_has_the_same_bytes_every_time(study, page, tmp_path):
    flags = [f.replace(str(study.root / "report"), str(tmp_path)) for f in study.report_flags()]
    run_script("render_report", flags[: flags.index("--figures")])
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == page


def test_hostile_text_stays_text(hostile_page):
    html = hostile_page.read_text(encoding="utf-8")
    outline = Outline(html)
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert "img" not in {tag for tag, _ in outline.tags}
    assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)
    assert "\u202e" not in html and "⟨U+202E⟩" in html
    assert "{{ 7*7 }}" in outline.text and "&amp;amp;" in html
    assert "more characters]" in html


def test_text_is_cleaned_of_what_hides_or_reorders():
    assert showcase.clean("a\u202eb\x00c\ud800d\n\te") == "a⟨U+202E⟩b⟨U+0000⟩c?d\n\te"
    assert len(showcase.clean("x" * 10**6)) < showcase.LONGEST + 40


def test_json_in_scripts_survives_any_string():
    value = {"a": "</script><!--\u2028&\u0000\ud800", "b": [1, None]}
    text = str(report.script_json(value))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_examples_show_how_the_answer_changes(study):
    rows = statistics.read_sweeps(study.sweeps)
    questions = {path.stem: pd.read_parquet(path) for path in study.benchmarks}
    lead = roster.Model("full_1000", True, 1000, "full", "hard", "tiny", "hard_1000")
    texts = {path.stem: path for path in study.sweeps if path.parent.name == "full_1000"}
    made = {shown.kind: shown for shown in showcase.showcases(rows, lead, questions, texts)}
    compute = made[showcase.KINDS["compute"]]
    verdicts = [step.verdict for step in compute.steps[:8]]
    assert verdicts[0] != "right" and verdicts[-1] == "right" and compute.start == 7
    cut = compute.steps[2]
    assert cut.cut and cut.thinking + cut.beyond == compute.steps[7].thinking
    never = made[showcase.KINDS["knowledge"]]
    assert "right" not in {step.verdict for step in never.steps if not step.tick.startswith("+")}


def test_examples_keep_to_the_benchmarks_order_of_options(tmp_path):
    made = make_study(tmp_path, questions=12, models=("full_1000",), permutations=3)
    questions = {path.stem: pd.read_parquet(path) for path in made.benchmarks}
    lead = roster.Model("full_1000", True, 1000, "full", "hard", "tiny", "hard_1000")
    texts = {path.stem: path for path in made.sweeps}
    shown = showcase.showcases(statistics.read_sweeps(made.sweeps), lead, questions, texts)
    assert shown and all(len({step.tick for step in one.steps}) == len(one.steps) == 11 for one in shown)


# The pool on the page


def part(html: str, name: str) -> str:
    """The text of a section on the pool, with single spaces."""
    section = re.search(rf'<(figure|div)[^>]* id="{name}">.*?(?=<figure|<div class="card"|</section>)', html, re.S)[0]
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


def test_page_says_where_near_copies_are_not_looked_for(study, tmp_path):
    flags = study.report_flags(CONFIG | {"pool": {"similarity": 100}})
    flags = [flag.replace(str(study.root / "report"), str(tmp_path)) for flag in flags]
    run_script("render_report", flags[: flags.index("--figures")])
    assert "off by design" in part((tmp_path / "index.html").read_text(encoding="utf-8"), "recall")


def test_hostile_text_of_the_pool_is_escaped(hostile_page):
    html = hostile_page.read_text(encoding="utf-8")
    for name in ("sets", "removed", "recall"):
        assert "<script>window.hostile=1</script><img src=x" in part(html, name), f"{name}: shown as text"


def test_recall_puts_the_configured_mode_first():
    told = pool_page.recall(pool_report() | {"decontamination": "paper"}, 95)
    assert told.modes == ["paper", "stem"] and told.rows["verbatim"] == [(3, 200), (200, 200)]
    assert pool_page.recall({"rules": {}}, 95) is None, "an older report"
    nothing = [{"kind": "verbatim", "mode": "stem", "planted": 0, "caught": 0}]
    assert pool_page.recall({"recall": nothing}, 95) is None


def test_removed_pairs_are_the_same_in_any_order_of_rows(study):
    removed = pd.read_parquet(study.root / "pool_removed.parquet")
    chosen = pool_page.pairs(removed)
    assert pool_page.pairs(removed.sample(frac=1, random_state=1)) == chosen
    many = removed[removed["reason"] == "duplicate"].assign(rule=[f"rule {i}" for i in range(20)])
    assert len({pair.rule for pair in pool_page.pairs(many)}) == 3, "distinct rules first"
    assert [pair.rule for pair in pool_page.pairs(removed.drop(columns="rule"))] == [""] * 6
    assert pool_page.pairs(removed.iloc[:0]) == []


@given(st.text(), st.text())
def test_passages_lose_no_text(text, other):
    assert "".join(passage for passage, _ in pool_page.passages(text, other)) == pool_page.shorten(text)
    assert not any(only_here for _, only_here in pool_page.passages(text[:400], text[:400]))


def test_passages_mark_the_words_that_the_other_text_lacks():
    marked = pool_page.passages("Cocci in chains.\nA. Yes", "cocci in pairs. B. yes")
    assert marked == [("Cocci in ", False), ("chains.", True), ("\n", False), ("A.", True), (" Yes", False)]


def test_long_questions_keep_their_ends():
    text = pool_page.shorten("word " * 400 + "D. the last option")
    assert len(text) <= pool_page.LONGEST + 3 and text.endswith("word D. the last option") and "word … word" in text
    assert pool_page.shorten("x" * 1000) == "x" * 260 + " … " + "x" * 140


@pytest.mark.parametrize(("text", "complaint"), [("[]", "not a mapping"), ('{"read": 1}', "'kept' is missing")])
def test_broken_counts_are_named(tmp_path, text, complaint):
    (tmp_path / "a.report.json").write_text(text, encoding="utf-8")
    with pytest.raises(M1FlowError, match=complaint):
        pool_page.set_count(tmp_path / "a.report.json")


@pytest.mark.parametrize(("figure", "expected"), [("extensions", "forced on"), ("new_one", "new_one")])
def test_caption_of_every_figure(figure, expected):
    text = (ROOT / "workflow" / "report" / "captions" / "figures.rst").read_text(encoding="utf-8")
    snakemake = {"wildcards": {"figure": figure}}
    assert expected in jinja2.Environment().from_string(text).render(snakemake=snakemake)


def test_captions_cover_the_figures(study):
    text = (ROOT / "workflow" / "report" / "captions" / "figures.rst").read_text(encoding="utf-8")
    assert all(f'"{path.stem}":' in text for path in (study.root / "figures").glob("*.svg"))


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [("accuracy.csv", "", "not a readable table"), ("loss.csv", "step\n1\n", "column 'loss' is missing")],
)
def test_broken_inputs_are_named(study, tmp_path, name, text, complaint):
    broken = tmp_path / name
    broken.write_text(text, encoding="utf-8")
    tables = str(broken) if name == "accuracy.csv" else str(study.root / "tables")
    flags = ["--study-config", "{}", "--tables", tables, "--sweeps", str(study.sweeps[0]), "--out", str(tmp_path / "i")]
    curves = ["--loss-curves", f"m={broken}"] if name == "loss.csv" else []
    with pytest.raises(M1FlowError, match=complaint):
        run_script("render_report", flags + curves)


PROBE = """<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => errors.push(event.blockedURI));
const told = setInterval(() => {
  if (!document.documentElement.classList.contains("drawn")) return;
  clearInterval(told);
  document.querySelectorAll(".chip").forEach((chip, i) => i && chip.click());
  document.querySelector(".strip span").click();
  document.querySelector(".sortable th button").click();
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  setTimeout(() => parent.postMessage(JSON.stringify({
    errors,
    charts: document.querySelectorAll(".chart").length,
    drawn: document.querySelectorAll(".chart svg").length,
    overflow: document.documentElement.scrollWidth - innerWidth,
    width: innerWidth,
    requests: performance.getEntriesByType("resource").length,
    hostile: String(window.hostile),
    step: document.querySelector(".step.current").dataset.label,
    lines: document.querySelectorAll("#accuracy_by_budget .mark-line path").length,
  }), "*"), 500);
}, 100);
</script>"""
# A window is never narrower than 500 pixels; a frame is.
FRAME = """<!doctype html><body>
<script>addEventListener("message", (event) => { document.body.dataset.seen = event.data; });</script>
<iframe src="page.html" style="border:0;width:{width}px;height:900px"></iframe>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium; install it to test the page in a browser")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("text", ["plain", "hostile"])
def test_page_in_a_browser(study, hostile_page, tmp_path, width, text):
    """Figures draw, buttons work, nothing is wider than the page, nothing hostile runs, the console is silent."""
    source = hostile_page if text == "hostile" else study.root / "report" / "index.html"
    html = source.read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text(html.replace('<a class="skip"', PROBE + '<a class="skip"', 1), encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.replace("{width}", str(width)), encoding="utf-8")
    dom, log = browse(tmp_path / "frame.html", tmp_path / "profile")
    attribute = re.search(r'data-seen="([^"]*)"', dom)
    assert attribute, log
    seen = json.loads(unescape(attribute[1]))
    assert seen["width"] == width and seen["overflow"] <= 0
    assert seen["charts"] == seen["drawn"] >= 20
    assert seen["errors"] == [] and seen["requests"] == 0 and seen["hostile"] == "undefined"
    assert seen["step"] == "0 tokens"
    assert seen["lines"] == 0, "only the direct model is switched on"
    assert "CONSOLE" not in log, log


def browse(address: Path, profile: Path) -> tuple[str, str]:
    """Load a page in headless Chromium: its DOM and its log."""
    quiet = "--disable-background-networking --disable-component-update --disable-sync --disable-quic --no-first-run"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *quiet.split(), "--enable-logging=stderr"]
    command += [f"--user-data-dir={profile}", "--window-size=1400,1000", "--virtual-time-budget=20000"]
    seen = subprocess.run([*command, "--dump-dom", address.as_uri()], capture_output=True, text=True, timeout=180)
    return seen.stdout, seen.stderr


def test_options_that_a_model_would_never_state_give_no_confidence():
    kinds = [("m", "options", 1e-40), ("m", "answer", None), ("n", "options", 0.9), ("n", "answer", None)]
    scores = pd.DataFrame(kinds, columns=["model", "confidence", "option_mass"]).assign(benchmark="b", budget=8)
    shown = further_figures._one_confidence(pd.concat([scores.assign(budget=4), scores], ignore_index=True))
    assert shown[["model", "confidence", "budget"]].values.tolist() == [["m", "answer", 8], ["n", "options", 8]]
