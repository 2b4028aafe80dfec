"""Reads a ledger: rows for statistics, outcomes for whoever looks closer.

Called by `ledger` with a connection; knows the tables, writes nothing.
"""

from __future__ import annotations

import contextlib
import gc
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from archgraph import errors
from archgraph.suites import plan as plans
from archgraph.suites import results as rows_of
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import packing, rows, sealing, shares

_KEPT = 8
"""Conversations that are kept in memory."""

_LISTED = 8
"""Trials that a message names when several fit."""


def results(db: Any) -> rows_of.Results:
    """All rows of the present plan that are done."""
    meta = dict(db.execute("SELECT key, value FROM meta"))
    with _uncollected():
        found = _rows(db)
    return rows_of.Results(
        name=meta.get("name", ""),
        suite=json.loads(meta.get("suite", "{}")),
        manifest=_manifest(db, meta),
        arms=_bodies(db, "arm"),
        datasets=_bodies(db, "dataset"),
        scorers=_scorers(db, found),
        rows=found,
        ingests=_ingests(db),
        planned=int(meta.get("planned", 0)),
        stopped=_stopped(meta, len(found)),
        drawings=dict(db.execute(
            "SELECT name, drawing FROM arm WHERE place IS NOT NULL ORDER BY place"
        )),
    )  # fmt: skip


def _manifest(db: Any, meta: dict[str, str]) -> dict[str, Any]:
    """The plan's manifest, with the tests of the scorers that it has, and the run's digest."""
    found: dict[str, Any] = json.loads(meta.get("manifest", "{}"))
    probes = json.loads(meta.get("probes", "{}"))
    present = {name: probes[name] for name in _bodies(db, "scorer") if name in probes}
    sealed = {"digest": meta[sealing.NOTE]} if meta.get(sealing.NOTE) else {}
    return {**found, **({"probes": present} if present else {}), **sealed}


def _scorers(db: Any, found: list[rows_of.Row]) -> dict[str, Any]:
    """What scorers are, with how often each broke.

    The condition on the details is that of an index; ledgers that lack it are looked through.
    """
    bodies = _bodies(db, "scorer")
    sql = """SELECT scorer.name, count(*), sum(value IS NOT NULL), min(trial.place), note
        FROM score JOIN trial ON trial.n = score.trial JOIN scorer ON scorer.n = score.scorer
        WHERE details = '{"broke": true}' AND trial.place IS NOT NULL AND trial.state = 2
        AND scorer.place IS NOT NULL GROUP BY scorer.n"""
    for name, count, wrong, _, note in db.execute(sql):
        scored = sum(row.scores.get(name) is not None for row in found)
        bodies[name]["broke"] = {"count": count, "of": scored + count - wrong, "note": note}
    return bodies


def _rows(db: Any) -> list[rows_of.Row]:
    arms, sets = _names(db, "arm"), _names(db, "dataset")
    scorers = dict(db.execute("SELECT n, name FROM scorer WHERE place IS NOT NULL ORDER BY place"))
    paid = _paid(db, "trial")
    fetched = db.execute(
        """SELECT id, arm, dataset, "case", cluster, category, ingest_seed, answer_seed,
        judge_seed, status, reason, layout, shares, numbers FROM trial
        WHERE place IS NOT NULL AND state = 2 ORDER BY place"""
    ).fetchall()
    made, losses, unpack, judged = tuple.__new__, rows.losses, rows.scores, rows.judged
    bodies = _bodies(db, "scorer")
    primary = {name: scorer for scorer, each in bodies.items() for name in each["primary_of"]}
    deciding = {n: primary.get(name, "") for n, name in sets.items()}
    metrics, times, threads, stores = rows.Metrics, rows.Times, shares.Threads, shares.Stores
    layouts = {n: shares.Layout(names) for n, names in db.execute("SELECT n, names FROM layout")}
    if paid:
        fetched = [(*each[:-1], rows.with_paid(each[-1], paid.get(each[0], 0.0)))
                   for each in fetched]  # fmt: skip
    found: list[rows_of.Row] = []
    for (
        id, arm, dataset, case, cluster, category, one, two, three, status, why, n, taken, data,
    ) in fetched:  # fmt: skip
        values, layout = unpack(data), layouts[n]
        many = len(values)
        scores = {name: values[n] if n < many and values[n] == values[n] else None
                  for n, name in scorers.items()}  # fmt: skip
        found.append(made(rows_of.Row, (
            id, arms[arm], sets[dataset], case, cluster, category, one, two, three, status, why,
            scores, metrics(data), judged(losses(data), scores.get(deciding[dataset])),
            times(data), threads(layout.threads, taken), stores(layout.stores, taken),
        )))  # fmt: skip
    return found


def _ingests(db: Any) -> list[rows_of.Ingest]:
    arms, sets, paid = _names(db, "arm"), _names(db, "dataset"), _paid(db, "history")
    return [
        rows_of.Ingest(
            id, arms[arm], sets[dataset], conversation, seed, status, reason,
            {**json.loads(spent), "paid": paid.get(id, 0.0)}, json.loads(times), size,
        )
        for id, arm, dataset, conversation, seed, status, reason, spent, times, size in db.execute(
            """SELECT id, arm, dataset, conversation, seed, status, reason, spent, times,
            store_bytes FROM history WHERE place IS NOT NULL AND state = 1 ORDER BY place"""
        )
    ]  # fmt: skip


def _paid(db: Any, table: str) -> dict[str, float]:
    """What was paid for each trial or history: a purchase counts for its first user in the plan."""
    sql = f"""SELECT id, sum(cost) FROM (
        SELECT {table}.id AS id, purchase.cost AS cost, min({table}.place)
        FROM used JOIN {table} ON {table}.id = used.user
        JOIN purchase ON purchase.key = used.purchase
        WHERE {table}.place IS NOT NULL GROUP BY purchase.key
        UNION ALL SELECT {table}.id, vector.cost, min({table}.place)
        FROM vector_use JOIN {table} ON {table}.id = vector_use.user
        JOIN vector ON vector.n = vector_use.vector
        WHERE {table}.place IS NOT NULL GROUP BY vector.embedder, vector.text) GROUP BY id"""
    return {id: cost or 0.0 for id, cost in db.execute(sql)}


def _stopped(meta: dict[str, str], done: int) -> str:
    planned = int(meta.get("planned", 0))
    if done >= planned:
        return ""
    return meta.get("stopped") or f"{planned - done} of {planned} trials are not done yet"


def purchases(db: Any) -> list[dict[str, Any]]:
    """See `Ledger.purchases`."""
    found = []
    for key, scope, ordinal, completion, request in db.execute(
        "SELECT key, scope, ordinal, completion, request FROM purchase"
    ):
        row = {**_plain(request), "scope": scope, "ordinal": ordinal}
        found.append({**row, "completion": json.loads(completion), "_key": key})
    for key, user, kind, text, request in db.execute(
        "SELECT key, user, kind, text, request FROM failure"
    ):
        found.append({**_plain(request), "user": place(db, user), "failure": [kind, text],
                      "_key": key})  # fmt: skip
    found.sort(key=lambda row: (row["_key"], row.get("user", "")))
    for row in found:
        del row["_key"]
    return found


def place(db: Any, user: str) -> str:
    """What a trial or history is, in words that another run of the same suite uses, too."""
    row = db.execute(
        """SELECT arm.name, dataset.name, "case", ingest_seed, answer_seed, judge_seed FROM trial
        JOIN arm ON arm.n = arm JOIN dataset ON dataset.n = dataset WHERE id = ?""",
        (user,),
    ).fetchone()
    row = (
        row
        or db.execute(
            """SELECT arm.name, dataset.name, conversation, seed FROM history
            JOIN arm ON arm.n = arm
        JOIN dataset ON dataset.n = dataset WHERE id = ?""",
            (user,),
        ).fetchone()
    )
    return "/".join(map(str, row)) if row else user


def outcome(db: Any, trial: str) -> dict[str, Any]:
    """See `Ledger.outcome`."""
    row = db.execute(
        "SELECT body FROM detail JOIN trial ON trial.n = detail.trial WHERE id = ?", (trial,)
    ).fetchone()
    if row is None:
        raise _not_done(db, trial)

    def text(key: bytes) -> str:
        found = db.execute("SELECT body FROM text WHERE hash = ?", (key,)).fetchone()
        return packing.unsqueezed(found[0])

    found: dict[str, Any] = packing.joined(row[0], text)
    return found


def case(db: Any, trial: str, kept: dict[str, cases.Conversation]) -> cases.Case:
    """See `Ledger.case`; `kept` holds conversations that were read before."""
    row = db.execute(
        """SELECT "case", history.body FROM trial JOIN history ON history.n = trial.history
        WHERE trial.id = ? AND history.body IS NOT NULL""",
        (trial,),
    ).fetchone()
    if row is None:
        raise _not_done(db, trial)
    if row[1] not in kept:
        body = db.execute("SELECT body FROM conversation WHERE hash = ?", row[1:]).fetchone()[0]
        while len(kept) >= _KEPT:
            del kept[next(iter(kept))]
        kept[row[1]] = packing.read_conversation(packing.unsqueezed(body))
    return next(each for each in kept[row[1]].cases if each.id == row[0])


def scorer_plans(db: Any) -> list[plans.ScorerPlan]:
    """See `Ledger.scorer_plans`."""
    found = []
    for name, text in db.execute(
        "SELECT name, plan FROM scorer WHERE place IS NOT NULL ORDER BY place"
    ):
        form = json.loads(text)
        found.append(plans.ScorerPlan(
            name, form["type"], form["options"], tuple(form["datasets"]), form["folder"]
        ))  # fmt: skip
    return found


def scores(db: Any, trial: str) -> dict[str, tuple[float | None, str, dict[str, Any]]]:
    """See `Ledger.scores`."""
    sql = """SELECT name, value, note, details FROM score JOIN scorer ON scorer.n = score.scorer
        JOIN trial ON trial.n = score.trial WHERE id = ? ORDER BY scorer.place"""
    return {
        name: (value, note, json.loads(details) if details else {})
        for name, value, note, details in db.execute(sql, (trial,))
    }


def parts(db: Any, id: str) -> dict[str, str]:
    """See `Ledger.parts`."""
    row = db.execute(
        "SELECT parts FROM trial WHERE id = ? UNION ALL SELECT parts FROM history WHERE id = ?",
        (id, id),
    ).fetchone()
    numbers: dict[str, int] = json.loads(row[0]) if row else {}
    one = "SELECT digest FROM input WHERE n = ?"
    return {name: db.execute(one, (n,)).fetchone()[0] for name, n in numbers.items()}


def inputs(db: Any, digests: Iterable[str]) -> dict[str, str]:
    """See `Ledger.inputs`."""
    one = "SELECT description FROM input WHERE digest = ?"
    found = {digest: db.execute(one, (digest,)).fetchone() for digest in digests}
    return {digest: row[0] for digest, row in found.items() if row}


def trials(db: Any, planned: bool | None) -> list[dict[str, Any]]:
    """See `Ledger.trials`."""
    where = {None: "1", True: "t.place IS NOT NULL", False: "t.place IS NULL"}[planned]
    names = ("id", "history", "arm", "dataset", "case", "cluster", "category", "ingest_seed",
             "answer_seed", "judge_seed", "planned", "status", "reason", "attempts")  # fmt: skip
    sql = f"""SELECT t.id, history.id, arm.name, dataset.name, t."case", t.cluster, t.category,
        t.ingest_seed, t.answer_seed, t.judge_seed, t.place IS NOT NULL, t.status, t.reason,
        t.attempts FROM trial t JOIN history ON history.n = t.history JOIN arm ON arm.n = t.arm
        JOIN dataset ON dataset.n = t.dataset WHERE {where}
        ORDER BY t.place IS NULL, t.place, t.n"""
    return [dict(zip(names, row, strict=True)) for row in db.execute(sql)]


def find_trial(db: Any, text: str) -> str:
    """See `Ledger.find_trial`."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = db.execute(
        """SELECT t.id, arm.name || '/' || t."case", t.ingest_seed, t.answer_seed, t.judge_seed
        FROM trial t JOIN arm ON arm.n = t.arm JOIN dataset ON dataset.n = t.dataset
        WHERE (t.id LIKE ? ESCAPE '\\') OR (t.place IS NOT NULL AND ? IN
        (arm.name || '/' || t."case", arm.name || '/' || dataset.name || '/' || t."case"))
        ORDER BY t.place IS NULL, t.place LIMIT 50""",
        (f"{escaped}%", text),
    ).fetchall()
    exact = [row for row in found if row[0] == text]
    if len(exact or found) == 1:
        return str((exact or found)[0][0])
    if not found:
        known = [row[0] for row in db.execute(
            """SELECT DISTINCT arm.name || '/' || t."case" FROM trial t
            JOIN arm ON arm.n = t.arm WHERE t.place IS NOT NULL ORDER BY t.place LIMIT 5000"""
        )]  # fmt: skip
        near = errors.nearest(text, known)
        meant = f'did you mean "{near}"?' if near else "write the beginning of an id, or arm/case"
        raise errors.InputError(f"no trial {text!r} in this run; {meant}")
    listed = "\n".join(
        f"  {id[:12]}  {name}  seeds {one}/{two}/{three}"
        for id, name, one, two, three in found[:_LISTED]
    )
    more = f"\n  and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise errors.InputError(f"several trials fit {text!r}; name one by its id:\n{listed}{more}")


def _not_done(db: Any, trial: str) -> errors.InputError:
    row = db.execute("SELECT state FROM trial WHERE id = ?", (trial,)).fetchone()
    what = "is not done yet" if row else "is not in this run"
    return errors.InputError(f"the trial {trial} {what}")


def _names(db: Any, table: str) -> dict[int, str]:
    return dict(db.execute(f"SELECT n, name FROM {table}"))


def _bodies(db: Any, table: str) -> dict[str, Any]:
    sql = f"SELECT name, body FROM {table} WHERE place IS NOT NULL ORDER BY place"
    return {name: json.loads(body) for name, body in db.execute(sql)}


def _plain(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(data))
    return found


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Making a million small objects at once, none of them garbage, without looking for garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
