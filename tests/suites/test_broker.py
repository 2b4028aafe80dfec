"""The broker: bought once, within limits, with shared waits, and without a secret on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archgraph import clock, errors
from archgraph.llm import base as llm
from archgraph.llm import recording
from archgraph.messages import Completion, Usage
from archgraph.suites import plan
from archgraph.suites.running import broker, brokered, ledger
from tests.fake_openai import KEY, FakeOpenAI, Status, Text
from tests.suites import made_plans


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[ledger.Ledger]:
    with ledger.Ledger.open(tmp_path) as opened:
        opened.begin(made_plans.plan_of())
        yield opened


class Model:
    """Answers with the number of the call; waits at a gate, and may fail by a rule."""

    def __init__(self, cost: float | None = 0.5, fail: Callable[[int], Any] = lambda n: None):
        self.calls = 0
        self.most = self._now = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self._cost, self._fail, self._lock = cost, fail, threading.Lock()

    def open(self, model: str, options: Any) -> Any:
        return self

    def complete(self, request: llm.Request) -> Completion:
        with self._lock:
            number = self.calls
            self.calls += 1
            self._now += 1
            self.most = max(self.most, self._now)
        self.entered.release()
        self.gate.wait(20)
        with self._lock:
            self._now -= 1
        error = self._fail(number)
        if error is not None:
            raise error
        return Completion(f"answer {number}", usage=Usage(7, 3, 0, self._cost))


def wanted(text: str = "hi", scope: str = "ask/0", ordinal: int = 0, **more: Any) -> broker.Wanted:
    request = llm.Request(more.pop("model", "fake/m"), [{"role": "user", "content": text}],
                          options=more.pop("given", {}))  # fmt: skip
    return broker.Wanted(request, more.pop("options", {}), recording.digest(request), scope,
                         ordinal, more.pop("user", "t-one-talk0-q0-0"))  # fmt: skip


def of(kept: ledger.Ledger, model: Any, **terms: Any) -> broker.Broker:
    return broker.Broker(kept, model.open, broker.Terms(**terms))


def together(count: int, job: Callable[[int], Any]) -> list[Any]:
    """Run a job in so many threads; what came of each, errors as values."""
    found: list[Any] = [None] * count

    def one(number: int) -> None:
        try:
            found[number] = job(number)
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    return found


def test_equal_requests_at_the_same_time_are_bought_once(kept: ledger.Ledger) -> None:
    model = Model()
    model.gate.clear()
    buyer = of(kept, model)
    threading.Timer(0.05, model.gate.set).start()
    found = together(8, lambda number: buyer.buy(wanted()))
    assert model.calls == 1
    assert {each.completion.text for each in found} == {"answer 0"}
    assert sorted(each.paid for each in found) == [0.0] * 7 + [0.5]
    assert (buyer.calls, buyer.cost, buyer.asking) == (1, 0.5, 0)


def test_what_makes_a_purchase_another_one(kept: ledger.Ledger) -> None:
    model = Model()
    buyer = of(kept, model)
    different = [wanted(), wanted("bye"), wanted(scope="ask/1"), wanted(ordinal=1),
                 wanted(model="fake/n"), wanted(given={"temperature": 1})]  # fmt: skip
    for each in different:
        buyer.buy(each)
    assert model.calls == len(different)
    same = [wanted(user="another"), wanted(given={"api_key": "x", "timeout": 3, "retries": 1})]
    for each in same:
        assert buyer.buy(each).paid == 0
    assert model.calls == len(different)


def test_what_was_bought_is_there_after_a_restart(tmp_path: Path) -> None:
    model = Model()
    with ledger.Ledger.open(tmp_path) as opened:
        of(opened, model).buy(wanted())
    with ledger.Ledger.open(tmp_path) as opened:
        buyer = of(opened, model)
        assert (buyer.calls, buyer.cost) == (1, 0.5)
        assert buyer.buy(wanted()) == broker.Bought(
            Completion("answer 0", usage=Usage(7, 3, 0, 0.5)), 0.0)  # fmt: skip
    assert model.calls == 1


def test_a_limit_on_calls_holds_among_threads(kept: ledger.Ledger) -> None:
    model = Model()
    buyer = of(kept, model, limits=plan.Limits(max_calls=5))
    found = together(12, lambda number: buyer.buy(wanted(str(number))))
    assert model.calls == 5
    assert sum(isinstance(each, broker.Spent) for each in found) == 7
    assert buyer.buy(wanted(next(str(n) for n, each in enumerate(found)
                                 if isinstance(each, broker.Bought)))).paid == 0  # fmt: skip


def test_a_call_that_fails_leaves_its_place_to_another(kept: ledger.Ledger) -> None:
    model = Model(fail=lambda n: errors.GatewayError("no") if n == 0 else None)
    model.gate.clear()
    buyer = of(kept, model, limits=plan.Limits(max_calls=1))
    threading.Timer(0.05, model.gate.set).start()
    found = together(2, lambda number: buyer.buy(wanted(str(number))))
    kinds = sorted(type(each).__name__ for each in found)
    assert kinds == ["Bought", "GatewayError"] and model.calls == 2


def test_a_limit_on_cost_is_passed_by_the_calls_under_way_only(kept: ledger.Ledger) -> None:
    model = Model(cost=0.5)
    buyer = of(kept, model, limits=plan.Limits(max_cost=1.0))
    together(3, lambda number: [buyer.buy(wanted(f"{number}/{k}")) for k in range(9)])
    assert 1.0 <= buyer.cost <= 1.0 + 3 * 0.5
    with pytest.raises(broker.Spent, match="the limit is 1"):
        buyer.buy(wanted("one more"))


def test_a_failure_is_no_purchase(kept: ledger.Ledger) -> None:
    model = Model(fail=lambda n: errors.ContextOverflow("too long") if n == 0 else None)
    buyer = of(kept, model)
    with pytest.raises(errors.ContextOverflow, match="too long"):
        buyer.buy(wanted())
    assert buyer.calls == 0 and model.calls == 1
    (told,) = kept.purchases()
    assert told["failure"] == ["ContextOverflow", "too long"]
    assert told["user"] == "one/talks/talk0-q0/0/0/0"
    assert buyer.buy(wanted()).completion.text == "answer 1"  # asked again by whoever needs it
    assert [("completion" in each) for each in kept.purchases()] == [True]


def test_passing_trouble_is_tried_again_to_the_bound(
    kept: ledger.Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "elapsed", lambda: now[0])

    def pause(seconds: float) -> None:
        now[0] += seconds

    model = Model(fail=lambda n: errors.GatewayFault("busy") if n < 3 else None)
    found = of(kept, model, pause=pause).buy(wanted(options={"retries": 3}))
    assert found.completion.text == "answer 3"
    assert now[0] == pytest.approx(0.5 + 1 + 2)
    model = Model(fail=lambda n: errors.GatewayFault("busy (asked once)"))
    with pytest.raises(errors.GatewayFault, match=r"^busy \(asked 2 times\)$"):
        of(kept, model, pause=pause).buy(wanted("other", options={"retries": 1}))
    assert model.calls == 2


def test_a_provider_that_asks_to_wait_is_left_alone_by_everybody(kept: ledger.Ledger) -> None:
    """After a 429 of one caller, another caller of that provider waits; other providers do not."""
    model = Model(fail=lambda n: errors.GatewayFault("429", retry_after=1.5) if n == 0 else None)
    buyer = of(kept, model)
    ended: dict[str, float] = {}

    def buy(name: str, model: str) -> None:
        buyer.buy(wanted(name, model=model))
        ended[name] = clock.elapsed()

    began = clock.elapsed()
    first = threading.Thread(target=buy, args=("first", "fake/m"))
    first.start()
    assert model.entered.acquire(timeout=10)
    while not any(each.until for each in buyer._providers.values()):
        pass
    together(2, lambda number: buy(*[("second", "fake/other"), ("third", "else/m")][number]))
    first.join(10)
    assert ended["third"] - began < 1.5 <= ended["second"] - began
    assert ended["first"] - began >= 0.4


def test_calls_at_once_are_bounded_for_each_provider(kept: ledger.Ledger) -> None:
    model = Model()
    model.gate.clear()
    buyer = of(kept, model, concurrency=2)
    threading.Timer(0.1, model.gate.set).start()
    together(6, lambda number: buyer.buy(wanted(str(number))))
    assert model.calls == 6 and model.most == 2


def test_a_broker_that_is_closed_begins_nothing_and_waits_for_what_it_began(
    kept: ledger.Ledger,
) -> None:
    model = Model()
    model.gate.clear()
    buyer = of(kept, model)
    asking = threading.Thread(target=buyer.buy, args=(wanted(),))
    asking.start()
    assert model.entered.acquire(timeout=10)
    threading.Timer(0.1, model.gate.set).start()
    buyer.close(10)
    assert buyer.calls == 1 and buyer.asking == 0
    with pytest.raises(broker.Closed):
        buyer.buy(wanted("more"))
    asking.join(10)


def test_the_coordinator_alone_holds_the_key_and_retries(
    kept: ledger.Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archgraph.llm import gateways

    monkeypatch.setenv("MY_KEY", KEY)
    with FakeOpenAI() as server:
        server.queue(Status(429, retry_after=0.01), Status(503), Text("at last"))
        options = {"api_base": server.url, "api_key_env": "MY_KEY"}
        buyer = broker.Broker(kept, gateways.open_gateway, broker.Terms(pause=lambda s: None))
        request = llm.Request("openai/gpt-4o-mini", [{"role": "user", "content": "hi"}],
                              options=options)  # fmt: skip
        found = buyer.buy(broker.Wanted(request, options, recording.digest(request), "ask/0", 0))
        assert found.completion.text == "at last" and found.paid > 0
        assert len(server.chats) == 3
        server.queue(*[Status(500)] * 3)
        with pytest.raises(errors.GatewayFault, match="asked 3 times") as caught:
            buyer.buy(broker.Wanted(
                replace(request, options={**options, "retries": 2}), options, "d", "ask/0", 0
            ))  # fmt: skip
        assert "asked once" not in str(caught.value) and KEY not in str(caught.value)
        assert len(server.chats) == 6
    kept.close()
    for path in kept.folder.iterdir():
        assert KEY.encode() not in path.read_bytes()


def test_offline_models_answer_in_the_worker() -> None:
    class Nobody:
        def ask(self, message: Any, frames: Any = ()) -> Any:
            raise AssertionError(message)

    models = brokered.Models(Nobody())
    models.begin("ask/0/0", "t")
    gateway = models.open("offline/extractive", {})
    answer = gateway.complete(llm.Request("offline/extractive", [{"role": "user", "content": "x"}]))
    assert isinstance(answer, Completion)
    assert isinstance(models.open("openai/gpt-4o", {}), brokered.Brokered)


def test_ordinals_count_equal_requests_within_a_trial() -> None:
    asked: list[dict[str, Any]] = []

    class Link:
        def ask(self, message: Any, frames: Any = ()) -> Any:
            asked.append(message)
            return {"completion": Completion("x", usage=Usage()).to_json(), "paid": 0.25}, []

    models = brokered.Models(Link())
    request = llm.Request("fake/m", [{"role": "user", "content": "x"}])
    for user in ("t1", "t2"):
        models.begin("ask/0/0", user)
        gateway = models.open("fake/m", {})
        for _ in range(2):
            gateway.complete(request)
        assert getattr(gateway, "paid") == 0.5  # noqa: B009
        models.open("fake/m", {}).complete(request)
    assert [(each["user"], each["ordinal"]) for each in asked] == [
        ("t1", 0), ("t1", 1), ("t1", 2), ("t2", 0), ("t2", 1), ("t2", 2)]  # fmt: skip
    assert {each["digest"] for each in asked} == {recording.digest(request)}


@pytest.mark.parametrize(("reply", "kind"), [
    ({"failure": ["GatewayFault", "busy"]}, errors.GatewayFault),
    ({"missing": "never recorded"}, errors.RecordingMissing),
    ({"over": True}, brokered.Halted),
])  # fmt: skip
def test_what_a_worker_is_told_instead_of_an_answer(
    reply: dict[str, Any], kind: type[BaseException]
) -> None:
    class Link:
        def ask(self, message: Any, frames: Any = ()) -> Any:
            return reply, []

    models = brokered.Models(Link())
    with pytest.raises(kind):
        models.open("fake/m", {}).complete(llm.Request("fake/m", []))
