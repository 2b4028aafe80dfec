"""A run's own messages are shown as far as they fit: whole steps leave, and none overflows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgraph.graph import budget
from archgraph.graph import plan as plans
from archgraph.llm import tokens
from archgraph.runtime import agent as agents
from archgraph.runtime import fitting
from archgraph.storage import journal
from archgraph.stores import base
from tests import helpers
from tests.helpers import Answers, call

CAP = 60
"""Tokens of one message in the logs of these tests."""


def worker(window: int, *, steps: int = 30, since: str = "", **changes: Any) -> plans.Plan:
    """A thread that hears the user and works without a queue over its log."""
    context = (plans.ContextItem("recall", "since", since=since),) if since else ()
    main = helpers.thread(
        context_window=window, max_tokens=50, log="recall" if since else "diary", context=context,
        heartbeat=plans.HeartbeatPlan(
            when=("always",), until="done", max_steps=steps, max_repeats=99, max_failures=99
        ),
        **changes,
    )  # fmt: skip
    log = {"type": "log", "index": ["text"], "message_cap": CAP}
    return helpers.plan(
        main,
        stores={"recall": log, "diary": log, "notes": {"type": "collection", "index": ["text"]}},
        tools={"note": ("insert", "notes"), "look": ("search", "notes"), "done": ("finish",)},
    )


def counting(last: int = 30) -> Answers:
    """Writes numbered notes and is done after so many."""
    made = [0]

    def rule(request: Any) -> Any:
        made[0] += 1
        text = f"note {made[0]} of things to keep"
        return call("note", content=text) if made[0] < last else call("done")

    return Answers(rule)


def shown(request: Any) -> list[str]:
    """The messages of a request by role, and that no result stands without its call."""
    roles = [message["role"] for message in request.messages[1:]]
    open_calls = set[str]()
    for message in request.messages[1:]:
        if message["role"] == "assistant":
            open_calls = {each["id"] for each in message.get("tool_calls", ())}
        elif message["role"] == "tool":
            assert message["tool_call_id"] in open_calls, "a result without its call"
    return roles


@pytest.mark.parametrize("since", ["", "turn"])
def test_a_run_of_thirty_steps_in_a_small_window(since: str) -> None:
    gateway = counting()
    agent = helpers.opened(worker(700, since=since), gateway)
    turn = agent.send("write thirty notes")
    assert turn.status == "done" and turn.steps == 30
    assert agent.stores["notes"].measure("count") == 29
    rows = journal.steps(agent.db)
    assert max(row.window_tokens for row in rows) <= 650
    for request, row in zip(gateway.requests, rows, strict=True):
        roles = shown(request)
        assert not since or roles[0] == "user", "what the run is about stays"
        assert roles[-2:] == ["assistant", "tool"] or len(roles) < 2, "the last step stays"
        assert agent.window(row.id)["messages"] == request.messages, "journalled as it was sent"
    assert len(shown(gateway.requests[-1])) < 2 * 29


def test_most_steps_repeat_the_prefix_of_the_last() -> None:
    """Room is freed a portion at a time, so that a provider can reuse most prompts."""
    agent = helpers.opened(worker(900), counting())
    agent.send("write thirty notes")
    rows = journal.steps(agent.db)[1:]
    whole = [row for row in rows if row.prefix > 0.7]
    assert len(whole) >= 0.6 * len(rows)


def test_a_death_changes_nothing_of_what_is_shown(tmp_path: Any) -> None:
    alive, dying = counting(), counting()
    helpers.opened(worker(700), alive).send("write thirty notes")
    agent = helpers.opened(worker(700), dying, tmp_path / "a.db")

    def deadly(notice: Any) -> None:
        if notice.kind == "result" and len(dying.requests) % 7 == 3:
            raise helpers.Death

    for _ in range(10):
        try:
            agent.send("write thirty notes", key="once", watch=deadly)
            break
        except helpers.Death:
            helpers.die(agent)
            agent = helpers.reopened(tmp_path / "a.db", dying)
    assert not agent.state.turn
    assert [r.messages[1:] for r in dying.requests] == [r.messages[1:] for r in alive.requests]


def test_the_results_of_one_step_share_a_bound() -> None:
    """Short ones are left whole; what they do not need the long ones take."""
    scripted = [
        call("note", content="word " * 9),
        [call("look", query="word"), *[call("look", query="word", page=9) for _ in range(5)]],
        call("done"),
    ]
    agent = helpers.opened(worker(700), helpers.Script(*scripted))
    agent.send("go")
    taken = _tokens(agent, "result")
    assert (
        len(taken) == 8 and min(taken[1:7]) > 1 and sum(taken[1:7]) <= budget.TOGETHER * (CAP + 4)
    )


def _tokens(agent: agents.Agent, kind: str) -> list[int]:
    sql = "SELECT tokens FROM record WHERE json_extract(fields, '$.kind') = ? ORDER BY seq"
    return [row[0] for row in agent.db.all(sql, (kind,))]


def test_shares_are_fair_and_never_above_the_total() -> None:
    assert fitting.share([10, 10], 100) >= 10, "nothing is cut"
    assert fitting.share([10, 100, 100], 110) == 50, "the short one leaves room to the others"
    assert fitting.share([100] * 4, 100) == 25


@given(st.lists(st.integers(1, 300), min_size=1), st.integers(0, 900))
def test_shares_hold_for_any_sizes(sizes: list[int], total: int) -> None:
    most = fitting.share(sizes, total)
    assert sum(min(size, most) for size in sizes) <= max(total, len(sizes))
    assert most >= max(sizes) or sum(min(size, most + 1) for size in sizes) > total


ROLES = st.lists(st.sampled_from(["user", "step", "step", "many"]), max_size=30)


@given(ROLES, st.lists(st.integers(1, 90), min_size=1, max_size=20), st.integers(0, 900))
def test_what_stays_fits_or_is_the_least(kinds: list[str], sizes: list[int], room: int) -> None:
    own = _messages(kinds, sizes)
    kept = fitting.kept(own, room)
    assert [m.seq for m in kept] == sorted({m.seq for m in kept})
    whole, groups = sum(m.tokens for m in own), _groups_of(own)
    if whole <= room:
        assert kept == own
        return
    seqs = {m.seq for m in kept}
    assert all(not seqs & group or group <= seqs for group in groups), "a step leaves whole"
    if own:
        assert own[-1].seq in seqs, "the newest message stays"
    if sum(m.tokens for m in kept) > room:
        steps = [n for n, kind in enumerate(kinds) if kind != "user"]
        least = {len(kinds) - 1, *steps[-1:], *(n - 1 for n in steps[:1] if n)} if kinds else set()
        assert seqs == set().union(*(groups[n] for n in least)), "no more than the proof counts"


def _messages(kinds: list[str], sizes: list[int]) -> list[base.WindowMessage]:
    """Messages of a run: a step is an answer with one result, `many` one with three."""
    made: list[base.WindowMessage] = []
    for kind in kinds:
        roles = {"user": ["user"], "step": ["assistant", "tool"]}.get(kind, [])
        for role in roles or ["assistant", "tool", "tool", "tool"]:
            seq = len(made) + 1
            made.append(base.WindowMessage(seq, {"role": role}, sizes[seq % len(sizes)]))
    return made


def _groups_of(own: list[base.WindowMessage]) -> list[set[int]]:
    groups: list[set[int]] = []
    for message in own:
        if message.wire["role"] == "tool":
            groups[-1].add(message.seq)
        else:
            groups.append({message.seq})
    return groups


# The promise: whatever is legal fits

DENSE = "漢字⚙x9 "


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 60)), max_size=14),
    st.sampled_from(["", "turn", "queue"]),
    st.integers(1, 3),
)
def test_no_legal_state_overflows(answers: list[tuple[int, int]], since: str, keep: int) -> None:
    """Many calls at once, long arguments, long results: in the smallest window that is proven."""
    plan = worker(4000, since="turn" if since else "")
    if since == "queue":
        plan = _with_queue(plan, keep)
    plan = _smallest(plan, keep if since == "queue" else 0)
    left = list(answers)

    def rule(request: Any) -> Any:
        if not left:
            return call("done")
        count, length = left.pop(0)
        if not count:
            return "text that nobody hears"
        each = max(1, 30 // count)
        note = call("note", content=DENSE * min(length, each) or "x")
        return [note if n % 2 else call("look", query=DENSE[: each + 1]) for n in range(count)]

    agent = helpers.opened(plan, Answers(_short(rule)))
    for length in (1, 400):
        turn = agent.send(DENSE * length)
        assert "tokens, the window holds" not in turn.reason, turn.reason
    room = plan.threads["main"].context_window - plan.threads["main"].max_tokens
    assert max(row.window_tokens for row in journal.steps(agent.db, "kind = 'step'")) <= room


def _short(rule: Any) -> Any:
    """A rule whose answers keep to `max_tokens`, as a model's do."""
    counter = tokens.counter("offline/extractive")

    def answer(request: Any) -> Any:
        made = rule(request)
        if isinstance(made, list):
            while len(made) > 1 and counter.count(_said(made)) > request.max_tokens:
                made.pop()
            if counter.count(_said(made)) > request.max_tokens:
                return call("done")
        return made

    return answer


def _said(made: list[Any]) -> str:
    return "".join(each.name + each.arguments for each in made)


def _with_queue(plan: plans.Plan, keep: int) -> plans.Plan:
    window = plans.StorePlan("window", "queue", {"over": "recall", "keep_last": keep})
    main = replace(plan.threads["main"], context=(plans.ContextItem("window"),))
    return replace(plan, stores={**plan.stores, "window": window}, threads={"main": main})


def _smallest(plan: plans.Plan, keep: int) -> plans.Plan:
    """The plan in the smallest window that `graph.budget` would accept for it."""
    counter = tokens.counter("offline/extractive")
    main = plan.threads["main"]
    message = max(CAP + 4, main.max_tokens + tokens.PER_MESSAGE)
    step = main.max_tokens + tokens.PER_MESSAGE + budget.TOGETHER * (CAP + 4)
    least = max(keep * message, step) if keep else 2 * message + step
    fixed = counter.count("You are main.") + counter.count(json.dumps(plan.schemas(main)))
    frame = tokens.PER_MESSAGE + tokens.PER_REQUEST
    window = fixed + frame + least + main.max_tokens
    return replace(plan, threads={"main": replace(main, context_window=window)})
