"""The one gateway of a trial: routing, counting, bounds, recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from archgraph import errors
from archgraph.llm import base as llm
from archgraph.messages import Completion, Usage
from archgraph.suites.running import models, timing
from tests import helpers

ANSWER = Completion(text="Yes.", usage=Usage(100, 10, 60, 0.002), model="m")


def request(model: str = "a/b", text: str = "Well?", **options: Any) -> llm.Request:
    return llm.Request(model, [{"role": "user", "content": text}], options=options)


class Paying(helpers.Answers):
    """A gateway that keeps the running total of what it paid."""

    def __init__(self) -> None:
        super().__init__(lambda _: ANSWER)
        self.paid = 7.0

    def complete(self, request: llm.Request) -> Completion:
        self.paid += 0.001
        return super().complete(request)


class Opened:
    """Opens gateways and remembers which."""

    def __init__(self, answer: Any = ANSWER) -> None:
        self.names: list[str] = []
        self.answer = answer

    def __call__(self, model: str, options: Mapping[str, Any]) -> llm.Gateway:
        self.names.append(model)
        return Paying() if self.answer is None else helpers.Answers(lambda _: self.answer)


def meter(opened: Any = None, **more: Any) -> models.Meter:
    return models.Meter(opened or Opened(), timing.Watch(), **more)


def test_each_model_is_opened_once() -> None:
    opened = Opened()
    gateway = meter(opened)
    for name in ("a/b", "c/d", "a/b", "a/b"):
        gateway.complete(request(name))
    assert opened.names == ["a/b", "c/d"]
    gateway.complete(request("a/b", temperature=1))
    assert opened.names == ["a/b", "c/d", "a/b"], "other settings are another gateway"


def test_what_is_spent_is_summed() -> None:
    gateway = meter(Opened(None))
    for _ in range(3):
        gateway.complete(request())
    spent = gateway.spent
    assert (spent.prompt_tokens, spent.completion_tokens, spent.cached_tokens) == (300, 30, 180)
    assert spent.calls == 3 and spent.cost == pytest.approx(0.006)
    assert spent.paid == pytest.approx(0.003), "only what was paid since it was opened here"


def test_exchanges_hold_what_was_sent_and_answered() -> None:
    gateway = meter()
    asked = request(text="Who?")
    gateway.complete(asked)
    assert [(e.request, e.completion) for e in gateway.exchanges] == [(asked, ANSWER)]
    bare = meter(keep=False)
    bare.complete(asked)
    assert bare.exchanges == [] and bare.spent.calls == 1


def test_a_request_that_would_pass_the_bound_is_refused() -> None:
    gateway = meter(limit=250)
    small = models.prompt_tokens(request())
    assert 0 < small < 20
    gateway.complete(request())
    gateway.complete(request())
    with pytest.raises(
        errors.GatewayError, match=r"220 of 250 tokens of the case are used.* has \d+"
    ):
        gateway.complete(request(text="long " * 40))
    assert gateway.refused and gateway.spent.calls == 2
    with pytest.raises(errors.GatewayError, match="cut by the budget"):
        gateway.complete(request())  # what is cut stays cut


def test_the_bound_itself_may_be_used_up() -> None:
    small = models.prompt_tokens(request())
    meter(limit=small).complete(request())
    with pytest.raises(errors.GatewayError):
        meter(limit=small - 1).complete(request())


def test_models_that_report_no_tokens_are_bounded_too() -> None:
    gateway = meter(Opened(Completion(text="Yes.")), limit=3 * models.prompt_tokens(request()))
    for _ in range(3):
        gateway.complete(request())
    with pytest.raises(errors.GatewayError):
        gateway.complete(request())


def test_a_failed_call_costs_nothing() -> None:
    gateway = meter(Opened(errors.GatewayFault("busy")))
    with pytest.raises(errors.GatewayFault):
        gateway.complete(request())
    assert gateway.spent.calls == 0 and gateway.exchanges == []


class Taped(helpers.Answers):
    """A gateway that replays outside tools."""

    def recorded_call(self, tool: str, arguments: Mapping[str, Any], make: Any) -> tuple[bool, str]:
        return True, f"recorded {tool}"


def test_outside_tools_go_to_the_recording_of_the_model_that_asked() -> None:
    opened = {"taped/x": Taped(lambda _: ANSWER), "plain/x": helpers.Answers(lambda _: ANSWER)}
    gateway = meter(lambda model, options: opened[model])
    assert isinstance(gateway, llm.Tape)
    assert gateway.recorded_call("t", {}, lambda: (False, "made")) == (False, "made")
    gateway.complete(request("taped/x"))
    assert gateway.recorded_call("t", {}, lambda: (False, "made")) == (True, "recorded t")
    gateway.complete(request("plain/x"))
    assert gateway.recorded_call("t", {}, lambda: (False, "made")) == (False, "made")


def test_a_stream_is_the_answer_in_one_piece() -> None:
    pieces = list(meter().stream(request()))
    assert [piece.text for piece in pieces] == ["Yes."]


def test_parts_of_the_time_do_not_overlap() -> None:
    watch = timing.Watch()
    with watch.part(timing.MODEL):
        pass
    assert sum(watch.times.values()) == 0, "nothing is counted before it runs"
    with watch.running(), watch.part(timing.SEARCH):
        helpers_busy()
        with watch.part(timing.EMBED):
            helpers_busy()
    times = watch.times
    assert times[timing.SEARCH] > 0 and times[timing.EMBED] > 0
    assert times[timing.MODEL] == 0
    assert abs(times[timing.SEARCH] - times[timing.EMBED]) < max(times.values())


def helpers_busy() -> None:
    sum(range(20_000))
