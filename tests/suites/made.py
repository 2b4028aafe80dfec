"""Results made by hand: seeded, no model, for tests of statistics and of what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from archgraph.suites import results

Score = Callable[[str, int, int, int, np.random.Generator], float | None]
"""(arm, conversation, case, ingest seed, chance) -> score."""


def row(arm: str, case: str, score: float | None, **changes: Any) -> results.Row:
    """One trial that was done."""
    made = results.Row(
        trial=f"{arm}/{case}/{changes.get('ingest_seed', 0)}/{changes.get('answer_seed', 0)}",
        arm=arm, dataset="talks", case=case, cluster=case, category="",
        ingest_seed=0, answer_seed=0, judge_seed=0, status="done", reason="",
        scores={"right": score}, metrics={"prompt_tokens": 100.0, "completion_tokens": 10.0},
        losses={}, times={"model": 5.0},
    )  # fmt: skip
    return made._replace(**changes)


def results_of(
    rows: Sequence[results.Row], arms: Sequence[str] = (), **changes: Any
) -> results.Results:
    """A run with these rows."""
    names = list(arms) or list(dict.fromkeys(each.arm for each in rows))
    datasets = list(dict.fromkeys(each.dataset for each in rows)) or ["talks"]
    scorers = list(dict.fromkeys(name for each in rows for name in each.scores)) or ["right"]
    made: dict[str, Any] = {
        "name": "made",
        "suite": {"alpha": 0.05, "margin": 0.05, "baseline": names[0] if names else ""},
        "manifest": {},
        "arms": {name: arm(name) for name in names},
        "datasets": {name: {"type": name, "split": "generated", "licence": "", "provenance": {},
                            "mode": "observe"} for name in datasets},
        "scorers": {name: scorer(primary_of=datasets if name == scorers[0] else [])
                    for name in scorers},
        "rows": list(rows),
        "ingests": [],
        "planned": len(rows),
    }  # fmt: skip
    return results.Results(**{**made, **changes})


def arm(name: str, **changes: Any) -> Mapping[str, Any]:
    return {"architecture": name, "overrides": [], "model": "openai/some", "factors": {}, "of": "",
            "ablated": "", "warnings": [], **changes}  # fmt: skip


def scorer(**changes: Any) -> Mapping[str, Any]:
    return {"type": "contains", "binary": True, "judged": False, "wrong": 0.0, "primary_of": [],
            **changes}  # fmt: skip


def run(
    arms: Mapping[str, float],
    *,
    conversations: int = 30,
    cases: int = 5,
    repeats: int = 1,
    seed: int = 0,
    score: Score | None = None,
    dataset: str = "talks",
) -> results.Results:
    """A run in which every arm is right as often as `arms` says, or as `score` does."""
    chance = np.random.default_rng(seed)
    rows = []
    for name, share in arms.items():
        for talk in range(conversations):
            for case in range(cases):
                for again in range(repeats):
                    right = (
                        float(chance.random() < share)
                        if score is None
                        else score(name, talk, case, again, chance)
                    )
                    rows.append(
                        row(name, f"{talk:03}/{case}", right, cluster=f"{talk:03}",
                            category=str(case % 3), ingest_seed=again, dataset=dataset)
                    )  # fmt: skip
    return results_of(rows)
