"""What the tests of training share: a tiny world, base models of a few thousand weights, datasets of its traces."""

from __future__ import annotations

from pathlib import Path

from m1flow.files import parquet
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer, tokenizer_fingerprint
from m1flow.questions.formulary import World, questions
from m1flow.questions.prompts import prompt_text
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.corpus import CorpusSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.student_training import StudentTraining
from m1flow.training.base_models import train_base
from m1flow.training.corpus import build_corpus
from m1flow.training.students import fine_tune
from m1flow.training.weights import load_padded_tokenizer, load_weights

WORLD = {"seed": 7, "drugs": 8, "rare_drugs": 2}
PROMPTS = {"question": "{context}\n{stem}\n{options}"} | dict.fromkeys(
    ("solve", "teach", "train", "evaluate"), "{question}"
)
M1 = {
    "thinking_start": "<|im_start|>think\n",
    "thinking_end": "\n<|im_start|>answer\n",
    "answer_start": "Answer: ",
    "forced_end": "\n<|im_start|>answer\nAnswer:",
}
THINK = {
    "thinking_start": "<think>\n",
    "thinking_end": "\n</think>\n\n",
    "forced_end": "\n</think>\n\nFinal Answer:",
}
ARCHITECTURE = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "layers": 1,
    "heads": 1,
    "rope_theta": 100,
    "max_position": 256,
    "vocabulary": 600,
}
TRAINING = {"steps": 6, "batch_size": 4, "learning_rate": 1e-2}


def write_corpus(path: Path) -> Path:
    rows = build_corpus(
        read(CorpusSettings, {"facts": 40, "practice": 40, "chain": [1, 2]}),
        PROMPTS,
        world=read(FormularySettings, WORLD),
    )
    parquet.write_table(path, rows, "corpora")
    return path


def make_base(corpus: Path, out: Path, seed: int = 0, **training) -> Path:
    base = read(BaseSettings, {"architecture": ARCHITECTURE, "corpus": {}, "training": TRAINING | training})
    formats = {"m1": read(FormatSettings, M1), "direct": FormatSettings()}
    train_base(corpus, out, name="mini", base=base, formats=formats, seed=seed)
    return out


def write_dataset(path: Path, tokenizer: Path | None = None, examples: int = 12) -> Path:
    """A dataset of traces of one to three steps; with token ids where a model folder gives a tokenizer."""
    world = World.from_settings(read(FormularySettings, WORLD))
    formatter = Formatter(load_tokenizer(tokenizer), "m1", FormatSettings(**M1)) if tokenizer else None
    rows = []
    for question in questions(read(FormularySettings, WORLD), examples, (1, 3), "train"):
        reasoning, answer = world.trace(question)
        prompt = prompt_text(question, PROMPTS, "train")
        example = formatter.example(prompt, reasoning, answer) if formatter else None
        row = {"question_id": question["origin_id"], "source": "s", "domain": question["domain"], "text": ""}
        row |= {"prompt": prompt, "reasoning": reasoning, "answer": answer}
        for key in ("prompt_tokens", "thinking_tokens", "answer_tokens"):
            row[key] = getattr(example, key) if example else 0
        rows.append(row | {"input_ids": example.input_ids if example else []})
    made_by = (
        {"tokenizer": tokenizer_fingerprint(tokenizer), "format": read(FormatSettings, M1).dump()} if tokenizer else {}
    )
    parquet.write_table(path, rows, "datasets", provenance={"parameters": {"spec": {"recipe": "hard"}} | made_by})
    return path


def student_of(adapters: str | None = None, lora: dict | None = None, **training) -> dict:
    """A student's entry of a study."""
    entry = {"base": "base", "dataset": "dataset", "training": TRAINING | training, "lora": lora or {}}
    return entry | ({"adapters": adapters} if adapters else {})


def tune(
    base: Path,
    dataset: Path,
    out: Path,
    seed: int = 0,
    adapters: str | None = None,
    lora=None,
    computation=None,
    **training,
):
    fine_tune(
        base,
        dataset,
        out,
        name="student",
        student=read(StudentTraining, student_of(adapters, lora, **training)),
        markers=read(FormatSettings, M1),
        seed=seed,
        computation=computation,
    )
    return out


def load_base(folder, precision="float32"):
    """The model and the tokenizer of a model folder, as training loads them."""
    return load_weights(folder, precision), load_padded_tokenizer(folder)
