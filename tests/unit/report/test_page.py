"""Tables, figures and the page, made from a made-up study; the page in a browser: test_page_in_browser.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from helpers.made_report import ROOT, Outline, embedded_specs, make_hostile_report, page_of, run_script
from helpers.shared import once
from helpers.synthetic_study import CONFIG, SKILL, make_study
from m1flow.analysis import cells
from m1flow.analysis.registry import declared
from m1flow.analysis.tables import macro, published
from m1flow.errors import M1FlowError
from m1flow.files import csv_tables
from m1flow.report import charts, figures, study_tables
from m1flow.report import page as report_page
from m1flow.report.page_sections import page_sections
from m1flow.study import roster


@pytest.fixture(scope="module")
def study(report_study):
    """A study with its tables, page and figures."""
    return report_study


@pytest.fixture(scope="module")
def page(study) -> str:
    return page_of(study).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory) -> Path:
    return page_of(once(tmp_path_factory, "hostile_report", make_hostile_report))


@pytest.mark.slow
def test_tables_have_the_same_bytes_every_time(study, tmp_path):
    for name in study.tables():
        flags = [flag.replace(str(study.root / "tables"), str(tmp_path)) for flag in study.table_flags(name)]
        # The order of files is the file system's.
        first, last = flags.index("--sweeps") + 1, flags.index("--benchmarks")
        run_script("make_table", flags[:first] + flags[first:last][::-1] + flags[last:])
    for path in (study.root / "tables").glob("*.csv"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_the_page_tells_what_asking_cost(page):
    section = page[page.index("What asking cost") :]
    section = section[: section.index("</table>")]
    assert "12.35" in section and "12.88" in section and "1,250" in section and "far" in section


def test_the_page_takes_macro_averages_from_their_table(study, monkeypatch):
    def again(rows):
        raise AssertionError("bootstrapped again")

    expected = macro.macro_average(cells.read_sweeps(study.sweeps).query("extensions == 0"))
    monkeypatch.setattr(macro, "macro_average", again)
    paths = {name: study.root / "tables" / f"{name}.csv" for name in ("accuracy", "macro")}
    shown = report_page.build_context(report_page.Inputs(CONFIG, study.sweeps, paths))["macro"]
    pd.testing.assert_frame_equal(shown.reset_index(drop=True), expected, atol=1e-6)


@pytest.mark.slow
def test_a_study_of_direct_models_has_no_findings_and_a_page(tmp_path):
    made = make_study(tmp_path, questions=6, models=("tiny",))
    run_script("make_table", made.table_flags("accuracy"))
    run_script("render_report", made.report_flags({"study": "bare"}))
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "No model of this study thinks" in html
    assert "The study forces no extensions." in (tmp_path / "figures" / "accuracy_by_extensions.svg").read_text(
        encoding="utf-8"
    )


def test_a_page_needs_only_sweeps_and_accuracy(study, tmp_path):
    flags = ["--study-config", "{}", "--tables", str(study.root / "tables" / "accuracy.csv")]
    run_script("render_report", [*flags, "--sweeps", *map(str, study.sweeps[:2]), "--out", str(tmp_path / "i.html")])
    html = (tmp_path / "i.html").read_text(encoding="utf-8")
    assert "The study builds no training data." in html
    for section in ("sets", "removed", "recall"):
        assert f'id="{section}"' not in html


# Figures


def test_every_figure_is_an_svg_and_a_pdf_file(study):
    written = {path.stem: path.read_text(encoding="utf-8") for path in (study.root / "figures").glob("*.svg")}
    shown = {tag[1]["id"] for tag in Outline(page_of(study).read_text(encoding="utf-8")).tags if tag[0] == "figure"}
    assert set(written) == shown - {"sets", "recall"}
    assert all(svg.startswith("<svg") and "var(--" not in svg for svg in written.values())
    assert all(model in written["accuracy_by_budget"] for model in SKILL), "the legend names every model"
    for name in written:
        pdf = (study.root / "figures" / f"{name}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF-") and b"/CreationDate" not in pdf


def test_colours_of_the_page_stand_in_its_style_sheet_and_in_saved_figures(page):
    css = (ROOT / "workflow" / "report" / "page.css").read_text(encoding="utf-8")
    used = set(re.findall(r"var\(--[a-z0-9-]+\)", json.dumps(embedded_specs(page))))
    assert {"var(--ink)", "var(--soft)", "var(--series-1)"} <= used <= set(charts.PAPER_LOOKS["colours"])
    for name in used:
        assert re.search(rf"{name[4:-1]}: light-dark\(#\w+, #\w+\);", css), f"{name} is missing from light or dark"


def test_data_in_marks_is_never_taken_for_a_colour(page):
    for specs in embedded_specs(page).values():
        for spec in specs:
            assert "var(--" not in json.dumps(spec["datasets"])


# The page


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


@pytest.mark.slow
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
        "results/synthetic/sweeps/full_1000/in_domain.parquet",
        "results/synthetic/models/full_1000",
        "pandas",
        "recipe",
        "hard_1000",
        "sweeps/full_1000/in_domain.parquet",
        "No configuration of this study's name ships",
    ):
        assert fact in text
    assert "snakemake --cores" not in text, "nobody said which config files the study has"


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        ([], ""),
        (["config/config.yaml"], "snakemake --cores all --"),
        (["mine.yaml"], "snakemake --cores all --configfile mine.yaml --"),
        (["config/config.yaml", "b c.yaml"], "snakemake --cores all --configfile config/config.yaml 'b c.yaml' --"),
    ],
)
def test_commands_name_every_config_file_of_the_study(files, shown):
    assert report_page.command(files) == shown


@pytest.fixture(scope="module")
def bare(study) -> dict:
    """What a page of sweeps and accuracies shows of a study whose config file is known."""
    paths = {"accuracy": study.root / "tables" / "accuracy.csv"}
    return report_page.build_context(report_page.Inputs(CONFIG, study.sweeps, paths, config_files=["mine.yaml"]))


def test_the_page_shows_the_command_of_every_file(bare):
    text = Outline(report_page.render(bare)).text
    for file in ("tables/accuracy.csv", "models/full_1000", "report/index.html"):
        assert f"snakemake --cores all --configfile mine.yaml -- results/synthetic/{file}" in text


def test_a_page_without_findings_says_why(bare):
    """A model that thinks, under one budget only, has nothing to compare."""
    text = Outline(report_page.render(bare | {"findings": []})).text
    assert "No model of this study thinks" not in text and "No two budgets" in text
    assert "No model of this study thinks" in Outline(report_page.render(bare | {"findings": [], "lead": None})).text


def facts(tables: study_tables.StudyTables, **more: str) -> dict:
    """What sections may ask for besides tables."""
    models = roster.roster(CONFIG, tables["accuracy"], {})
    return {"models": models, "chance": {}, "cue": "Wait", "published_numbers": ""} | more


@pytest.mark.parametrize(("file", "the_papers"), [("config/published/m1.csv", True), ("mine.csv", False)])
def test_only_the_papers_numbers_get_the_note_on_the_paper(study, tmp_path, file, the_papers):
    row = {"model": "full_1000", "benchmark": "in_domain", "published_as": "A", "selection": published.FIXED}
    row |= dict.fromkeys(("published", "accuracy", "ci_low", "ci_high", "difference", "diff_low", "diff_high"), 0.5)
    table = pd.DataFrame([row | {"budget": 56, "n": 9}]).reindex(columns=published.TABLE.names)
    csv_tables.write_csv(tmp_path / "published.csv", table, published.TABLE.columns)
    paths = {"accuracy": study.root / "tables" / "accuracy.csv", "published": tmp_path / "published.csv"}
    read = study_tables.StudyTables(paths, {"in_domain": 0})
    section = page_sections(read, facts(read, published_numbers=file))["beside_published"]
    assert ("PubMedQA" in section.intro) == ("paper" in section.title) == the_papers and section.intro


@pytest.mark.parametrize("labelled", [True, False])
def test_the_judge_s_agreement_is_spoken_of_where_it_was_measured(study, tmp_path, labelled):
    paths = {"accuracy": study.root / "tables" / "accuracy.csv"}
    for name in ("error_kinds", "judge_agreement") if labelled else ("error_kinds",):
        paths[name] = tmp_path / f"{name}.csv"
        columns = declared(name).columns
        csv_tables.write_csv(paths[name], pd.DataFrame([dict.fromkeys(columns, 0)]), columns)
    read = study_tables.StudyTables(paths, {})
    causes, people = page_sections(read, facts(read))["where_questions_fail"].tables
    assert len(people.rows) == labelled and ("the next table" in causes.note) == labelled


def test_the_page_says_what_its_numbers_count(page):
    text = Outline(page).text
    assert "answers compared, one cue and order of options" in text and "and of the judge" in text


def test_contents_lead_to_every_section(page):
    outline = Outline(page)
    links = [a["href"][1:] for tag, a in outline.tags if tag == "a" and a.get("href", "").startswith("#")]
    headings = [a["id"] for tag, a in outline.tags if tag == "h2" and not a["id"].endswith("-title")]
    assert [link for link in links if link in headings][-len(headings) :] == headings
    ids = [a["id"] for _, a in outline.tags if a.get("id")]
    assert len(ids) == len(set(ids)) and set(links) <= set(ids)


@pytest.mark.slow
def test_page_has_the_same_bytes_every_time(study, page, tmp_path):
    flags = [f.replace(str(study.root / "report"), str(tmp_path)) for f in study.report_flags()]
    run_script("render_report", flags[: flags.index("--figures")])
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == page


@pytest.mark.slow
def test_hostile_text_stays_text(hostile_page):
    html = hostile_page.read_text(encoding="utf-8")
    outline = Outline(html)
    assert [tag for tag, _ in outline.tags].count("script") == 6
    assert "img" not in {tag for tag, _ in outline.tags}
    assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)
    assert "\u202e" not in html and "⟨U+202E⟩" in html
    assert "{{ 7*7 }}" in outline.text and "&amp;amp;" in html
    assert "more characters]" in html


def test_every_figure_has_a_module_of_its_name(study):
    modules = {path.stem for path in Path(figures.__file__).parent.glob("*.py")} - {"__init__"}
    # No made-up study stands beside published numbers.
    assert modules - {"published_differences"} == {path.stem for path in (study.root / "figures").glob("*.svg")}


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [("accuracy.csv", "", "not a readable table"), ("loss.csv", "step\n1\n", "column 'loss' is missing")],
)
def test_broken_inputs_are_named(study, tmp_path, name, text, complaint):
    broken = tmp_path / name
    broken.write_text(text, encoding="utf-8")
    tables = str(broken) if name == "accuracy.csv" else str(study.root / "tables")
    flags = [
        "--study-config",
        "{}",
        "--tables",
        tables,
        "--sweeps",
        str(study.sweeps[0]),
        "--out",
        str(tmp_path / "i"),
    ]
    curves = ["--loss-curves", f"m={broken}"] if name == "loss.csv" else []
    with pytest.raises(M1FlowError, match=complaint):
        run_script("render_report", flags + curves)
