"""Pressure, eviction and the windows over a log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.graph import plan as plans
from archgraph.messages import Completion, Usage
from archgraph.runtime import agent as agents
from archgraph.storage import database, journal
from archgraph.stores import block
from tests import helpers
from tests.helpers import Answers, Death, Script, call

SUMMARISER = "Sum up in at most {{ limit }} characters."
WINDOW = {
    "type": "queue", "over": "recall", "warn_at": 0.7, "evict_at": 1.0, "evict_to": 0.5,
    "keep_last": 3, "evict": {"summarize": "summary", "prompt": "sum", "max_tokens": 60},
}  # fmt: skip
LINE = "word " * 40
"""A message of about fifty tokens."""


def made(window: dict[str, Any] | None = None, size: int = 1000, **changes: Any) -> plans.Plan:
    pressed = plans.TriggerPlan("event", event="window.pressure", say="pressed")
    main = helpers.thread(
        context=(plans.ContextItem("summary"), plans.ContextItem("window")),
        context_window=size,
        triggers=(helpers.USER, pressed),
        **changes,
    )
    return helpers.plan(
        main,
        stores={
            "summary": {"type": "block", "limit": 400, "readonly": True},
            "window": {**WINDOW, **(window or {})},
        },
        tools={"say": ("reply",), "look": ("search", "recall")},
        prompts={"sum": SUMMARISER, "pressed": "save now", "main": "MAIN\n{{ summary }}"},
    )


class Talker(Answers):
    """Answers every message, looks first if told to, and sums up by numbers."""

    def __init__(self, look: bool = False, summary: Any = None) -> None:
        super().__init__(self._answer)
        self.look, self.summary, self.summaries = look, summary, 0

    def _answer(self, request: Any) -> Any:
        if helpers.system(request).startswith("Sum up"):
            self.summaries += 1
            return self.summary or f"summary {self.summaries}"
        if self.look and request.messages[-1]["role"] == "user":
            return call("look", query="nothing", request_heartbeat=True)
        return call("say", message=LINE)

    @property
    def steps(self) -> list[Any]:
        return [each for each in self.requests if helpers.system(each).startswith("MAIN")]

    @property
    def asked(self) -> list[Any]:
        return [each for each in self.requests if helpers.system(each).startswith("Sum up")]


def talk(agent: agents.Agent, count: int) -> list[agents.Turn]:
    return [agent.send(f"{n} {LINE}") for n in range(count)]


def events(agent: agents.Agent, name: str) -> list[journal.EventRow]:
    return journal.events(agent.db, "name = ?", (name,))


# Pressure


def test_pressure_is_measured_on_the_prompt_that_is_about_to_be_sent() -> None:
    """The first prompt that reaches the threshold is warned about before it is answered."""
    agent = helpers.opened(made(), Talker())
    while not events(agent, "window.pressure"):
        talk(agent, 1)
    (event,) = events(agent, "window.pressure")
    rows = journal.steps(agent.db, "kind = 'step'")
    assert rows[-2].window_tokens == event.payload["tokens"] >= 700
    assert all(row.window_tokens < 700 for row in rows[:-2])


def test_usage_that_the_provider_reports_changes_nothing() -> None:
    huge = Completion(tool_calls=(call("say", message="hi"),), usage=Usage(10**6, 10**6))
    agent = helpers.opened(made(), Script(huge))
    agent.send("hello")
    assert not events(agent, "window.pressure") and not events(agent, "window.evicted")


def test_one_pressure_tick_per_period_armed_again_by_eviction() -> None:
    gateway = Talker()
    agent = helpers.opened(made(), gateway)
    talk(agent, 40)
    names = [e.name for e in journal.events(agent.db, "name LIKE 'window.%'")]
    assert names[:4] == ["window.pressure", "window.evicted"] * 2
    assert names == (["window.pressure", "window.evicted"] * 20)[: len(names)]
    alerts = agent.db.value("SELECT count(*) FROM record WHERE content = 'save now'")
    assert alerts == names.count("window.pressure"), "each one was told to the model, once"


def test_the_warning_reaches_the_model_in_the_step_after() -> None:
    gateway = Talker()
    agent = helpers.opened(made(), gateway)
    turn = agents.Turn(0, "", "", (), 0, 0, 0)
    while turn.steps < 2:
        turn = talk(agent, 1)[0]
    assert helpers.sent(gateway.steps[-1])[-1] == "save now"
    assert "save now" not in helpers.sent(gateway.steps[-2])


# Eviction


def test_evict_at_one_means_that_the_prompt_and_the_answer_would_not_fit() -> None:
    gateway = Talker()
    agent = helpers.opened(made({"warn_at": None}), gateway)
    talk(agent, 30)
    assert events(agent, "window.evicted")
    thread = agent.plan.threads["main"]
    limit = thread.context_window - thread.max_tokens
    rows = journal.steps(agent.db, "kind = 'step'")
    assert max(row.window_tokens for row in rows) <= limit
    assert max(row.window_tokens for row in rows) > limit - 150, "but it is used to the full"


@pytest.mark.parametrize("evict_to", [0.5, 0.25])
def test_evict_to_is_the_share_of_the_messages_room_that_stays(evict_to: float) -> None:
    gateway = Talker()
    agent = helpers.opened(made({"warn_at": None, "evict_to": evict_to}), gateway)
    while not events(agent, "window.evicted"):
        talk(agent, 1)
    thread, row = agent.plan.threads["main"], journal.steps(agent.db, "kind = 'step'")[-1]
    window = agent.world.renderer.build(thread, agent.state.threads["main"])
    room = thread.context_window - thread.max_tokens - window.fixed
    kept = row.window_tokens - window.fixed
    assert kept <= evict_to * room + 5, "the summary has grown a little meanwhile"
    assert kept > evict_to * room - 70, "not one message more than needed has gone"


def test_keep_last_messages_are_never_evicted() -> None:
    agent = helpers.opened(made({"warn_at": None, "evict_to": 0.0}), Talker())
    while not events(agent, "window.evicted"):
        talk(agent, 1)
    assert len(journal.steps(agent.db, "kind = 'step'")[-1].window) == 3


@pytest.mark.parametrize("keep_last", [1, 2, 3, 4])
def test_no_cut_parts_a_result_from_its_call(keep_last: int) -> None:
    gateway = Talker(look=True)
    agent = helpers.opened(made({"keep_last": keep_last, "evict_to": 0.3}), gateway)
    talk(agent, 25)
    assert len(events(agent, "window.evicted")) > 2
    for request in gateway.steps:
        known: set[str] = set()
        for message in request.messages[1:]:
            known |= {c["id"] for c in message.get("tool_calls") or ()}
            assert message["role"] != "tool" or message["tool_call_id"] in known


def test_an_eviction_is_a_journalled_step_before_the_step_that_needs_it() -> None:
    agent = helpers.opened(made({"warn_at": None}), Talker())
    while not events(agent, "window.evicted"):
        talk(agent, 1)
    evict, step = journal.steps(agent.db)[-2:]
    assert (evict.kind, evict.status, step.kind) == ("evict", "done", "step")
    assert evict.tick == step.tick and evict.reply and evict.reply["text"] == "summary 1"
    assert list(evict.window) and max(evict.window) < min(step.window)
    assert evict.closed and evict.closed < step.born


def test_the_new_summary_is_made_of_the_old_one_and_the_evicted_messages() -> None:
    gateway = Talker()
    agent = helpers.opened(made(), gateway)
    talk(agent, 30)
    first, second = (each.messages[1]["content"] for each in gateway.asked[:2])
    assert "(none)" in first and "0 word" in first
    assert "summary 1" in second and "0 word" not in second
    assert "at most 400 characters" in helpers.system(gateway.asked[0])
    held = agent.stores["summary"]
    assert isinstance(held, block.Block)
    assert held.text == f"summary {gateway.summaries}"
    assert held.text in helpers.system(gateway.steps[-1])


def test_evicted_messages_stay_in_the_log() -> None:
    agent = helpers.opened(made(), Talker())
    talk(agent, 30)
    kept = agent.db.value(
        "SELECT count(*) FROM record WHERE store = 'recall' AND content LIKE '% word%'"
        " AND died IS NULL AND thread IS NULL"
    )
    assert kept == 30
    spoken = agent.db.value(
        "SELECT count(*) FROM record WHERE store = 'recall'"
        " AND json_extract(fields, '$.kind') IN ('user', 'assistant')"
    )
    found = agent.stores["recall"].search("word", 1)  # type: ignore[attr-defined]
    assert f"of {spoken} results (page 1/" in found


def test_a_failed_summary_evicts_without_one_and_the_journal_says_so() -> None:
    def down(request: Any) -> Any:
        raise errors.GatewayFault("the summariser is down")

    gateway = Talker(summary=down)
    gateway.summary = None
    real = gateway._answer
    gateway.rule = lambda r: down(r) if helpers.system(r).startswith("Sum up") else real(r)
    agent = helpers.opened(made({"warn_at": None}), gateway)
    turns = talk(agent, 12)
    assert {turn.status for turn in turns} == {"done"}
    (event, *_) = events(agent, "window.evicted")
    assert event.payload["summarised"] is False and event.payload["messages"] > 0
    (row, *_) = journal.steps(agent.db, "kind = 'evict'")
    assert (row.status, row.reason) == ("failed", "the summariser is down") and row.window


def test_eviction_uses_its_own_model_when_one_is_given() -> None:
    evict = {**WINDOW["evict"], "model": "offline/other"}  # type: ignore[dict-item]
    gateway = Talker()
    agent = helpers.opened(made({"evict": evict}), gateway)
    talk(agent, 12)
    assert {each.model for each in gateway.asked} == {"offline/other"}
    assert {each.model for each in gateway.steps} == {"offline/extractive"}


def test_a_summary_that_is_too_long_is_cut_with_a_mark() -> None:
    agent = helpers.opened(made(), Talker(summary="very " * 500))
    talk(agent, 14)
    held = agent.stores["summary"]
    assert isinstance(held, block.Block)
    assert "very very" in held.text and "cut" in held.text and len(held.text) <= 400


def test_dropped_messages_ask_no_model() -> None:
    gateway = Talker()
    agent = helpers.opened(made({"evict": "drop", "warn_at": None}), gateway)
    talk(agent, 14)
    assert events(agent, "window.evicted") and not gateway.asked
    rows = journal.steps(agent.db, "kind = 'evict'")
    assert rows and {row.status for row in rows} == {"done"}


def test_an_arm_that_is_meant_to_overflow_fails() -> None:
    gateway = Talker()
    agent = helpers.opened(made({"warn_at": None}, overflow="fail"), gateway)
    turns = talk(agent, 14)
    assert turns[-1].status == "failed" and "the window holds" in turns[-1].reason
    assert not events(agent, "window.evicted")


def test_a_death_between_the_summary_and_the_eviction_asks_for_no_second_summary(
    tmp_path: Path,
) -> None:
    gateway = Talker()
    agent = helpers.opened(made(), gateway, tmp_path / "a.db")
    held: Any = agent.stores["window"]
    real = held.evict

    def dies(*values: Any) -> None:
        real(*values)
        raise Death

    held.evict = dies
    sent = 0
    with pytest.raises(Death):
        for _ in range(40):
            agent.send(f"{sent} {LINE}", key=str(sent))
            sent += 1
    helpers.die(agent)
    again, after = Talker(), Talker()
    opened = helpers.reopened(tmp_path / "a.db", again)
    opened.send(f"{sent} {LINE}", key=str(sent))
    assert gateway.summaries == 1 and again.summaries == 0
    other = helpers.opened(made(), after, tmp_path / "b.db")
    for number in range(sent + 1):
        other.send(f"{number} {LINE}", key=str(number))
    assert database.dump(opened.db) == database.dump(other.db)


# Settling: room is made before a step needs it


def overheard(count: int, gateway: Any, path: Any = ":memory:", **changes: Any) -> agents.Agent:
    """An agent that has overheard so many messages and answered none."""
    agent = helpers.opened(made(**changes), gateway, path)
    for n in range(count):
        agent.observe(f"{n} {LINE}")
    return agent


@pytest.mark.parametrize("count", [11, 14, 45])
def test_a_settled_agent_evicts_nothing_before_its_next_step(count: int) -> None:
    gateway = Talker()
    agent = overheard(count, gateway)
    agent.settle()
    rows = journal.steps(agent.db)
    assert [(row.kind, row.status, row.turn) for row in rows] == [("evict", "done", None)] * len(
        rows
    )
    assert rows and len(rows) == gateway.summaries == len(events(agent, "window.evicted"))
    assert not events(agent, "window.pressure") and not gateway.steps
    agent.send("and now?")
    assert [row.kind for row in journal.steps(agent.db, "id > ?", (rows[-1].id,))] == ["step"]
    assert f"summary {len(rows)}" in helpers.system(gateway.steps[0])
    assert f"{count - 1} {LINE}" in helpers.sent(gateway.steps[0])


def test_settling_leaves_the_room_that_evict_to_gives() -> None:
    """Although one summary cannot be of all that goes, and the window fits before that."""
    gateway = Talker()
    agent = overheard(14, gateway)
    agent.settle()
    assert gateway.summaries == 2
    thread = agent.plan.threads["main"]
    window = agent.world.renderer.build(thread, agent.state.threads["main"])
    room = thread.context_window - thread.max_tokens - window.fixed
    assert 0.5 * room - 80 < window.tokens - window.fixed <= 0.5 * room


def test_a_settled_agent_is_what_an_unsettled_one_becomes() -> None:
    first, second = Talker(), Talker()
    settled, other = overheard(11, first), overheard(11, second)
    settled.settle()
    for agent in (settled, other):
        agent.send("and now?")
    assert first.summaries == second.summaries == 1
    assert helpers.sent(first.steps[0])[-3:] == helpers.sent(second.steps[0])[-3:]
    assert helpers.system(first.steps[0]) == helpers.system(second.steps[0])


@pytest.mark.parametrize("count", [3, 14, 45])
def test_settling_twice_does_nothing_more(count: int) -> None:
    agent = overheard(count, Talker())
    before = database.dump(agent.db)
    agent.settle()
    once = database.dump(agent.db)
    agent.settle()
    assert database.dump(agent.db) == once and (once == before) is (count == 3)


def test_a_warning_is_left_to_the_step_that_is_due_for_it() -> None:
    gateway = Talker()
    agent = overheard(7, gateway)
    agent.settle()
    assert not journal.events(agent.db, "name LIKE 'window.%'") and not gateway.requests
    agent.send("and now?")
    assert journal.events(agent.db, "name LIKE 'window.%'")[0].name == "window.pressure"
    assert "save now" in helpers.sent(gateway.steps[-1])


def test_a_warning_of_one_queue_does_not_hide_what_another_must_evict() -> None:
    plan = made({"warn_at": 0.5})
    options = {"over": "recall", "evict_at": 0.6, "evict_to": 0.1, "keep_last": 1}
    side = plans.StorePlan("side", "queue", options)
    context = (*plan.threads["main"].context, plans.ContextItem("side"))
    threads = {"main": replace(plan.threads["main"], context=context)}
    agent = helpers.opened(
        replace(plan, stores={**plan.stores, "side": side}, threads=threads), Talker()
    )
    for n in range(4):
        agent.observe(f"{n} {LINE}")
    agent.settle()
    names = [each.name for each in journal.events(agent.db)]
    assert names == ["side.evicted"], "and no warning"


def test_settling_evicts_without_a_summary_where_the_model_fails() -> None:
    def down(request: Any) -> Any:
        raise errors.GatewayFault("the summariser is down")

    agent = overheard(45, Answers(down))
    agent.settle()
    rows = journal.steps(agent.db)
    assert rows and {(row.kind, row.status, row.reason) for row in rows} == {
        ("evict", "failed", "the summariser is down")
    }
    assert not any(each.payload["summarised"] for each in events(agent, "window.evicted"))


@pytest.mark.parametrize("then", ["settle", "send"])
def test_a_death_while_settling_asks_for_no_second_summary(tmp_path: Path, then: str) -> None:
    first, again, after = Talker(), Talker(), Talker()
    agent = overheard(11, first, tmp_path / "a.db")
    held: Any = agent.stores["window"]
    real = held.evict

    def dies(*values: Any) -> None:
        real(*values)
        raise Death

    held.evict = dies
    with pytest.raises(Death):
        agent.settle()
    helpers.die(agent)
    opened = helpers.reopened(tmp_path / "a.db", again)
    if then == "settle":
        opened.settle()
    opened.send("and now?")
    assert (first.summaries, again.summaries) == (1, 0)
    assert {row.status for row in journal.steps(opened.db)} == {"done"}
    other = overheard(11, after, tmp_path / "b.db")
    other.settle()
    other.send("and now?")
    assert again.steps[0] == after.steps[0]
    if then == "settle":
        assert database.dump(opened.db) == database.dump(other.db)


def test_only_threads_that_may_act_in_the_foreground_are_settled() -> None:
    behind = plans.TriggerPlan("timer", seconds=9e9, mode="background")
    plan = made()
    quiet = replace(plan.threads["main"], triggers=(behind,))
    agent = helpers.opened(replace(plan, threads={"main": quiet}), Talker())
    for n in range(45):
        agent.observe(f"{n} {LINE}")
    agent.settle()
    assert not journal.steps(agent.db)


@pytest.mark.parametrize("prompt", ["main", "sum"])
def test_what_cannot_be_made_is_left_to_the_step_that_needs_it(prompt: str) -> None:
    plan = made()
    plan = replace(plan, prompts={**plan.prompts, prompt: "{{ 1 / 0 }}"})
    agent = helpers.opened(plan, Talker())
    for n in range(11):
        agent.observe(f"{n} {LINE}")
    agent.settle()
    assert not journal.steps(agent.db)
    assert "its window cannot be made" in agent.send("hello").reason


def test_an_eviction_that_died_is_finished_without_moving_a_shared_window_back(
    tmp_path: Path,
) -> None:
    rule = {"summarize": "summary", "prompt": "sum", "max_tokens": 60}
    plan = two_heads(of=["main"], evict_at=400.0, evict_to=150.0, keep_last=1, evict=rule)
    stores = {**plan.stores, "summary": plans.StorePlan("summary", "block", {"limit": 400})}
    rests = replace(plan.threads["main"], triggers=(plans.TriggerPlan("signal", event="call"),))
    threads = {**plan.threads, "main": rests}
    plan = replace(plan, stores=stores, threads=threads, prompts={**plan.prompts, "sum": "SUM"})
    agent = helpers.opened(plan, Answers(lambda request: "fine"), tmp_path / "a.db")
    for n in range(8):
        agent.observe(f"{n} {LINE}")
    held: Any = agent.stores["window"]

    def dies(*values: Any) -> None:
        raise Death

    held.evict = dies
    with pytest.raises(Death):
        agent.settle()
    helpers.die(agent)
    opened = helpers.reopened(tmp_path / "a.db", Answers(lambda request: "fine"))
    for n in range(8):
        opened.observe(f"{n} {LINE}")
    opened.send("and now?")
    held = opened.stores["window"]
    reached = held.after
    assert [row.status for row in journal.steps(opened.db, "thread = 'main'")] == ["replied"]
    opened.settle()
    assert [row.status for row in journal.steps(opened.db, "thread = 'main'")] == ["done"]
    assert held.after == reached


# A queue over a log, and who sees what in it


def two_heads(of: list[str] | None = None, **options: Any) -> plans.Plan:
    """Two threads that hear the user and share log and window."""
    window = {"type": "queue", "over": "recall", "of": of or [], **options}
    context = (plans.ContextItem("window"),)
    beat = plans.HeartbeatPlan()
    return helpers.plan(
        helpers.thread(context=context, heartbeat=beat),
        helpers.thread("other", context=context, heartbeat=beat, prompt="other"),
        stores={"window": window},
        tools={"say": ("reply",)},
        prompts={"other": "OTHER"},
    )


def heads(plan: plans.Plan, count: int = 1) -> tuple[agents.Agent, Answers]:
    def answer(request: Any) -> Any:
        mine = "other" if helpers.system(request) == "OTHER" else "main"
        return call("say", message=f"{mine} says {len(request.messages)} {LINE}")

    gateway = Answers(answer)
    agent = helpers.opened(plan, gateway)
    talk(agent, count)
    return agent, gateway


def spoken(request: Any) -> set[str]:
    made_calls = [c for m in request.messages for c in m.get("tool_calls") or ()]
    return {c["function"]["arguments"].split('"')[3].split()[0] for c in made_calls}


def test_a_queue_shows_the_users_messages_and_the_threads_own() -> None:
    _, gateway = heads(two_heads(), 2)
    main, other = gateway.requests[2:]
    assert (spoken(main), spoken(other)) == ({"main"}, {"other"})
    for request in (main, other):
        assert [text for text in helpers.sent(request, "user") if "word" in text] == [
            f"0 {LINE}", f"1 {LINE}",
        ]  # fmt: skip


def test_of_says_whose_messages_a_queue_shows() -> None:
    _, gateway = heads(two_heads(of=["main"]), 2)
    assert spoken(gateway.requests[3]) == {"main"}, "`other` sees what `main` says, not its own"


def test_a_queue_that_two_threads_show_takes_absolute_tokens() -> None:
    plan = two_heads(evict="drop", evict_at=400.0, evict_to=150.0, keep_last=1)
    sizes = {"main": 4000, "other": 900}
    threads = {n: replace(t, context_window=sizes[n]) for n, t in plan.threads.items()}
    agent, _ = heads(replace(plan, threads=threads), 12)
    rows = journal.steps(agent.db, "kind = 'step'")
    assert max(row.window_tokens for row in rows) <= 400, "tokens, not a share of either window"
    assert events(agent, "window.evicted")


def test_token_counts_are_taken_at_write_time_and_never_again() -> None:
    gateway = Talker()
    agent = helpers.opened(made(), gateway)
    talk(agent, 3)
    counted: list[str] = []
    real = agent.world.count

    def counting(text: str) -> int:
        counted.append(text)
        return real(text)

    agent.world.renderer.count = counting
    talk(agent, 1)
    assert not [text for text in counted if "0 word" in text or "1 word" in text]
