"""One step of a pipeline: find the operator, ask the model if it wants that, apply it.

Called by the scheduler for threads that are lists of operators. As in a step of an agent thread
no write lock is held while a model or foreign code works, and an answer that commit 1 has recorded
is never asked for again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph import errors, registry
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.messages import Completion
from archgraph.operators import base, values
from archgraph.operators import fields as typed
from archgraph.runtime import bench as benches
from archgraph.runtime import step as steps
from archgraph.runtime import tick, world
from archgraph.storage import database, journal
from archgraph.stores import base as stores

ANSWER = "answer"
"""The tool by which a model gives a typed answer."""
_ABOUT = "Give your answer: every field as its description says."
_CALL = f"Answer by calling {ANSWER} with arguments that fit its schema."
LEAST_ROOM = 128
"""Tokens that must be left for what a model is shown below the instructions."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands: a step, the item of its `each`, and how many items there are."""

    step: int
    item: int = 0
    items: int = 0


@dataclass(slots=True)
class Ready:
    """A step that is ready to be applied. `wrong` says why its model's answer cannot be used.

    `id` is the journal's number of the model call, 0 if there was none. Without a place the run
    is over.
    """

    bench: benches.Bench
    place: Place | None = None
    operator: base.Operator | None = None
    answer: Any = None
    id: int = 0
    wrong: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What a step came to: where the run goes on, or why it cannot."""

    place: tuple[int, int]
    more: bool
    wrong: str = ""


def prepare(
    w: world.World, thread: plans.ThreadPlan, state: tick.ThreadState, event: tick.Tick
) -> Ready:
    """Find the step that is due and do all that is slow: the model, embeddings, foreign code.

    Raises:
        GatewayError: the model could not answer; the scheduler ends the run.
        ToolError: an operator cannot do what it was told.
    """
    bench = benches.Bench(w, thread, state)
    with _placed(bench, thread):
        place = _find(bench, thread, *state.place)
        ready = Ready(bench, place)
        if place is None:
            return ready
        ready.operator = operator = made(thread.steps[place.step])
        question = operator.question(bench)
        if question is not None:
            _ask(w, thread, event, ready, question)
        if not ready.wrong:
            bench.prepared = operator.prepare(bench, ready.answer)
    return ready


def apply(w: world.World, thread: plans.ThreadPlan, ready: Ready) -> Done:
    """Apply the step within commit 2, and say where the run goes on."""
    place, operator, bench = ready.place, ready.operator, ready.bench
    if place is None or operator is None:
        return Done((0, 0), False)
    if ready.wrong:
        journal.close_step(w.db, ready.id, "failed", ready.wrong)
        return Done((place.step, place.item), True, ready.wrong)
    with _placed(bench, thread):
        result = operator.apply(bench, ready.answer)
    step = thread.steps[place.step]
    if place.item == 0 and place.items > 1 and step.each not in {s.result for s in thread.steps}:
        bench.keep(f"{place.step}.each", bench.listed)  # what the step writes must not change it
    _keep(bench, step, place, result)
    told = {"step": place.step, **_told(result)}
    journal.add_event(w.db, f"{thread.name}.{step.operator}", told)
    ready.told = f"{step.operator} {json.dumps(_told(result), ensure_ascii=False)}"
    if ready.id:
        journal.close_step(w.db, ready.id, "done")
    item = place.item + 1
    following = (place.step, item) if step.each and item < place.items else (place.step + 1, 0)
    return Done(following, following[0] < len(thread.steps))


@contextlib.contextmanager
def _placed(bench: benches.Bench, thread: plans.ThreadPlan) -> Iterator[None]:
    """Say of what goes wrong in which step it did."""
    try:
        yield
    except (errors.ToolError, errors.TemplateError) as error:
        step = thread.steps[bench.step]
        raise type(error)(f"step {bench.step + 1}, {step.operator}: {error}") from error


def made(step: plans.StepPlan) -> base.Operator:
    """The operator of a step."""
    kind = registry.get("operators", step.operator)
    operator: base.Operator = kind(kind.Options.model_validate(step.options))
    return operator


def _find(bench: benches.Bench, thread: plans.ThreadPlan, step: int, item: int) -> Place | None:
    """The place at which a step is to be taken: those whose condition fails are left out."""
    while step < len(thread.steps):
        present, bench.step = thread.steps[step], step
        if item or not present.when or bench.true(present.when):
            if not present.each:
                return Place(step)
            frozen: list[Any] = (bench.kept(f"{step}.each") or []) if item else []
            listed = frozen or _each(bench.value(present.each))
            if item < len(listed):
                bench.item, bench.place, bench.listed = listed[item], f"{step}.{item}", listed
                return Place(step, item, len(listed))
        step, item = step + 1, 0
    return None


def _each(value: Any) -> list[Any]:
    """The items of `each`; one record is a list of one."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, Mapping):
        return [value] if value else []
    if value in (None, "", False):
        return []
    raise errors.ToolError(f"`each` takes a list, and this is {str(value)[:60]!r}")


def _keep(bench: benches.Bench, step: plans.StepPlan, place: Place, result: Any) -> None:
    """Keep the value of a step; with `each` the list of its items' values once all are there."""
    if not step.result:
        return
    if not step.each:
        bench.keep(step.result, result)
        return
    bench.keep(f"{place.step}.{place.item}", values.made_for(bench.item, result))
    if place.item + 1 == place.items:
        parts = [bench.kept(f"{place.step}.{n}") for n in range(place.items)]
        bench.keep(step.result, _joined(parts))


def _joined(parts: list[Any]) -> list[Any]:
    """The results of all items as one list; lists of lists become one."""
    found: list[Any] = []
    for part in parts:
        found += part if isinstance(part, list) else [part] if part not in ("", None, {}) else []
    return found


def _told(result: Any) -> dict[str, Any]:
    """What the journal says of a step's result."""
    if isinstance(result, list):
        return {"items": len(result)}
    if isinstance(result, Mapping):
        kept = {name: result[name] for name in ("decision", "target", "id") if result.get(name)}
        return kept or {"items": int(bool(result))}
    if isinstance(result, bool | int | float):
        return {"result": result}
    return {"characters": len(result)} if isinstance(result, str) else {}


# --- asking the model -----------------------------------------------------------------------------


def _ask(
    w: world.World,
    thread: plans.ThreadPlan,
    event: tick.Tick,
    ready: Ready,
    question: base.Question,
) -> None:
    """Get the model's answer: the recorded one of an interrupted step, or a new one (commit 1)."""
    state = ready.bench.state
    row = journal.open_step(w.db, thread.name, state.run, "operator")
    if row is not None and row.reply is not None:
        ready.id, completion = row.id, Completion.from_json(dict(row.reply))
    else:
        request = _request(w, thread, ready.bench, question)
        completion = steps.answer(w, thread, request, shown=False)
        with w.db.transaction():
            w.db.actor = database.Actor(thread.name, event.turn, None)
            ready.id = journal.add_step(w.db, _row(w, thread, state, event, request, completion))
    ready.answer, ready.wrong = _answered(completion, question.schema)


def _request(
    w: world.World, thread: plans.ThreadPlan, bench: benches.Bench, question: base.Question
) -> llm.Request:
    """Instructions, and below them what they are about, cut to what the window holds."""
    system = bench.rendered(w.plan.prompts[question.prompt], question.names).strip()
    tools = [] if question.schema is None else [tool(question.schema)]
    most = question.max_tokens or thread.max_tokens
    sections = {name: values.shown(bench.value(name)) for name in question.of}
    sections |= question.extra
    body = "\n\n".join(f"## {name}\n{text or '(none)'}" for name, text in sections.items())
    if bench.state.last_failed:
        body += f"\n\n## correction\nYour last answer was refused: {bench.state.last_failed}"
    room = thread.context_window - most - w.count(system) - w.count(json.dumps(tools)) - 16
    if room < LEAST_ROOM:
        raise errors.ContextOverflow(
            f"the instructions of {question.prompt} leave {room} tokens for what they are about"
        )
    return llm.Request(
        model=thread.model,
        messages=[
            {"role": "system", "content": system},
            {"role": "user", "content": stores.cut(body or "(nothing)", room, w.count)},
        ],
        tools=tools,
        tool_choice="required" if tools else "auto",
        max_tokens=most,
        seed=thread.options.get("seed"),
        options=thread.options,
    )


def tool(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The tool by which a typed answer is given."""
    function = {"name": ANSWER, "description": _ABOUT, "parameters": dict(schema)}
    return {"type": "function", "function": function}


def _answered(completion: Completion, schema: Mapping[str, Any] | None) -> tuple[Any, str]:
    """The answer, and what is wrong with it."""
    if schema is None:
        text = completion.text.strip()
        return text, "" if text else "the answer is empty"
    calls = [call for call in completion.tool_calls if call.name == ANSWER]
    raw = calls[0].arguments if calls else _json_in(completion.text)
    if not raw:
        return None, _CALL
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return None, f"it is not JSON: {error}. {_CALL}"
    wrong = typed.complaint(answer, dict(schema)) or _half(answer)
    return answer, f"{wrong}. {_CALL}" if wrong else ""


def _half(answer: Any) -> str:
    """That an answer cannot be kept, if it holds one half of a pair of surrogates."""
    try:
        json.dumps(answer, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "it holds half a character (a lone surrogate)"
    return ""


def _json_in(text: str) -> str:
    """The JSON object in a text of a model that does not call tools."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else ""


def _row(
    w: world.World,
    thread: plans.ThreadPlan,
    state: tick.ThreadState,
    event: tick.Tick,
    request: llm.Request,
    completion: Completion,
) -> journal.StepRow:
    usage = completion.usage
    fixed = json.loads(steps.fixed_part(request))
    sent = json.dumps({**fixed, "messages": list(request.messages)}, ensure_ascii=False)
    tokens = w.count(sent)
    return journal.StepRow(
        id=0, turn=event.turn, thread=thread.name, run=state.run, kind="operator", tick=event.seq,
        at=w.db.now(), prompt=None, window=[], request=journal.intern_chunk(w.db, sent),
        reply=completion.to_json(), status="replied", prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens, cached_tokens=usage.cached_tokens,
        cost=usage.cost, window_tokens=tokens,
    )  # fmt: skip
