"""The worked examples of docs/extending are used for real, as the files that the pages say they are."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.engine_models import build_model
from helpers.made_report import page_of, run_script
from helpers.synthetic_study import BUDGETS, make_study
from m1flow.analysis.registry import declared
from m1flow.answers.scoring import score, scored_by
from m1flow.engines.interface import Request
from m1flow.engines.opening import open_engine
from m1flow.errors import M1FlowError
from m1flow.files import parquet
from m1flow.files.json import read_json
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.questions.sources import load
from m1flow.report.figure_captions import figure_captions
from m1flow.study.reading import read_study
from m1flow.study.seams.adapters import ADAPTERS
from m1flow.study.seams.engines import ENGINES
from m1flow.study.seams.figures import FIGURES
from m1flow.study.seams.methods import METHODS
from m1flow.study.seams.scorers import SCORERS
from m1flow.study.seams.seam import Seam
from m1flow.study.seams.sections import SECTIONS
from m1flow.study.seams.tables import TABLES
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.students import StudentSettings
from m1flow.training.students import fine_tune
from m1flow.training.tokenizer import CHAT_TEMPLATE

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "extending"
END = 2
DIRECT = FormatSettings()


class Page:
    """A page's example, put where a study finds it; what the page shows of files and settings."""

    def __init__(self, seam: Seam, page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = (PAGES / page).read_text(encoding="utf-8")
        [(path, code)] = re.findall(r"^`(workflow/\S+\.py)`:\n\n```python\n(.*?)^```$", text, re.M | re.S)
        assert Path(path).parent == Path("workflow/scripts") / seam.package.replace(".", "/")
        self.name = Path(path).stem
        self.shown = dict(re.findall(r"^```(text|yaml)\n(.*?)^```$", text, re.M | re.S))
        self.study = yaml.safe_load(self.shown["yaml"])
        entries = folder / "entries"
        entries.mkdir()
        (entries / Path(path).name).write_text(code, encoding="utf-8")
        package = importlib.import_module(seam.package)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(entries)])
        monkeypatch.delitem(sys.modules, f"{seam.package}.{self.name}", raising=False)


@pytest.fixture
def page(tmp_path, monkeypatch):
    def page(seam: Seam, name: str) -> Page:
        return Page(seam, name, tmp_path, monkeypatch)

    return page


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = build_model(tmp_path_factory.mktemp("model") / "model")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    return folder


def laid_over_a_study(folder: Path, overlay: dict):
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return read_study([ROOT / "tests" / "small.yaml", folder / "overlay.yaml"])


def test_the_adapter_reads_a_folder_of_quizzes(page, tmp_path, monkeypatch):
    example = page(ADAPTERS, "adapter.md")
    (tmp_path / "quizzes").mkdir()
    (tmp_path / "quizzes" / "vitamins.txt").write_text(example.shown["text"], encoding="utf-8")
    (tmp_path / "quizzes" / "notes.csv").write_text("nothing,to,read\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    settings = read(QuestionSetSettings, example.study["benchmarks"]["quiz"])
    questions, report = load("quiz", settings, study_seed=0)
    [question] = questions.to_dict("records")
    assert question["stem"] == "Which vitamin is given to reverse warfarin?"
    assert question["options"][question["answer_index"]] == "Vitamin K" and len(question["options"]) == 2
    assert question["origin_id"] == "vitamins/1" and report["difference"] == 0


def test_what_the_adapter_has_no_use_for_is_refused(page, tmp_path, monkeypatch):
    example = page(ADAPTERS, "adapter.md")
    (tmp_path / "quiz.txt").write_text("one line\n", encoding="utf-8")
    (tmp_path / "quiz.csv").write_text("q,a\n", encoding="utf-8")
    for more, message in (
        ({"subjects": ["law"]}, f"benchmarks.quiz.subjects: the adapter {example.name} doesn't use this key"),
        ({"path": ()}, f"benchmarks.quiz.path: missing; the adapter {example.name} needs this key, or hub"),
    ):
        entry = {"adapter": example.name, "path": str(tmp_path / "quiz.txt")} | more
        with pytest.raises(M1FlowError, match=re.escape(message)):
            laid_over_a_study(tmp_path, {"benchmarks": {"quiz": entry}})
    for path, message in (
        ("quiz.txt", "row 1 isn't in the form that the adapter aiken reads"),
        ("quiz.csv", "the adapter aiken can't read .csv; give a file ending in .txt"),
    ):
        with pytest.raises(M1FlowError, match=message):
            load("quiz", read(QuestionSetSettings, {"adapter": example.name, "path": str(tmp_path / path)}), 0)


def test_the_scorer_scores_a_sweep(page, tmp_path, make_questions):
    example = page(SCORERS, "scorer.md")
    assert laid_over_a_study(tmp_path, example.study).scorer == example.name
    texts = ["surely (A), no: (B)", "(A)", "B", "(J)", "(B) and"]
    rows = pd.DataFrame({"answer_text": texts, "answer_finished": [True] * 4 + [False]})
    rows = rows.assign(question_id="q0", permutation=0)
    scored = score(rows, make_questions({"options": ["no", "yes"], "answer_index": 1}), example.name)
    assert list(scored["correct"]) == [True, False, False, False, False]
    assert list(scored["outcome"]) == ["parsed", "parsed", "unparsed", "unparsed", "truncated"]
    assert scored_by(example.name) == {"scorer": example.name, "scorer_version": 1}


def test_the_engine_gives_the_tokens_of_the_others(page, model):
    example = page(ENGINES, "engine.md")
    requests = [Request(tuple(range(4, 4 + length)), 12, (END,), min_tokens=length % 3) for length in range(3, 9)]
    answers = []
    for name in (example.study["engine"]["name"], "transformers"):
        engine = open_engine(model, EngineSettings(name=name))
        for request in requests:
            engine.submit(request)
        answers.append({request.prompt: completion for request, completion in engine.finished()})
        engine.close()
    assert answers[0] == answers[1] and len(answers[0]) == len(requests)


def test_what_the_engine_cannot_do_is_refused_before_it_is_asked(page, model, tmp_path):
    example = page(ENGINES, "engine.md")
    assert laid_over_a_study(tmp_path, example.study).engine.name == example.name
    for key, more, message in (
        ("answer_logprobs", {"answer_logprobs": True}, "gives no log-probabilities; set this key to false"),
        ("option_logprobs", {"option_logprobs": True}, "gives no log-probabilities; set this key to false"),
        ("answer_stop", {"answer_stop": "box"}, "can't stop at a text; set this key to end"),
    ):
        with pytest.raises(M1FlowError, match=f"sweep.{key}: the engine {example.name} {message}"):
            laid_over_a_study(tmp_path, example.study | {"sweep": example.study["sweep"] | more})
    engine = open_engine(model, EngineSettings(name=example.name))
    for request, message in (
        (Request((4, 5), 3, (END,), logprob=True), "engine.name: one_by_one gives no log-probabilities"),
        (Request.judging((4, 5), (6, 7)), "engine.name: one_by_one gives no log-probabilities"),
        (Request((4, 5), 3, (END,), until=Never()), "engine.name: one_by_one can't stop at a text"),
    ):
        with pytest.raises(M1FlowError, match=message):
            engine.submit(request)
    assert list(engine.finished()) == []


class Never:
    """A text that never comes."""

    def met(self, token_ids):
        return False


def test_the_method_trains_a_student(page, model, tmp_path):
    example = page(METHODS, "training_method.md")
    student = read(StudentSettings, example.study["students"]["brief"] | {"format": "direct"})
    formatter = Formatter(load_tokenizer(model), "direct", DIRECT)
    said = [(f"question {n}", "thinking", f"answer {n}") for n in range(8)]
    rows = []
    for number, (prompt, reasoning, answer) in enumerate(said):
        made = formatter.example(prompt, reasoning, answer)
        row = {"question_id": str(number), "source": "s", "domain": "d", "text": "", "prompt": prompt}
        row |= {key: getattr(made, key) for key in ("prompt_tokens", "thinking_tokens", "answer_tokens", "input_ids")}
        rows.append(row | {"reasoning": reasoning, "answer": answer})
    parquet.write_table(tmp_path / "hard.parquet", rows, "datasets")
    out = tmp_path / "brief"
    fine_tune(model, tmp_path / "hard.parquet", out, name="brief", student=student, markers=DIRECT, seed=0)
    record = read_json(out / "m1flow" / "training.json")
    assert record["settings"]["method"] == example.name and record["counts"]["steps"] == 2
    # The answer and the end of the turn, and nothing before them.
    assert record["counts"]["trained_tokens"] == sum(row["answer_tokens"] + 1 for row in rows)
    assert (out / "model.safetensors").is_file() and (out / "README.md").is_file()


@pytest.mark.slow
def test_the_table_and_its_figure_are_on_the_page(tmp_path, monkeypatch):
    text = (PAGES / "table.md").read_text(encoding="utf-8")
    shown = re.findall(r"`workflow/scripts/(m1flow/\S+)/(\w+)\.py`[^`]*\n\n```python\n(.*?)^```$", text, re.M | re.S)
    assert [folder for folder, _, _ in shown] == [
        seam.package.replace(".", "/") for seam in (TABLES, FIGURES, SECTIONS)
    ]
    for folder, name, code in shown:
        package = importlib.import_module(folder.replace("/", "."))
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / folder)])
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)
    (_, table, _), (_, figure, _), (_, section, _) = shown
    study = make_study(tmp_path / "study", questions=6, models=("tiny", "full_40"))
    for name in ("accuracy", table):
        run_script("make_table", study.table_flags(name))
    rows = pd.read_csv(study.root / "tables" / f"{table}.csv")
    assert list(rows.columns) == declared(table).names and len(rows) == 3 * (1 + len(BUDGETS))
    assert set(rows["answer_tokens"]) == {6.0} and set(rows["n"]) == {6}
    run_script("render_report", study.report_flags())
    html = page_of(study).read_text(encoding="utf-8")
    assert f'id="section-{section}"' in html and f'<figure id="{figure}"' in html
    assert (study.root / "figures" / f"{figure}.svg").is_file() and figure in figure_captions()


@pytest.mark.parametrize("file", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_every_page_is_linked(file):
    for index in ("docs/README.md", "CONTRIBUTING.md"):
        assert f"extending/{file.name})" in (ROOT / index).read_text(encoding="utf-8"), index
