"""What a worker sends when a trial is over, and how the coordinator reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archgraph.suites import plan, record, results
from archgraph.suites.running import ledger, packing, rows, shares, wire
from archgraph.suites.scoring import base as scoring

BROKE = {"broke": True}
"""The details of a scoring that broke, as `reading` looks for them."""

Scores = Mapping[str, scoring.Score | None]


def commit(outcome: record.Outcome, scores: Scores) -> ledger.Commit:
    """An outcome with its scores as the ledger keeps it."""
    detail, texts = packing.split(record.plain(outcome))
    return ledger.Commit(
        outcome.status, outcome.reason, rows.numbers(outcome), kept(scores), detail,
        {key: packing.squeezed(text) for key, text in texts.items()}, shares.shares(outcome),
    )  # fmt: skip


def kept(scores: Scores) -> list[ledger.Scored]:
    """Scores as the ledger keeps them."""
    return [
        ledger.Scored(name, None) if each is None
        else ledger.Scored(name, each.counted, each.note,
                           dict(BROKE) if each.broke else record.plain(each.details))
        for name, each in scores.items()
    ]  # fmt: skip


def message(trial: str, outcome: record.Outcome, scores: Scores, had: set[bytes]) -> wire.Answer:
    """The message of a commit, without the texts that the ledger has from this worker."""
    found = commit(outcome, scores)
    texts = {key: body for key, body in found.texts.items() if key not in had}
    told = {
        "do": "commit", "trial": trial, "status": found.status, "reason": found.reason,
        "numbers": list(found.numbers), "shares": found.taken, "keys": [key.hex() for key in texts],
        "scores": [[each.scorer, each.value, each.note, dict(each.details)]
                   for each in found.scores],
    }  # fmt: skip
    return told, [found.detail, *texts.values()]


def read(told: wire.Message, frames: Sequence[bytes]) -> ledger.Commit:
    """The commit of such a message."""
    keys = [bytes.fromhex(each) for each in told["keys"]]
    layout, taken = told["shares"]
    return ledger.Commit(
        told["status"], told["reason"], told["numbers"],
        [ledger.Scored(*each) for each in told["scores"]], frames[0],
        dict(zip(keys, frames[1:], strict=True)), shares.Shares(layout, tuple(taken)),
    )  # fmt: skip


def ended(history: plan.History, status: str, reason: str) -> results.Ingest:
    """An ingest that came to nothing."""
    return results.Ingest(
        history.id, history.arm, history.dataset, history.conversation, history.seed, status,
        reason, record.plain(record.Spent()), {}, 0,
    )  # fmt: skip
