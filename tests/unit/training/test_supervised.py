"""Supervised training: a dataset's own token ids where they fit, else its texts anew."""

from __future__ import annotations

from helpers.training_models import M1, THINK, write_dataset
from m1flow.files import parquet
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.student_training import StudentTraining
from m1flow.study.settings.training import TrainingSettings
from m1flow.training.method import TrainingTask
from m1flow.training.supervised import dataset_examples, learning_identity, train_on

MARKERS = {"m1": M1, "think": THINK}


def task(base, dataset, name="m1") -> TrainingTask:
    student = StudentTraining(base="mini", dataset="d", format=name, training=TrainingSettings(steps=1))
    return TrainingTask(
        name="s", base=base, dataset=dataset, student=student, markers=FormatSettings(**MARKERS[name]), seed=0
    )


def test_ids_of_the_dataset_are_used_where_tokenizer_and_format_are_the_bases(base, tmp_path, caplog):
    caplog.set_level("INFO")
    tokenised, plain = write_dataset(tmp_path / "ids.parquet", base), write_dataset(tmp_path / "texts.parquet")
    own = [(e.input_ids.tolist(), e.prompt_tokens) for e in dataset_examples(task(base, tokenised))]
    assert "its token ids are used" in caplog.text
    anew = [(e.input_ids, e.prompt_tokens) for e in dataset_examples(task(base, plain))]
    assert own == anew
    caplog.clear()
    assert [e.input_ids for e in dataset_examples(task(base, tokenised, "think"))] != [ids for ids, _ in own]
    assert not caplog.text


def test_a_dataset_from_before_ids_were_kept_is_tokenised(base, tmp_path):
    rows = parquet.read_table(write_dataset(tmp_path / "new.parquet"), "datasets").drop(columns="input_ids")
    rows.to_parquet(tmp_path / "old.parquet")
    assert len(list(dataset_examples(task(base, tmp_path / "old.parquet")))) == 12


def test_the_recipe_in_the_fingerprint_of_checkpoints_is_that_of_earlier_versions():
    """Else a run that was interrupted would begin anew."""
    training = {"steps": 1}
    full = read(StudentTraining, {"base": "b", "dataset": "d", "training": training})
    lora = read(StudentTraining, {"base": "b", "dataset": "d", "training": training, "adapters": "lora"})
    assert learning_identity(full, 3) == {"training": full.training.dump(), "method": "full", "lora": None, "seed": 3}
    assert (learning_identity(lora, 3)["method"], learning_identity(lora, 3)["lora"]["rank"]) == ("lora", 16)


def test_training_on_examples_counts_them_and_gives_its_curve(base, tmp_path):
    trained = train_on(made := task(base, write_dataset(tmp_path / "d.parquet")), dataset_examples(made))
    assert (trained.steps, trained.counts["examples"], len(trained.curve.losses)) == (1, 12, 1)
