"""The page in a real browser: it draws, explores, saves, and stays silent."""

from __future__ import annotations

import csv
import io
import shutil
import struct
from pathlib import Path

import pytest

from helpers.debian import CannotInstall, install
from helpers.made_report import embedded_specs, make_hostile_report, page_of
from helpers.shared import once
from helpers.synthetic_study import SKILL

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright; install envs/dev.lock")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(report_study, tmp_path_factory) -> dict[str, Path]:
    hostile = once(tmp_path_factory, "hostile_report", make_hostile_report)
    return {"plain": page_of(report_study), "hostile": page_of(hostile)}


@pytest.fixture(scope="module")
def browser():
    found = [program for name in ("chromium-browser", "google-chrome") if (program := shutil.which(name))]
    if not found:
        try:
            install(["chromium"], ["chromium"])
        except CannotInstall as reason:
            pytest.skip(str(reason))
        found = [shutil.which("chromium")]
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found[0], args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


class Visit:
    """A page that is open, and what it did that it shouldn't."""

    def __init__(self, browser, path: Path, after: str = "", width: int = 1400, **settings):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        self.context.set_default_timeout(60_000)
        self.faults: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._requested)
        self.page.goto(path.as_uri() + after)

    def _requested(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.faults.append(request.url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def ask(self, expression: str):
        """The value of a JavaScript expression."""
        return self.page.evaluate(expression)

    def draw_all(self) -> None:
        """As for printing."""
        self.ask("dispatchEvent(new Event('beforeprint'))")
        self.page.wait_for_function("document.querySelectorAll('.chart:not(.drawn)').length === 0")

    def explorer(self):
        """The explorer, once it is there."""
        self.page.locator("#explorer").scroll_into_view_if_needed()
        self.page.wait_for_selector(".asked:not([hidden])")
        return self.page.locator("#explorer-app")

    def saved(self, selector: str) -> tuple[str, bytes]:
        """Name and content of what a button saves."""
        with self.page.expect_download() as download:
            self.page.locator(selector).first.click()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("text", ["plain", "hostile"])
def test_everything_draws_in_silence(browser, pages, text, width):
    with Visit(browser, pages[text], width=width) as visit:
        drawn, charts = (f"document.querySelectorAll('{selector}').length" for selector in (".chart.drawn", ".chart"))
        assert visit.ask(charts) >= 20 and visit.ask(drawn) < visit.ask(charts), "those far below wait"
        visit.draw_all()
        explorer = visit.explorer()
        assert visit.ask("document.querySelectorAll('.chart svg').length") == visit.ask(charts)
        visit.ask("document.querySelectorAll('details').forEach((details) => (details.open = true))")
        assert visit.ask("document.documentElement.scrollWidth - innerWidth") <= 0
        assert visit.ask("performance.getEntriesByType('resource').length") == 0
        assert visit.ask("typeof window.hostile") == "undefined" and visit.page.locator("img").count() == 0
        assert visit.page.locator("script:not([type])").count() == 3
        if text == "hostile":
            for part in (".stem", ".thinking", ".answer", ".options li"):
                assert "<img src=x onerror=" in explorer.locator(part).first.inner_text()
        assert visit.faults == []


def test_model_buttons_choose_what_is_drawn(browser, pages):
    with Visit(browser, pages["plain"]) as visit:
        visit.draw_all()
        lines = visit.page.locator("#accuracy_by_budget .mark-line path")
        before = lines.count()
        for name in list(SKILL)[1:]:
            visit.page.locator(f'.chip[data-model="{name}"]').click()
        assert before > 0 and lines.count() == 0, "only the direct model is switched on"


def test_explorer_filters_steps_and_remembers(browser, pages):
    with Visit(browser, pages["plain"]) as visit:
        app = visit.explorer()
        app.locator("[name=outcome]").select_option("compute")
        found = int(app.locator(".found").inner_text().split()[0])
        assert 0 < found < 90 and app.locator("[name=question] option").count() == found
        assert app.locator(".asked h3").inner_text().startswith("compute")
        slider = app.locator("input[type=range]")
        slider.focus()
        assert app.locator(".asked > .verdict").inner_text().startswith("Right under 56 tokens")
        whole = app.locator(".thinking").inner_text()
        for _ in range(7):
            slider.press("ArrowLeft")
        assert not app.locator(".asked > .verdict").inner_text().startswith("Right")
        assert slider.get_attribute("aria-valuetext").startswith("0 tokens: ")
        slider.press("ArrowRight")
        assert app.locator(".thinking .cut").inner_text() == "✂ cut after 8 tokens"
        shown, beyond = app.locator(".thinking").inner_text(), app.locator(".beyond").inner_text()
        assert beyond and shown.replace("✂ cut after 8 tokens", "") == whole
        for _ in range(9):
            slider.press("ArrowRight")
        assert app.locator("mark.cue").all_inner_texts() == ["Wait"] * 4
        where = app.locator(".asked .where").inner_text()
        address = visit.page.url
        app.locator('[data-go="1"]').press("Enter")
        assert app.locator(".asked .where").inner_text() != where
        assert visit.faults == []
    with Visit(browser, pages["plain"], after=address[address.index("#") :]) as visit:
        app = visit.explorer()
        assert app.locator(".asked .where").inner_text() == where
        assert app.locator("input[type=range]").input_value() == "10"


def test_explorer_finds_flips_texts_samples_and_lessons(browser, pages):
    with Visit(browser, pages["hostile"]) as visit:
        app = visit.explorer()

        def found() -> int:
            return int(app.locator(".found").inner_text().split()[0])

        everything = found()
        app.locator("[name=flip]").select_option("down")
        lost = found()
        app.locator("[name=where]").select_option(index=1)
        assert found() <= lost < everything
        app.locator("[name=flip]").select_option("")
        app.locator("[name=text]").fill("no such words")
        visit.page.wait_for_selector(".asked", state="hidden")
        assert found() == 0
        app.locator("[name=text]").fill("STARTS AT 7")
        visit.page.wait_for_selector(".asked:not([hidden])")
        assert 0 < found() < everything
        app.locator("[name=sample]").select_option(index=2)
        assert "sample=2" in visit.page.url
        app.locator(".others button").first.click()
        assert app.locator("[name=model] option:checked").inner_text().startswith("tiny")
        app.locator("[name=text]").fill("")
        app.locator("[name=group]").select_option(index=4)
        visit.page.wait_for_selector(".lessons blockquote")
        assert "so it is 7" in app.locator(".lessons").inner_text()
        assert app.locator(".slider").is_hidden() and visit.faults == []


def test_figures_are_saved_as_they_stand_in_a_paper(browser, pages):
    with Visit(browser, pages["plain"], color_scheme="dark") as visit:
        name, content = visit.saved('#accuracy_by_budget [data-save="svg"]')
        svg = content.decode("utf-8")
        assert name == "synthetic-accuracy_by_budget.svg" and svg.startswith("<svg")
        assert "var(--" not in svg and "#3f51b5" in svg and "#ffffff" in svg
        for text in ("Accuracy by thinking budget", "in_domain", "long_chains", *SKILL):
            assert f">{text}<" in svg
        specs = embedded_specs(pages["plain"].read_text(encoding="utf-8"))
        for figure in (name for name, panels in specs.items() if panels):
            name, content = visit.saved(f'#{figure} [data-save="png"]')
            assert name == f"synthetic-{figure}.png" and content.startswith(b"\x89PNG"), figure
            width, height = struct.unpack(">II", content[16:24])
            assert width > 400 and height > 200
        assert visit.faults == []


def test_tables_are_saved_with_all_digits_and_no_formulas(browser, pages):
    with Visit(browser, pages["plain"]) as visit:
        table = ".table[data-name=accuracy_of_every_cell]"
        visit.ask(f"document.querySelector('{table} td').textContent = '=HYPERLINK(\"x\",\"y\")'")
        name, content = visit.saved(f"{table} [data-save=csv]")
        first, *rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        assert name == "synthetic-accuracy_of_every_cell.csv" and len(rows) == 3 * (1 + 5 * 8) - 1
        assert first["model"] == '\'=HYPERLINK("x","y")'
        assert all(abs(int(row["correct"]) / int(row["n"]) - float(row["accuracy"])) < 1e-5 for row in rows)
        visit.page.locator("#accuracy_by_budget summary").click()
        name, content = visit.saved("#accuracy_by_budget [data-save=csv]")
        assert name == "synthetic-accuracy_by_thinking_budget.csv" and content.count(b"\r\n") > 100


def test_tables_are_sorted_with_what_is_unknown_last(browser, pages):
    with Visit(browser, pages["plain"]) as visit:
        table = visit.page.locator(".table[data-name=accuracy_of_every_cell]")
        column = "[...document.querySelectorAll('[data-name=accuracy_of_every_cell] tbody tr')]"
        column += ".map((row) => row.cells[6].dataset.value)"
        visit.ask(f"{column.split('.map')[0]}[5].cells[6].dataset.value = ''")
        for sign in (1, -1):
            table.locator("th[data-column=accuracy] button").click()
            *known, unknown = visit.ask(column)
            assert unknown == "" and known == sorted(known, key=lambda value: sign * float(value))
        table.locator("th[data-column=model] button").click()
        names = table.locator("tbody td:first-child").all_inner_texts()
        assert names == sorted(names)


def test_light_and_dark(browser, pages):
    with Visit(browser, pages["plain"], color_scheme="dark") as visit:
        paper = "getComputedStyle(document.body).backgroundColor"
        assert visit.ask(paper) == "rgb(20, 22, 27)"
        line = "getComputedStyle(document.querySelector('#accuracy_by_budget .mark-line path')).stroke"
        visit.page.wait_for_selector("#accuracy_by_budget .mark-line path", state="attached")
        dark = visit.ask(line)
        visit.page.locator(".theme").click()
        assert visit.ask(paper) == "rgb(252, 251, 249)" and visit.ask(line) != dark
        visit.page.reload()
        assert visit.ask(paper) == "rgb(252, 251, 249)", "remembered"


def test_keyboard_reaches_the_findings_first(browser, pages):
    with Visit(browser, pages["plain"]) as visit:
        visit.page.keyboard.press("Tab")
        assert visit.ask("document.activeElement.textContent") == "Skip to the findings"
        assert visit.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert (
            visit.ask(
                "[...document.querySelectorAll('button, select, input')].filter((e) => !e.textContent.trim() &&"
                " !e.getAttribute('aria-label') && !e.labels?.length).length"
            )
            == 0
        ), "every control has a name"


def test_prints_its_figures_without_its_controls(browser, pages):
    with Visit(browser, pages["plain"], color_scheme="dark") as visit:
        visit.explorer()
        visit.draw_all()
        visit.page.emulate_media(media="print")
        assert visit.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert visit.page.locator("#accuracy_by_budget svg").first.is_visible()
        for hidden in (".saves", ".filters", ".slider", ".theme"):
            assert visit.page.locator(hidden).first.is_hidden()
        assert visit.page.locator(".asked .thinking").is_visible()


def test_without_javascript_there_are_examples(browser, pages):
    with Visit(browser, pages["plain"], java_script_enabled=False) as visit:
        examples = visit.page.locator(".example")
        assert examples.count() >= 3 and examples.first.is_visible()
        assert "cut after" in visit.page.locator(".examples").inner_text()
        assert visit.page.locator(".theme").is_hidden() and visit.page.locator("#explorer-app").is_hidden()
