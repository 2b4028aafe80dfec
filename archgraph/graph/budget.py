"""The budget proof: the largest prompt that a legal state can make fits the context window.

Called by `check` for every thread, and by `archgraph show --budget`. Everything that can be
rendered has a cap in tokens; this adds the caps up. Knows no store type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from archgraph import errors, prompts
from archgraph.graph import assemble, budget_pipelines, design, plan, tool_rules
from archgraph.llm import tokens

TOGETHER = 2
"""The results of one step take at most as many full messages together (`runtime` cuts them)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One summand, in tokens; `keys` name what in the file makes it larger or smaller.

    `node` is the store that the tokens are for, if they are for one.
    """

    what: str
    tokens: int
    keys: tuple[str, ...] = ()
    node: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The sum for a thread. `factor` is in every line that was counted and not declared."""

    thread: str
    model: str
    lines: tuple[Line, ...]
    window: int
    exact: bool
    factor: float
    exempt: bool

    @property
    def total(self) -> int:
        """The most tokens that a step can need."""
        return sum(line.tokens for line in self.lines)

    @property
    def fits(self) -> bool:
        """Whether that is at most the context window."""
        return self.total <= self.window

    def table(self) -> str:
        """The sum line by line."""
        counted = "exact count" if self.exact else f"estimated, safety factor {self.factor:g}"
        rows = [f"{line.tokens:>9,}  {line.what}" for line in self.lines]
        left = self.window - self.total
        end = f"{left:,} to spare" if left >= 0 else f"{-left:,} too many"
        if self.exempt:
            end += "; overflow: fail, so this is not required to fit"
        return "\n".join([
            f"{self.thread} ({self.model}, {counted}), tokens:",
            *rows,
            f"{self.total:>9,}  in all",
            f"{self.window:>9,}  context window: {end}",
        ])  # fmt: skip


# Public functions


def budgets(found: design.Design) -> list[Budget]:
    """The sums of all threads of an architecture without errors."""
    built = assemble.make(found)
    return [_budget(found, built, name) for name in built.threads]


def prove(found: design.Design, built: plan.Plan) -> None:
    """Report every thread whose sum is larger than its context window."""
    sums = []
    for name, thread in built.threads.items():
        try:
            sums.append(_budget(found, built, name))
        except errors.TemplateError as error:
            message = f"{thread.prompt}: {error}"
            absent = "undefined" in str(error) or "has no attribute" in str(error)
            remedy = "ask `is defined` before using what may be absent"
            remedy = remedy if absent else "change that line of the template"
            found.report("template-name", message, remedy, ("threads", name, "prompt"))
    for each in sums:
        path = ("threads", each.thread, "context_window")
        if each.exempt:
            message = f"{each.thread!r} says overflow: fail, so its window is not proven to suffice"
            remedy = "a request that is too large ends the turn as failed"
            found.warn("budget-unproven", message, remedy, ("threads", each.thread, "overflow"))
        elif not each.fits:
            message = f"{each.total} tokens may be needed and there are {each.window}:\n"
            message += "\n".join(f"    {line}" for line in each.table().splitlines()) + "\n   "
            found.report("budget", message, _remedy(each), path)


# Private functions


def _budget(found: design.Design, built: plan.Plan, name: str) -> Budget:
    thread = built.threads[name]
    counter = tokens.counter(thread.model)
    if thread.pipeline:
        summands = budget_pipelines.lines(found, built, thread, counter)
        lines = [Line(*each) for each in summands]
    else:
        lines = _agent_lines(found, built, thread, counter)
    return Budget(
        thread=name,
        model=thread.model,
        lines=tuple(line for line in lines if line.tokens),
        window=thread.context_window,
        exact=counter.exact,
        factor=counter.factor,
        exempt=thread.overflow == "fail",
    )


def _agent_lines(
    found: design.Design, built: plan.Plan, thread: plan.ThreadPlan, counter: tokens.TokenCounter
) -> list[Line]:
    """The summands of a thread with a heartbeat loop."""
    name = thread.name
    text, shown = _system(built, thread)
    frame = tokens.PER_MESSAGE + tokens.PER_REQUEST
    schemas = json.dumps(built.schemas(thread)) if thread.tools else ""
    lines = [
        Line(
            f"system prompt {thread.prompt}, without its stores",
            counter.count(text) + frame,
            (f"the template {thread.prompt}",),
        ),
        Line(
            f"schemas of {len(thread.tools)} tools",
            counter.count(schemas),
            (f"threads.{name}.tools",),
        ),
    ]
    for item in thread.context:
        unseen = item.store not in shown and _is_text(found, item)
        heading = 0 if not unseen else counter.count(f"\n\n## {item.store}\n")
        part = _part(found, thread, item, shown.get(item.store, 1))
        lines.append(replace(part, tokens=part.tokens + heading, node=item.store))
    if not any(_shows_own(found, thread, item) for item in thread.context):
        lines.append(_own_run(found, thread))
    keys = (f"threads.{name}.max_tokens",)
    lines.append(Line("reserved for the answer (max_tokens)", thread.max_tokens, keys))
    return lines


def _system(built: plan.Plan, thread: plan.ThreadPlan) -> tuple[str, dict[str, int]]:
    """The system prompt with empty stores, and how often it shows each of them."""
    source = built.prompts[thread.prompt]
    values = {
        **{item.store: "" for item in thread.context},
        "tools": [built.tools[name] for name in thread.tools],
        "rules": tool_rules.describe(thread.heartbeat.rules),
        "thread": thread.name,
        "now": "2023-05-08 13:56:00 Mon",
        "counts": dict.fromkeys(built.stores, 1_000_000_000),
    }
    return prompts.render(source, values).strip(), prompts.shown(source)


def _part(
    found: design.Design, thread: plan.ThreadPlan, item: plan.ContextItem, times: int
) -> Line:
    """The most that a part of the context can take."""
    shown = f"cap of {item.store} in threads.{thread.name}.context"
    if item.since == "turn":
        return _own_run(found, thread)
    if item.mode != "show":
        what = f"since {item.since}" if item.since else f"{item.k} search results"
        return Line(f"{item.store}, {what}, at the cap", item.cap * times, (shown,))
    options = found.options(item.store)
    own = f"the options of stores.{item.store}"
    over = found.references(item.store).get("over", "")
    if over:
        keys = (own, *_message_keys(thread, over))
        keep = getattr(options, "keep_last", 1)
        message, step = _message(found, thread, over), _step(found, thread)
        if over == thread.log and thread.tools and step > keep * message:
            return Line(f"{item.store}: the last step, {_A_STEP}", step, keys)
        return Line(
            f"{item.store}: the last {keep} messages at {message} each", keep * message, keys
        )
    if found.keeps_messages(item.store):
        return Line(f"{item.store}: every message, without a bound", item.cap, (shown,))
    cap = options.token_cap()
    cap = min(cap, item.cap) if cap and item.cap else cap or item.cap
    again = f", {times} times in the prompt" if times > 1 else ""
    return Line(f"{item.store} full{again}", cap * times, (own,))


def _message(found: design.Design, thread: plan.ThreadPlan, log: str) -> int:
    """The largest message of a log: an answer is bounded by max_tokens, all others by the log."""
    cap: int = found.options(log).token_cap()
    return max(cap, thread.max_tokens + tokens.PER_MESSAGE)


def _message_keys(thread: plan.ThreadPlan, log: str) -> tuple[str, ...]:
    return (f"the caps of stores.{log}", f"threads.{thread.name}.max_tokens")


_A_STEP = f"an answer and results of {TOGETHER} full messages together"


def _step(found: design.Design, thread: plan.ThreadPlan) -> int:
    """The largest step: an answer, and the results of its calls, which share a bound."""
    results = TOGETHER * found.options(thread.log).token_cap() if thread.tools else 0
    return thread.max_tokens + tokens.PER_MESSAGE + int(results)


def _own_run(found: design.Design, thread: plan.ThreadPlan) -> Line:
    """The least that stays of a run: what it began with, its last step, the newest message."""
    message, keys = _message(found, thread, thread.log), _message_keys(thread, thread.log)
    beat = thread.heartbeat
    if beat.max_steps < 2 or not (beat.when or beat.while_open):
        return Line(f"{thread.log}: what the run began with", message, keys)
    what = f"{thread.log}: what the run began with, its last step and the newest message"
    return Line(what, 2 * message + _step(found, thread), keys)


def _is_text(found: design.Design, item: plan.ContextItem) -> bool:
    """Whether a part stands in the system prompt, not among the messages."""
    if item.mode != "show":
        return item.since != "turn"
    over = found.references(item.store).get("over", "")
    return not over and not found.keeps_messages(item.store)


def _shows_own(found: design.Design, thread: plan.ThreadPlan, item: plan.ContextItem) -> bool:
    """Whether a part shows the messages of the thread's own log."""
    if item.mode == "since":
        return item.since == "turn" and item.store == thread.log
    over = found.references(item.store).get("over", "")
    return item.mode == "show" and thread.log in (over, item.store)


def _remedy(each: Budget) -> str:
    largest = max(each.lines, key=lambda line: line.tokens)
    text = f"enlarge context_window, or shrink a line; the largest is: {largest.what}"
    return f"{text} (set by {' and '.join(largest.keys)})" if largest.keys else text


def tables(sums: Iterable[Budget]) -> str:
    """The sums of several threads below each other."""
    return "\n\n".join(each.table() for each in sums)
