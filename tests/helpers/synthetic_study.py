"""A made-up study on disk, for tests of tables and report: files of every contract, figures drawn by a seed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.registry import needs
from m1flow.files.json import write_json
from m1flow.files.parquet import write_table
from m1flow.files.provenance import provenance
from m1flow.questions.option_orders import option_order
from m1flow.study.seams.tables import TABLES

LACKING = {"judged", "leaked_pairs", "leakable_benchmarks", "leakable_sweeps", "published_as"}
"""What no made-up study has."""
BUDGETS = (0, 8, 16, 24, 32, 40, 48, 56)
COUNTS = (0, 1, 2, 4)
BENCHMARKS = {"in_domain": 1.0, "knowledge_poor": 0.68, "long_chains": 0.3}
HOSTILE = (
    "</script><script>window.hostile=1</script><img src=x onerror=window.hostile=1>"
    "<!-- \u202egnp.exe\u2069 {{ 7*7 }} &amp; \x00 "
)

CONFIG = {
    "study": "synthetic",
    "description": "A made-up study.",
    "formats": {"m1": {"thinking_start": "<|im_start|>think\n"}, "direct": {}},
    "datasets": {
        "hard_40": {"recipe": "hard", "size": 40},
        "hard_200": {"recipe": "hard", "size": 200},
        "hard_1000": {"recipe": "hard", "size": 1000},
        "random_1000": {"recipe": "random", "size": 1000},
    },
    "students": {
        "full_40": {"base": "tiny", "dataset": "hard_40"},
        "full_200": {"base": "tiny", "dataset": "hard_200"},
        "full_1000": {"base": "tiny", "dataset": "hard_1000"},
        "unfiltered_1000": {"base": "tiny", "dataset": "random_1000"},
        "lora_1000": {"base": "tiny", "dataset": "hard_1000", "adapters": "lora"},
    },
    "models": {
        "tiny": {"format": "direct", "weights": "tiny"},
        "full_40": {"format": "m1", "weights": "full_40"},
        "full_200": {"format": "m1", "weights": "full_200"},
        "full_1000": {"format": "m1", "weights": "full_1000"},
        "unfiltered_1000": {"format": "m1", "weights": "unfiltered_1000"},
        "lora_1000": {"format": "m1", "weights": "lora_1000"},
    },
    "sweep": {"budgets": list(BUDGETS), "extensions": {"counts": list(COUNTS), "budgets": [56], "cues": ["Wait"]}},
}
SKILL = {"tiny": 0.27, "full_40": 0.13, "full_200": 0.35, "full_1000": 1.0, "unfiltered_1000": 0.93, "lora_1000": 0.34}


@dataclass
class Study:
    """Where the files of a made-up study lie."""

    root: Path
    sweeps: list[Path] = field(default_factory=list)
    benchmarks: list[Path] = field(default_factory=list)
    datasets: list[Path] = field(default_factory=list)
    losses: dict[str, Path] = field(default_factory=dict)

    def table_flags(self, name: str, config: dict = CONFIG) -> list[str]:
        """Flags of make_table.py: all that the study has, whatever the table is made from."""
        r = self.root
        return [
            *(name, "--sweeps", *map(str, self.sweeps), "--benchmarks", *map(str, self.benchmarks)),
            *("--questions", str(r / "questions/practice.parquet")),
            *("--pool", str(r / "pool.parquet"), "--pool-removed", str(r / "pool_removed.parquet")),
            *("--attempts", str(r / "attempts/tiny.parquet"), str(r / "attempts/mini.parquet")),
            *("--difficulty", str(r / "difficulty.parquet"), "--traces", str(r / "traces/solver.parquet")),
            *("--datasets", *map(str, self.datasets)),
            *("--token-counts", str(r / "generations/full_1000.report.json")),
            *("--bills", str(r / "traces/solver.report.json")),
            *("--made-how", json.dumps(config), "--seed-groups", json.dumps(config.get("replicates", {}))),
            *("--tables", *(str(r / f"tables/{need}.csv") for need in needs(name) if need in TABLES.names())),
            *("--out", str(r / f"tables/{name}.csv")),
        ]

    @staticmethod
    def tables() -> list[str]:
        """The names of its tables, those first that others are made from."""
        have = [name for name in TABLES.names() if not LACKING & {name, *needs(name)}]
        return sorted(have, key=lambda name: any(need in have for need in needs(name)))

    def report_flags(self, config: dict = CONFIG) -> list[str]:
        """Flags of render_report.py."""
        r = self.root
        return [
            *("--study-config", json.dumps(config), "--tables", str(r / "tables")),
            *("--sweeps", *map(str, self.sweeps), "--benchmarks", *map(str, self.benchmarks)),
            *("--loss-curves", *(f"{name}={path}" for name, path in self.losses.items())),
            *("--traces", str(r / "traces/solver.parquet"), "--datasets", *map(str, self.datasets)),
            *("--pool", str(r / "pool.parquet"), "--pool-report", str(r / "pool.report.json")),
            *("--pool-removed", str(r / "pool_removed.parquet")),
            *("--set-reports", str(r / "questions/practice.report.json")),
            *(str(path.with_suffix(".report.json")) for path in self.benchmarks),
            *("--out", str(r / "report/index.html"), "--figures", str(r / "figures")),
        ]


_EXTENSION = "Wait, is it? "


def sweep_rows(
    model: str,
    benchmark: str,
    questions: int,
    *,
    samples: int = 1,
    budgets: tuple[int, ...] = BUDGETS,
    permutations: int = 1,
    option_logprobs: bool = False,
    hostile: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """A scored sweep whose accuracy climbs with the budget to a plateau, and falls with forced extensions.

    Under other orders of the options the first position is liked: every fourth question is then answered with it.
    """
    rng = np.random.default_rng([seed, *model.encode(), *benchmark.encode()])
    direct, text = model == "tiny", HOSTILE if hostile else ""
    cells = [(0, 0, 0)] if direct else [*((b, 0, 0) for b in budgets), *((budgets[-1], n, 0) for n in COUNTS[1:])]
    cells += [(0 if direct else budgets[-1], 0, order) for order in range(1, permutations)]
    rows = []
    for q in range(questions):
        for sample in range(samples):
            length = int(rng.integers(18, 46)) + (14 if benchmark == "long_chains" else 0)
            capable, noise = rng.random() < SKILL[model] * (1 if direct else BENCHMARKS[benchmark]), rng.random()
            for budget, extensions, order in cells:
                natural = direct or length < budget
                tokens = 0 if direct else min(length + 5 * extensions, budget)
                thought = text + _thinking(min(length, budget))
                right = capable and (direct or tokens >= length - 1 or noise < 0.22) and noise < 1 - 0.09 * extensions
                unparsed = not right and rng.random() < 0.08
                index = None if unparsed else (q % 4 if right else (q + 1) % 4)
                question_id = f"{benchmark}-{q:04d}"
                if order and q % 4 == 0:
                    index, unparsed = option_order(question_id, order, 4)[0], False
                    right = index == q % 4
                logits = rng.normal(0, 1, 4) + 2 * (np.arange(4) == index)
                logprobs = (logits - np.log(np.exp(logits).sum())).tolist()
                rows.append(
                    {
                        "question_id": question_id,
                        "sample": sample,
                        "budget": budget,
                        "extensions": extensions,
                        "extensions_done": extensions,
                        "thinking_tokens": tokens,
                        "natural_end": natural,
                        "cue_positions": [len(thought) + len(_EXTENSION) * n for n in range(extensions)],
                        "thinking_text": thought + _EXTENSION * extensions,
                        "answer_tokens": 6,
                        "answer_text": text + "x" * 9000 if hostile else f"\\boxed{{{index}}}",
                        "answer_finished": True,
                        "answer_logprob": -0.6 * rng.random(),
                        "permutation": order,
                        "cue": "Wait" if extensions else "",
                        "option_logprobs": logprobs if option_logprobs else None,
                        "parsed_index": index,
                        "outcome": "unparsed" if unparsed else "parsed",
                        "correct": right,
                    }
                )
    return pd.DataFrame(rows)


def _thinking(tokens: int) -> str:
    """About so many tokens; a longer thought begins with a shorter one."""
    return "start 5; zoltan raises by 2: 7; " * (tokens // 8)


def question_rows(source: str, n: int, *, hostile: bool = False) -> pd.DataFrame:
    """Questions of four options."""
    text = HOSTILE if hostile else ""
    return pd.DataFrame(
        {
            "question_id": [f"{source}-{i:04d}" for i in range(n)],
            "source": source,
            "split": "test",
            "context": "",
            "stem": [f"{text}A patient starts at {i % 10}, then takes zoltan and brevia. What now?" for i in range(n)],
            "options": [[f"{text}{j}" for j in range(4)] for _ in range(n)],
            "answer_index": [i % 4 for i in range(n)],
            "origin_id": [str(i) for i in range(n)],
            "domain": None,
        }
    )


def make_study(
    root: Path, *, questions: int = 60, hostile: bool = False, models: tuple[str, ...] = tuple(SKILL), **sweep: int
) -> Study:
    """Write a study's files; ``sweep`` goes to `sweep_rows`."""
    study, made = Study(root), provenance({"seed": 0}, [])
    for benchmark in BENCHMARKS:
        study.benchmarks.append(root / f"benchmarks/{benchmark}.parquet")
        table = question_rows(benchmark, questions, hostile=hostile)
        write_table(study.benchmarks[-1], table, "questions", provenance=made)
        report = {"source": benchmark, "split": "test", "read": questions, "kept": questions, "dropped": {}}
        report |= {"expected": questions, "difference": 0} if benchmark == "in_domain" else {}
        write_json(study.benchmarks[-1].with_suffix(".report.json"), report)
        for model in models:
            study.sweeps.append(root / f"sweeps/{model}/{benchmark}.parquet")
            rows = sweep_rows(model, benchmark, questions, hostile=hostile, **sweep)
            write_table(study.sweeps[-1], rows, "sweeps", provenance=made)
    _write_pipeline(study, made, HOSTILE if hostile else "")
    counts = {"decoded": 25000, "separate": 100000, "generated": 20000, "seconds": 50.0}
    write_json(root / "generations/full_1000.report.json", counts)
    rng = np.random.default_rng(0)
    for name in ("tiny", *CONFIG["students"]):
        steps = np.arange(1, 401)
        loss = 2.2 * np.exp(-steps / 90) + 0.3 + rng.normal(0, 0.04, 400)
        study.losses[name] = root / f"models/{name}/m1flow/loss.csv"
        study.losses[name].parent.mkdir(parents=True, exist_ok=True)
        curve = pd.DataFrame({"step": steps, "loss": loss, "learning_rate": 3e-3, "tokens": steps * 800})
        curve.to_csv(study.losses[name], index=False)
    return study


def pool_report(text: str = "") -> dict:
    """Counts of the pool whose removed questions `make_study` writes."""
    caught = {"verbatim": (200, 3), f"{text}clause appended": (150, 0)}
    recall = [
        {"kind": kind, "mode": mode, "planted": 200, "caught": n}
        for kind, numbers in caught.items()
        for mode, n in zip(("stem", "paper"), numbers, strict=True)
    ]
    rules = {
        "duplicate": {f"{text}ratio": 15, f"{text}same text": 5},
        "contaminated": {f"{text}contained": 4, f"{text}words": 6},
    }
    return {"decontamination": "stem", "rules": rules, "recall": recall}


def _write_pipeline(study: Study, made: dict, text: str) -> None:
    root, pool = study.root, question_rows("practice", 1200)
    reasons = ["duplicate"] * 20 + ["contaminated"] * 10
    rules = [f"{text}{rule}" for rule in ["ratio"] * 15 + ["same text"] * 5 + ["contained"] * 4 + ["words"] * 6]
    removed = question_rows("practice", 30, hostile=bool(text)).assign(
        reason=reasons,
        rule=rules,
        matched_id="m",
        matched_source=f"{text}in_domain",
        matched_text=f"{text}A patient starts at 5, then takes MATCHED and brevia. " + "What now? " * 100,
        similarity=[95.0 + i % 5 for i in range(30)],
    )
    everything = pd.concat([pool, removed[pool.columns]], ignore_index=True)
    write_table(root / "questions/practice.parquet", everything, "questions", provenance=made)
    report = {"source": f"{text}practice", "split": "train", "read": 1250, "kept": 1230, "not_selected": 7}
    report |= {"dropped": {"repeated options": 15, "no answer": 5}, "expected": 1253, "difference": -3}
    write_json(root / "questions/practice.report.json", report)
    write_json(root / "pool.report.json", pool_report(text))
    write_table(root / "pool.parquet", pool, "questions", provenance=made)
    write_table(root / "pool_removed.parquet", removed, "pool_removed", provenance=made)
    ids = pool["question_id"]
    solved = {"tiny": ids.index % 4 == 0, "mini": ids.index % 5 == 0}
    for solver, right in solved.items():
        attempts = {"question_id": ids, "attempt": 0, "text": "7", "parsed_index": 1, "correct": right, "tokens": 9}
        attempts |= {"outcome": "parsed", "reasoning": "", "prompt_tokens": 30, "cost": None}
        write_table(root / f"attempts/{solver}.parquet", pd.DataFrame(attempts), "attempts", provenance=made)
    right = solved["tiny"].astype(int) + solved["mini"].astype(int)
    difficulty = {"question_id": ids, "attempts": 2, "correct": right, "pass_rate": right / 2, "hard": right == 0}
    write_table(root / "difficulty.parquet", pd.DataFrame(difficulty), "difficulty", provenance=made)
    verified = ids.index % 11 != 0
    traces = {
        "question_id": ids,
        "teacher": "solver",
        "reasoning": "so it is 7",
        "answer": "7",
        "parsed_index": 1,
        "outcome": ["verified" if v else "wrong" if i % 2 else "unparsed" for i, v in enumerate(verified)],
        "verified": verified,
        "prompt_tokens": 40,
        "completion_tokens": 60,
        "cost": None,
        "hard": True,
        "sampled": False,
    }
    write_table(root / "traces/solver.parquet", pd.DataFrame(traces), "traces", provenance=made)
    used = {"answers": len(ids), "prompt_tokens": 48_000, "completion_tokens": 72_000, "cost": 12.345}
    charged = {"responses": 1250, "prompt_tokens": 50_000, "completion_tokens": 75_000, "cost": 12.875}
    bill = used | {"endpoint": f"{text}far", "billed": charged | {"wasted": {"responses": 50}}}
    write_json(root / "traces/solver.report.json", {"bill": bill})
    for name, spec in CONFIG["datasets"].items():
        rows = {
            "question_id": ids[: spec["size"]],
            "source": "practice",
            "domain": None,
            **dict.fromkeys(("prompt", "reasoning", "answer", "text"), "t"),
            **dict.fromkeys(("prompt_tokens", "thinking_tokens", "answer_tokens"), 9),
            "input_ids": [[1, 2]] * spec["size"],
        }
        study.datasets.append(root / f"datasets/{name}.parquet")
        write_table(study.datasets[-1], pd.DataFrame(rows), "datasets", provenance=made)
