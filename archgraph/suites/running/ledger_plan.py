"""Puts a plan into a ledger: its arms, datasets, scorers, histories and trials.

Set arithmetic in SQL: a run whose trials are all done costs a few statements. Called by `ledger`
in one transaction.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from archgraph import registry
from archgraph.graph import compile as compiling
from archgraph.graph import draw
from archgraph.graph import plan as graphs
from archgraph.llm import secret_options
from archgraph.suites import plan as plans
from archgraph.suites.datasets import base as datasets
from archgraph.suites.scoring import run as scoring


def take(db: Any, plan: plans.RunPlan) -> None:
    """Make a plan the present one; `db` is in a transaction."""
    _meta(db, plan)
    _arms(db, plan)
    _datasets(db, plan)
    _scorers(db, plan)
    inputs = _inputs(db, plan)
    _histories(db, plan, inputs)
    _trials(db, plan, inputs)


def mode(dataset: datasets.Dataset) -> str:
    """How a dataset's histories are fed."""
    options: Any = dataset.options
    return str(options.mode or dataset.mode)


def _meta(db: Any, plan: plans.RunPlan) -> None:
    notes = {
        "name": plan.name,
        "digest": plan.digest,
        "suite": _json(plan.source),
        "manifest": _json(plan.manifest),
        "planned": str(len(plan.trials)),
    }
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes.items())


def _arms(db: Any, plan: plans.RunPlan) -> None:
    db.execute("UPDATE arm SET place = NULL")
    drawn = dict(db.execute("SELECT name, digest FROM arm"))
    for place, arm in enumerate(plan.arms):
        body = {
            "architecture": arm.architecture, "overrides": list(arm.overrides), "model": arm.model,
            "factors": dict(arm.factors), "of": arm.of, "ablated": arm.ablated,
            "warnings": list(arm.warnings),
        }  # fmt: skip
        _named(db, "arm", arm.name, place, body)
        digest = hashlib.sha256(compiling.plan_to_json(arm.plan).encode()).hexdigest()
        if drawn.get(arm.name) != digest:
            db.execute(
                "UPDATE arm SET digest = ?, drawing = ? WHERE name = ?",
                (digest, draw.svg(_open(arm.plan)), arm.name),
            )


def _open(plan: graphs.Plan) -> graphs.Plan:
    """A plan without secrets: the checks let none in, but a plan may be made in Python."""
    threads = {
        name: dataclasses.replace(each, options={
            key: value for key, value in each.options.items()
            if not list(secret_options.places({key: value}))
        })
        for name, each in plan.threads.items()
    }  # fmt: skip
    return dataclasses.replace(plan, threads=threads)


def _datasets(db: Any, plan: plans.RunPlan) -> None:
    db.execute("UPDATE dataset SET place = NULL")
    for place, (name, dataset) in enumerate(plan.datasets.items()):
        body = {
            "type": _type(dataset), "split": dataset.split, "licence": dataset.licence,
            "provenance": dict(dataset.provenance()), "mode": mode(dataset),
            "category_name": dataset.category_name, "ordered": dataset.ordered_categories,
            "category_names": dict(dataset.category_names),
        }  # fmt: skip
        _named(db, "dataset", name, place, body)


def _scorers(db: Any, plan: plans.RunPlan) -> None:
    """Note the scorers. They are part of a trial's identity, so none of them has old scores."""
    db.execute("UPDATE scorer SET place = NULL")
    for place, (each, scorer) in enumerate(scoring.made(plan.scorers)):
        primary = [name for name, which in plan.primary.items() if which == each.name]
        body = {
            "type": each.type, "binary": scorer.binary, "judged": scorer.judged,
            "wrong": scorer.wrong, "primary_of": primary,
        }  # fmt: skip
        if found := getattr(scorer.options, "k", None):
            body["k"] = found
        _named(db, "scorer", each.name, place, body)
        form = {
            "type": each.type, "options": dict(each.options), "datasets": list(each.datasets),
            "folder": each.folder,
        }  # fmt: skip
        db.execute("UPDATE scorer SET plan = ? WHERE name = ?", (_json(form), each.name))


def _inputs(db: Any, plan: plans.RunPlan) -> dict[str, int]:
    """The numbers of the inputs by digest."""
    digests = {digest: "" for parts in plan.parts.values() for digest in parts.values()}
    digests.update(plan.inputs)
    db.executemany(
        """INSERT INTO input(digest, description) VALUES (?, ?) ON CONFLICT(digest) DO UPDATE SET
        description = excluded.description WHERE description != excluded.description
        AND excluded.description != ''""",
        digests.items(),
    )
    return dict(db.execute("SELECT digest, n FROM input"))


def _histories(db: Any, plan: plans.RunPlan, inputs: Mapping[str, int]) -> None:
    arms, sets = _numbers(db, "arm"), _numbers(db, "dataset")
    had = _had(db, "SELECT id, place, arm, dataset FROM history")
    placed = {
        each.id: (place, arms[each.arm], sets[each.dataset])
        for place, each in enumerate(plan.histories)
    }
    db.executemany(
        """INSERT INTO history(id, arm, dataset, conversation, seed, parts)
        VALUES (?, ?, ?, ?, ?, ?)""",
        ((each.id, *placed[each.id][1:], each.conversation, each.seed,
          _parts(plan, each.id, inputs)) for each in plan.histories if each.id not in had),
    )  # fmt: skip
    _place(db, "history", had, placed, ("place", "arm", "dataset"))


def _trials(db: Any, plan: plans.RunPlan, inputs: Mapping[str, int]) -> None:
    arms, sets = _numbers(db, "arm"), _numbers(db, "dataset")
    histories = dict(db.execute("SELECT id, n FROM history"))
    had = _had(db, "SELECT id, place, history, arm, dataset, category FROM trial")
    placed = {
        each.id: (place, histories[each.history], arms[each.arm], sets[each.dataset], each.category)
        for place, each in enumerate(plan.trials)
    }
    db.executemany(
        """INSERT INTO trial(id, history, arm, dataset, category, "case", cluster, ingest_seed,
        answer_seed, judge_seed, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        ((each.id, *placed[each.id][1:], each.case, each.cluster, each.ingest_seed,
          each.answer_seed, each.judge_seed, _parts(plan, each.id, inputs))
         for each in plan.trials if each.id not in had),
    )  # fmt: skip
    _place(db, "trial", had, placed, ("place", "history", "arm", "dataset", "category"))
    db.execute("UPDATE trial SET state = 0 WHERE state = 1")  # whoever was at it is gone


def _had(db: Any, sql: str) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in db.execute(sql)}


def _place(
    db: Any,
    table: str,
    had: Mapping[str, tuple[Any, ...]],
    placed: Mapping[str, tuple[Any, ...]],
    columns: tuple[str, ...],
) -> None:
    """Put every row into its place in the plan; those that are there already are left alone."""
    gone = ((id,) for id, row in had.items() if row[0] is not None and id not in placed)
    db.executemany(f"UPDATE {table} SET place = NULL WHERE id = ?", gone)
    sets = ", ".join(f"{each} = ?" for each in columns)
    moved = ((*row, id) for id, row in placed.items() if had.get(id) != row)
    db.executemany(f"UPDATE {table} SET {sets} WHERE id = ?", moved)


def _parts(plan: plans.RunPlan, id: str, inputs: Mapping[str, int]) -> str:
    return _json({name: inputs[digest] for name, digest in plan.parts.get(id, {}).items()})


def _named(db: Any, table: str, name: str, place: int, body: Mapping[str, Any]) -> None:
    db.execute(
        f"""INSERT INTO {table}(name, place, body) VALUES (?, ?, ?) ON CONFLICT(name)
        DO UPDATE SET place = excluded.place, body = excluded.body""",
        (name, place, _json(body)),
    )


def _numbers(db: Any, table: str) -> dict[str, int]:
    return dict(db.execute(f"SELECT name, n FROM {table}"))


def _type(dataset: datasets.Dataset) -> str:
    """The name that a dataset's class is registered under."""
    target = f"{type(dataset).__module__}:{type(dataset).__qualname__}"
    known = registry.entries("datasets").items()
    found: Iterable[str] = (name for name, entry in known if entry.target == target)
    return next(iter(found), type(dataset).__name__)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
