"""`journal`: what an agent did, and what a step was sent, to the byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from archgraph import clock, errors
from archgraph.cli import operated, options, screen

if TYPE_CHECKING:
    from archgraph.runtime import agent as agents
    from archgraph.storage import journal as journals


@click.command()
@click.argument("agent", metavar="AGENT.db")
@click.option("--turn", type=int, metavar="N", help="Only this turn, with what was said in it.")
@click.option("--step", type=int, metavar="N", help="Only this step, with its calls and results.")
@click.option("--window", is_flag=True, help="With --step: the exact context window it was sent.")
@options.as_json
def journal(agent: str, turn: int | None, step: int | None, window: bool, as_json: bool) -> None:
    """Tell what an agent did: its turns and steps, and what each step was sent.

    The file is opened for reading only, so this also works while another process writes to it.
    """
    if window and step is None:
        raise click.UsageError("--window shows the window of one step: name it with --step N")
    with options.read_agent(agent) as opened:
        out = screen.Screen()
        if step is not None and window:
            show_window(out, opened.window(step), as_json=as_json)
        elif step is not None:
            show_step(out, opened, step, as_json=as_json)
        elif turn is not None:
            _show_turn(out, opened, turn, as_json=as_json)
        else:
            _show_all(out, opened, as_json=as_json)


# One step


def show_window(out: screen.Screen, request: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Show a request as it was sent: as JSON, or for reading."""
    if as_json:
        out.json(request)
        return
    show_messages(out, request["messages"])
    tools = [tool["function"]["name"] for tool in request.get("tools") or ()]
    rest = {k: v for k, v in request.items() if k not in ("messages", "tools") and v}
    out.line("--- the rest of the request", "name")
    out.line("".join(f"{name}: {value}\n" for name, value in rest.items()) + "tools: "
             + (", ".join(tools) or "none"))  # fmt: skip


def show_messages(out: screen.Screen, messages: Sequence[Mapping[str, Any]]) -> None:
    """Show the messages of a request for reading."""
    for message in messages:
        of = f" {message['tool_call_id']}" if message.get("tool_call_id") else ""
        named = f" {message['name']}" if message.get("name") else ""
        out.line(f"--- {message['role']}{named}{of}", "name")
        if message.get("content"):
            out.line(screen.clean(str(message["content"])))
        for call in message.get("tool_calls") or ():
            made = call["function"]
            out.line(f"→ {made['name']}({screen.clean(made['arguments'])}) {call['id']}", "dim")


def show_step(
    out: screen.Screen,
    agent: agents.Agent,
    number: int,
    *,
    as_json: bool = False,
    hint: bool = True,
) -> None:
    """Show one step: what it cost, what the model answered, what its calls came to."""
    from archgraph.storage import journal as journals

    rows = journals.steps(agent.db, "id = ?", (number,))
    if not rows:
        last = agent.db.value("SELECT max(id) FROM step") or 0
        raise errors.InputError(f"there is no step {number}; the last is {last}")
    row = rows[0]
    if as_json:
        out.json(_plain_step(agent, row))
        return
    turn = f" of turn {row.turn}" if row.turn else ""
    out.line(f"step {row.id}{turn}: {row.thread}, {row.kind}, {clock.stamp(row.at)}", "bold")
    out.line(_costs(row))
    if row.status != "done":
        out.line(f"{row.status}: {row.reason or 'its calls are not applied yet'}", "bad")
    _show_answer(out, agent, row)
    if hint:
        sent = screen.plural(len(row.window) + 1, "message")
        out.line(f"the {sent} that it was sent: --step {row.id} --window", "dim")


def _costs(row: journals.StepRow) -> str:
    parts = [f"{row.prompt_tokens or row.window_tokens:,} tokens in"]
    parts += [f"{row.completion_tokens:,} out"] if row.completion_tokens else []
    parts += [f"{row.cached_tokens:,} from the provider's cache"] if row.cached_tokens else []
    parts += [f"${row.cost:.6f}"] if row.cost else []
    return ", ".join(parts) + f"; {row.prefix:.0%} of the prompt repeats the request before"


def _show_answer(out: screen.Screen, agent: agents.Agent, row: journals.StepRow) -> None:
    from archgraph.cli import voice
    from archgraph.storage import journal as journals

    reply = row.reply or {}
    for name in ("reasoning", "text"):
        if reply.get(name):
            out.line(screen.clean(reply[name]), "dim" if name == "reasoning" else "")
    results = journals.calls(agent.db, row.id)
    for n, (_, name, arguments) in enumerate(reply.get("tool_calls", ())):
        out.line(f"→ {name}({voice.plain_arguments(arguments)})", "name")
        thoughts = voice.thoughts(arguments)
        if thoughts:
            out.line(f"  thought: {thoughts}", "dim")
        if n < len(results):
            style = "dim" if results[n].ok else "bad"
            verdict = "ok" if results[n].ok else "failed"
            text = screen.clean(results[n].result).replace("\n", "\n      ")
            out.line(f"  {verdict}: {text}", style)


# Turns


def _show_turn(out: screen.Screen, agent: agents.Agent, number: int, *, as_json: bool) -> None:
    from archgraph.storage import journal as journals

    turns = journals.turns(agent.db, "id = ?", (number,))
    if not turns:
        last = agent.db.value("SELECT max(id) FROM turn") or 0
        raise errors.InputError(f"there is no turn {number}; the last is {last}")
    steps = journals.steps(agent.db, "turn = ?", (number,))
    said = _said(agent, number)
    if as_json:
        plain = [_plain_step(agent, row) for row in steps]
        out.json({**_plain_turn(turns[0]), "said": said, "steps": plain})
        return
    turn = turns[0]
    why = f": {turn.reason}" if turn.reason else ""
    out.line(f"turn {turn.id}: {turn.cause}, {clock.stamp(turn.started)}, {turn.status}{why}",
             "bold")  # fmt: skip
    for text in said:
        out.line(f"user: {screen.clean(text)}")
    _show_steps(out, agent, steps, operated.taken(agent.db, number))


def _show_steps(
    out: screen.Screen,
    agent: agents.Agent,
    steps: Sequence[journals.StepRow],
    taken: Sequence[operated.Taken],
) -> None:
    alone = [(each.commit, f"{each.thread}, {each.says}") for each in taken if each.model is None]
    shown: list[tuple[int, int | str]] = [(row.closed or row.born, row.id) for row in steps]
    for _, each in sorted([*shown, *alone], key=lambda part: part[0]):
        out.line()
        if isinstance(each, str):
            out.line(each, "bold")
        else:
            show_step(out, agent, each, hint=False)


def _show_all(out: screen.Screen, agent: agents.Agent, *, as_json: bool) -> None:
    from archgraph.storage import journal as journals

    turns, steps = journals.turns(agent.db), journals.steps(agent.db)
    taken = operated.taken(agent.db)
    if as_json:
        out.json({
            "agent": agent.plan.name,
            "turns": [_plain_turn(turn) for turn in turns],
            "steps": [_plain_step(agent, row) for row in steps],
            "operators": [operated.plain(each) for each in taken],
        })  # fmt: skip
        return
    head = f"{agent.plan.name}: {screen.plural(len(turns), 'turn')}"
    days = dict.fromkeys(clock.stamp(row.at)[:10] for row in (*steps[:1], *steps[-1:]))
    span = f", {' to '.join(days)}" if days else ""
    out.line(f"{head}, {screen.plural(len(steps), 'step')}{span}", "bold")
    if not steps:
        out.line("nothing has happened yet")
        return
    out.table(
        ("step", "turn", "time (UTC)", "thread", "kind", "called", "in", "out", "prefix"),
        _lines(agent, steps, taken),
    )
    out.line("one of them: --step N, what it was sent: --step N --window, a turn: --turn N", "dim")


def _lines(
    agent: agents.Agent, steps: Sequence[journals.StepRow], taken: Sequence[operated.Taken]
) -> list[Sequence[Any]]:
    """Model calls and what pipelines did without one, in the order in which they were written."""
    said = operated.in_model_calls(taken)
    lines = [(row.closed or row.born, _line(agent, row, said.get(row.id, ""))) for row in steps]
    return [line for _, line in sorted([*lines, *operated.lines(taken)], key=lambda each: each[0])]


def _line(agent: agents.Agent, row: journals.StepRow, said: str) -> Sequence[Any]:
    from archgraph.storage import journal as journals

    called = said or ", ".join(
        call.name if call.ok else f"{call.name} (failed)"
        for call in journals.calls(agent.db, row.id)
    )
    if row.status != "done":
        called = f"{row.status}: {screen.short(row.reason, 60)}" if row.reason else row.status
    elif not called and (row.reply or {}).get("text"):
        called = "(text)"
    return (
        row.id, row.turn, clock.stamp(row.at)[5:16], row.thread, row.kind, called,
        row.prompt_tokens or row.window_tokens, row.completion_tokens, f"{row.prefix:.0%}",
    )  # fmt: skip


def _said(agent: agents.Agent, turn: int) -> list[str]:
    """What the user said in a turn, each message once however many logs keep it."""
    sql = (
        "SELECT content FROM record WHERE turn = ? AND thread IS NULL "
        "AND json_extract(fields, '$.kind') = 'user' ORDER BY seq"
    )
    return list(dict.fromkeys(row[0] for row in agent.db.all(sql, (turn,))))


def _plain_turn(turn: journals.TurnRow) -> dict[str, Any]:
    return {
        "turn": turn.id, "cause": turn.cause, "started": turn.started, "ended": turn.ended,
        "status": turn.status, "reason": turn.reason,
    }  # fmt: skip


def _plain_step(agent: agents.Agent, row: journals.StepRow) -> dict[str, Any]:
    from archgraph.storage import journal as journals

    reply = row.reply or {}
    results = journals.calls(agent.db, row.id)
    calls = [
        {
            "name": name, "arguments": arguments,
            "ok": results[n].ok if n < len(results) else None,
            "result": results[n].result if n < len(results) else None,
        }
        for n, (_, name, arguments) in enumerate(reply.get("tool_calls", ()))
    ]  # fmt: skip
    return {
        "step": row.id, "turn": row.turn, "thread": row.thread, "kind": row.kind, "at": row.at,
        "status": row.status, "reason": row.reason, "text": reply.get("text", ""), "calls": calls,
        "messages": len(row.window) + 1, "window_tokens": row.window_tokens,
        "prompt_tokens": row.prompt_tokens, "completion_tokens": row.completion_tokens,
        "cached_tokens": row.cached_tokens, "cost": row.cost, "prefix": row.prefix,
    }  # fmt: skip
