"""What the tests of training share: a tiny world, base models of a few thousand weights, datasets of its traces."""

from __future__ import annotations

from pathlib import Path

from m1flow import storage
from m1flow.bases import load_padded_tokenizer, load_weights
from m1flow.corpus import build_corpus
from m1flow.formats import Formatter, load_tokenizer, tokenizer_fingerprint
from m1flow.formulary import World, questions
from m1flow.questions import prompt_text
from m1flow.training import fine_tune, train_base

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
    rows = build_corpus({"facts": 40, "practice": 40, "chain": [1, 2]}, PROMPTS, formulary_spec=WORLD)
    storage.write_table(path, rows, "corpora")
    return path


def make_base(corpus: Path, out: Path, seed: int = 0, **training) -> Path:
    spec = {"architecture": ARCHITECTURE, "training": TRAINING | training}
    train_base(corpus, out, name="mini", spec=spec, formats={"m1": M1, "direct": {}}, seed=seed)
    return out


def write_dataset(path: Path, tokenizer: Path | None = None, examples: int = 12) -> Path:
    """A dataset of traces of one to three steps; with token ids where a model folder gives a tokenizer."""
    world = World.from_spec(WORLD)
    formatter = Formatter(load_tokenizer(tokenizer), "m1", M1) if tokenizer else None
    rows = []
    for question in questions(WORLD, {"questions": examples, "chain": [1, 3]}, "train"):
        reasoning, answer = world.trace(question)
        prompt = prompt_text(question, PROMPTS, "train")
        example = formatter.example(prompt, reasoning, answer) if formatter else None
        row = {"question_id": question["origin_id"], "source": "s", "domain": question["domain"], "text": ""}
        row |= {"prompt": prompt, "reasoning": reasoning, "answer": answer}
        for key in ("prompt_tokens", "thinking_tokens", "answer_tokens"):
            row[key] = getattr(example, key) if example else 0
        rows.append(row | {"input_ids": example.input_ids if example else []})
    made_by = {"tokenizer": tokenizer_fingerprint(tokenizer), "format": M1} if tokenizer else {}
    storage.write_table(path, rows, "datasets", provenance={"parameters": {"spec": {"recipe": "hard"}} | made_by})
    return path


def tune(base: Path, dataset: Path, out: Path, seed: int = 0, method: str = "full", lora=None, place=None, **training):
    spec = {"method": method, "training": TRAINING | training, "lora": lora or {}}
    fine_tune(base, dataset, out, name="student", spec=spec, format_name="m1", format_spec=M1, seed=seed, place=place)
    return out


def load_base(folder, precision="float32"):
    """The model and the tokenizer of a model folder, as training loads them."""
    return load_weights(folder, precision), load_padded_tokenizer(folder)
