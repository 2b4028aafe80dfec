"""Embeddings that may cost money: bought once by the coordinator, limited, recorded, replayed."""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archgraph import errors
from archgraph.llm import base as llm
from archgraph.llm import embedders, litellm_embedder
from archgraph.suites import plan
from archgraph.suites.running import (
    broker,
    coordinator,
    embedding,
    recorded_vectors,
    recordings,
    trial,
)
from archgraph.suites.running import ledger as ledgers
from tests.fake_openai import KEY, FakeOpenAI, Status, vector_of
from tests.suites import made_plans

PRICED = "openai/text-embedding-3-small"
PRICE = 2e-8
"""US dollars of a token of it, by litellm's list."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """A provider whose key is in nobody's environment."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with FakeOpenAI() as made:
        yield made


def at(server: FakeOpenAI) -> broker.OpenEmbedder:
    """Opens embedders of that server with its key, which only the coordinator has."""

    def opened(name: str, options: Mapping[str, Any]) -> llm.Embedder:
        return litellm_embedder.LitellmEmbedder(name, {**options, **server.options()})

    return opened


def nobody(name: str, options: Mapping[str, Any]) -> llm.Embedder:
    """Knows an embedder's name, and can reach no provider."""
    return litellm_embedder.LitellmEmbedder(
        name, {**options, "api_base": "http://127.0.0.1:9/v1", "api_key": "none"}
    )


def made(embedder: str = "openai/emb", **more: Any) -> plan.RunPlan:
    return made_plans.plan_of(architecture="text_rag", embedder=embedder, **more)


def run(
    folder: Path, given: plan.RunPlan, opened: broker.OpenEmbedder, workers: int = 0, **more: Any
) -> coordinator.RunEnd:
    options = coordinator.Options(workers=workers, open_embedder=opened, **more)
    return coordinator.run(given, folder, options)


def embedded(server: FakeOpenAI) -> list[str]:
    """All texts that the server was sent."""
    return [text for each in server.received for text in each.json["input"]]


@pytest.mark.parametrize(("name", "paid"), [
    ("hashed", False), ("hashed/64", False), ("minilm", False), ("minilm/folder", False),
    ("openai/emb", True), ("litellm/emb", True), ("huggingface/any", True),
])  # fmt: skip
def test_which_embedders_may_cost_money(name: str, paid: bool) -> None:
    assert embedders.is_paid(name) is paid


def test_a_class_says_that_it_costs_money(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not embedders.is_paid("hashed")
    monkeypatch.setattr(embedders.Hashed, "paid", True, raising=False)
    assert embedders.is_paid("hashed")


@pytest.mark.parametrize("workers", [0, 2])
def test_arms_workers_and_a_resume_buy_each_text_once(
    server: FakeOpenAI, tmp_path: Path, workers: int
) -> None:
    given = made(talks=2, questions=9)
    run(tmp_path / "whole", given, at(server))
    texts = Counter(embedded(server))
    assert len(texts) == 36 and set(texts.values()) == {1}  # items and questions, for two arms
    server.received.clear()
    half = dataclasses.replace(given, limits=plan.Limits(max_calls=6))
    end = run(tmp_path / "run", half, at(server), workers)
    assert end.state == "stopped" and "limit is 6" in end.reason
    assert len(server.received) == 6 and end.done < 36 and end.broken == end.failed == 0
    end = run(tmp_path / "run", given, at(server), workers)
    assert end.state == "complete" and Counter(embedded(server)) == texts
    assert made_plans.table(tmp_path / "run") == made_plans.table(tmp_path / "whole")
    before = len(server.received)
    run(tmp_path / "run", given, at(server), workers)
    assert len(server.received) == before


def test_the_vectors_are_those_of_the_provider(server: FakeOpenAI, tmp_path: Path) -> None:
    run(tmp_path, made(), at(server))
    text = embedded(server)[0]
    with ledgers.Ledger.open(tmp_path, readonly=True) as ledger:
        (found,) = ledger.vectors.get("openai/emb", [embedding.digest(text)]).values()
        assert ledger.vectors.dimension("openai/emb") == 8
        size = ledger._db.execute("SELECT max(length(data)) FROM vector").fetchone()[0]
    raw = np.array(vector_of(text, 8))
    assert np.allclose(np.frombuffer(found.data, "<f4"), raw / np.linalg.norm(raw), atol=1e-6)
    assert size == 4 * 8


def test_a_replay_needs_no_server(server: FakeOpenAI, tmp_path: Path) -> None:
    given = made(questions=30, talks=1)  # its questions are asked of snapshots
    run(tmp_path / "run", given, at(server), 2, record=tmp_path / "rec")
    end = run(tmp_path / "again", given, nobody, 2, replay=tmp_path / "rec",
              record=tmp_path / "rec2")  # fmt: skip
    reasons = {row.reason for row in made_plans.rows_of(tmp_path / "again")}
    assert (end.state, reasons, end.notes) == ("complete", {""}, ())
    assert made_plans.table(tmp_path / "again") == made_plans.table(tmp_path / "run")
    for name in (recordings.RECORDING, recorded_vectors.FILE, recordings.MANIFEST):
        assert (tmp_path / "rec" / name).read_bytes() == (tmp_path / "rec2" / name).read_bytes()
    text = (tmp_path / "rec" / recorded_vectors.FILE).read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 60 and [row["text"] for row in rows] == sorted(r["text"] for r in rows)
    assert len(base64.b64decode(rows[0]["vector"])) == 32
    assert KEY.encode() not in (tmp_path / "run" / "run.db").read_bytes()


def test_a_text_that_was_not_recorded_breaks_what_needs_it(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    run(tmp_path / "run", made(talks=1), at(server), record=tmp_path / "rec")
    end = run(tmp_path / "again", made(talks=2), nobody, replay=tmp_path / "rec")
    assert end.state == "complete" and end.broken == 6
    broken = [row for row in made_plans.rows_of(tmp_path / "again") if row.status == "broken"]
    assert {row.cluster for row in broken} == {"talk1"}
    assert "no embedding by openai/emb was recorded for the text" in broken[0].reason


def test_a_recording_of_embeddings_that_was_changed_is_refused(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    run(tmp_path / "run", made(talks=1), at(server), record=tmp_path / "rec")
    path = tmp_path / "rec" / recorded_vectors.FILE
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.InputError, match="changed since"):
        recordings.Recorded(tmp_path / "rec")
    path.write_bytes(b"{}\n")
    (tmp_path / "rec" / recordings.MANIFEST).unlink()
    with pytest.raises(errors.InputError, match=r"embeddings\.jsonl:1: not a row"):
        recordings.Recorded(tmp_path / "rec")


def test_a_run_without_paid_embeddings_leaves_none_in_its_recording(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    run(tmp_path / "run", made(talks=1), at(server), record=tmp_path / "rec")
    run(tmp_path / "other", made("hashed", talks=1), nobody, record=tmp_path / "rec")
    assert not (tmp_path / "rec" / recorded_vectors.FILE).exists()
    assert "embeddings" not in json.loads((tmp_path / "rec" / "manifest.json").read_text())


def test_what_embeddings_cost_is_told_and_limited(server: FakeOpenAI, tmp_path: Path) -> None:
    given = made(PRICED, talks=1)
    run(tmp_path / "run", given, at(server), record=tmp_path / "rec")
    with ledgers.Ledger.open(tmp_path / "run", readonly=True) as ledger:
        found = ledger.results()
        calls, cost = ledger.spent()
    assert calls == len(server.received) and cost > 0
    alone = {name: sum(row.metrics["cost"] for row in found.rows if row.arm == name)
             + sum(each.spent["cost"] for each in found.ingests if each.arm == name)
             for name in ("one", "two")}  # fmt: skip
    paid = [sum(row.metrics["paid"] for row in found.rows if row.arm == name)
            + sum(each.spent["paid"] for each in found.ingests if each.arm == name)
            for name in ("one", "two")]  # fmt: skip
    assert alone["one"] == alone["two"] == pytest.approx(cost)
    assert paid == [pytest.approx(cost), 0]
    run(tmp_path / "again", given, nobody, replay=tmp_path / "rec")
    assert made_plans.table(tmp_path / "again") == made_plans.table(tmp_path / "run")
    limited = dataclasses.replace(given, limits=plan.Limits(max_cost=cost / 2))
    end = run(tmp_path / "less", limited, at(server))
    assert end.state == "stopped" and "US dollars" in end.reason


def test_a_text_costs_its_tokens_and_an_unknown_price_is_told_of(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    opened = litellm_embedder.LitellmEmbedder(PRICED, server.options())
    assert opened.cost("one two three") == pytest.approx(PRICE * 3, rel=0.7)
    assert litellm_embedder.LitellmEmbedder("openai/emb", {}).cost("one two three") is None
    limited = made(talks=1, limits=plan.Limits(max_cost=1.0))
    end = run(tmp_path, limited, at(server))
    assert len(end.notes) == 1 and "what openai/emb costs is not known" in end.notes[0]


def test_a_provider_that_fails_fails_what_asked_and_is_recorded(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    given = made(talks=1, questions=4)
    server.queue(lambda received: Status(400, "no such text"))
    end = run(tmp_path / "run", given, at(server), record=tmp_path / "rec")
    assert end.state == "complete"
    server.clear()
    told = made_plans.table(tmp_path / "run")
    assert any("no such text" in str(row) for row in told)
    end = run(tmp_path / "again", given, nobody, replay=tmp_path / "rec")
    assert end.notes == () and made_plans.table(tmp_path / "again") == told


def test_an_agent_out_of_its_snapshot_asks_no_other_embedder() -> None:
    class Counting(Slow):
        def __init__(self) -> None:
            super().__init__()
            self.gate.set()

    counting = Counting()
    given = trial.Conditions(
        made_plans.graph("text_rag", "offline/extractive"), "observe", plan.Faults(), 0, 0,
        "slow/1", trial.simple(made_plans.graph("text_rag", "offline/extractive")).open_gateway,
        lambda name: counting,
    )  # fmt: skip
    talk = made_plans.conversation(0, 2)
    with trial.ingest(given, talk, 0) as fed:
        snapshot = fed.snapshot()
    assert counting.asked
    with trial.restore(given, snapshot) as again:
        assert trial.ask(given, again, talk.cases[0], 0).status == "done"


# The broker alone


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[ledgers.Ledger]:
    with ledgers.Ledger.open(tmp_path) as opened:
        opened.begin(made_plans.plan_of())
        yield opened


class Slow:
    """An embedder that waits at a gate."""

    id, dimension = "slow/1", 2

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.gate, self.entered = threading.Event(), threading.Semaphore(0)

    def embed(self, texts: Any) -> Any:
        self.asked.append(list(texts))
        self.entered.release()
        self.gate.wait(20)
        return np.array([[len(text), 1] for text in texts], np.float32)


def of(kept: ledgers.Ledger, embedder: Any, **terms: Any) -> broker.Broker:
    return broker.Broker(
        kept, made_plans.unreachable,
        broker.Terms(open_embedder=lambda name, options: embedder, **terms),
    )  # fmt: skip


def test_texts_that_somebody_else_is_buying_are_waited_for(kept: ledgers.Ledger) -> None:
    slow = Slow()
    buyer = of(kept, slow)
    found: dict[str, embedding.Bought] = {}

    def ask(name: str, *texts: str) -> threading.Thread:
        def job() -> None:
            found[name] = buyer.embed(embedding.Wanted("slow/1", texts))

        thread = threading.Thread(target=job)
        thread.start()
        return thread

    first = ask("first", "a", "bb")
    assert slow.entered.acquire(timeout=10)
    second = ask("second", "bb", "ccc", "bb")
    assert slow.entered.acquire(timeout=10)  # what is left is bought at once
    slow.gate.set()
    first.join(20)
    second.join(20)
    assert slow.asked == [["a", "bb"], ["ccc"]]
    told = [np.frombuffer(each.data, "<f4")[0] for each in found["second"].vectors]
    assert told == [2, 3, 2]
    assert (buyer.calls, buyer.asking) == (2, 0)
    assert of(kept, slow).calls == 2


def test_many_texts_are_split_and_each_request_is_kept(kept: ledgers.Ledger) -> None:
    slow = Slow()
    slow.gate.set()
    texts = [f"text {number}" for number in range(300)]
    buyer = of(kept, slow, limits=plan.Limits(max_calls=2))
    with pytest.raises(broker.Spent):
        buyer.embed(embedding.Wanted("slow/1", texts))
    assert [len(each) for each in slow.asked] == [128, 128]
    of(kept, slow).embed(embedding.Wanted("slow/1", texts))
    assert [len(each) for each in slow.asked] == [128, 128, 44]


@pytest.mark.parametrize("wrong", [
    np.ones((2, 2)), np.ones(1), np.full((1, 2), np.nan), RuntimeError("within"),
])  # fmt: skip
def test_an_embedder_that_breaks_its_contract_fails_what_asked(
    kept: ledgers.Ledger, wrong: Any
) -> None:
    class Broken(Slow):
        def embed(self, texts: Any) -> Any:
            if isinstance(wrong, Exception):
                raise wrong
            return wrong

    with pytest.raises(errors.GatewayError, match="embedder"):
        of(kept, Broken()).embed(embedding.Wanted("slow/1", ["a"]))
    assert kept.vectors.spent() == (0, 0.0)


def test_a_dimension_is_known_as_soon_as_a_vector_is(kept: ledgers.Ledger) -> None:
    slow = Slow()
    slow.gate.set()
    buyer = of(kept, slow)

    def bought(name: str, texts: Any) -> tuple[bytes, float, float]:
        found = buyer.embed(embedding.Wanted(name, texts))
        return b"".join(each.data for each in found.vectors), found.cost, found.paid

    mine = embedding.Embedder("slow/1", buyer.about, bought)
    assert (mine.id, mine.dimension) == ("slow/1", 2)
    assert slow.asked == [["dimension"]]
    other = embedding.Embedder("slow/1", buyer.about, bought)
    assert other.dimension == 2 and other.embed([]).shape == (0, 2)
    assert len(slow.asked) == 1
