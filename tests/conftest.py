"""What tests share: the real data, where it is, an empty ledger, and small tables of questions."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports torch: tests run side by side, and no test may reach a hub.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import hypothesis
import pandas as pd
import pytest

from m1flow.endpoints.ledger import Ledger
from m1flow.files.contracts import CONTRACTS

pytest_plugins = ["helpers.skips"]

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real medical questions: $M1FLOW_DATA, else ../shared/data beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("M1FLOW_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set M1FLOW_DATA to its folder")
    return folder


@pytest.fixture
def ledger(tmp_path):
    """An endpoint's ledger, new and empty."""
    with Ledger(tmp_path / "ledger.jsonl") as opened:
        yield opened


@pytest.fixture
def make_questions():
    """A function that makes a questions table from rows with any of its columns."""

    def make(*rows: dict) -> pd.DataFrame:
        blank = {"source": "s", "split": "train", "context": "", "answer_index": 0, "domain": None}
        filled = [
            {"question_id": f"q{n}", "stem": f"stem {n}", "options": ["yes", "no"], "origin_id": str(n)} | blank | row
            for n, row in enumerate(rows)
        ]
        return pd.DataFrame(filled, columns=CONTRACTS["questions"].names)

    return make


@pytest.fixture
def tiny_questions(make_questions) -> pd.DataFrame:
    """Twelve questions of two sources and three domains."""
    return make_questions(
        *(
            {
                "question_id": f"q{n:02}",
                "source": "ab"[n % 2],
                "stem": f"Severity {n}. Give Musol. Final severity?",
                "options": [f"{n}0", f"{n}1", f"{n}2", f"{n}3"],
                "answer_index": n % 4,
                "domain": ("heart", "lung", "skin")[n % 3],
            }
            for n in range(12)
        )
    )
