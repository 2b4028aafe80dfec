"""Two trials of the same case, step by step, to where they part: `archgraph compare`.

`diverge` compares two outcomes, `lines` says it on a terminal. Two architectures have different
system prompts at every step, so these are told once, and the first divergence is looked for in
messages, replies and calls. Called by the command line and by reports. Knows no ledger.
"""

from __future__ import annotations

import difflib
import itertools
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.suites import record
from archgraph.suites.running import items

SYSTEM, TOOLS, MESSAGES, REPLY, CALLS, MISSING = (
    "system prompt", "tools offered", "messages", "reply", "calls", "missing",
)  # fmt: skip
"""In what two steps can differ; `missing`: the other trial has no such step."""
DESIGN = (SYSTEM, TOOLS)
"""What differs between architectures from the first step on."""

_EVICTS = "old messages leave the window"
_SHOWN = 6
"""Texts of a list that are shown."""


@dataclass(frozen=True, slots=True)
class Side:
    """One step of one trial. `does` is what it said or called, in one line."""

    number: int
    thread: str
    kind: str
    tokens: int
    does: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two steps beside each other; one is None where the other trial has no such step.

    `only` are the texts that only one window holds: of the system prompt by paragraph, and of the
    messages, for each trial.
    """

    sides: tuple[Side | None, Side | None]
    differs: tuple[str, ...]
    prompts: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    only: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


@dataclass(frozen=True, slots=True)
class Ending:
    """What a trial came to: `steps` model calls, `tokens` in and out of all of them."""

    name: str
    status: str
    reason: str
    reply: str
    steps: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Divergence:
    """How two trials of a case differ.

    `first` is the place in `pairs` of the first step of a thread that differs beyond the system
    prompt and the tools; None if nothing differs. `gold` has, for each gold item, its text and
    its fate in both trials; `retrieved` the items that only one trial's searches returned.
    """

    question: str
    answers: tuple[str, ...]
    endings: tuple[Ending, Ending]
    pairs: tuple[Pair, ...]
    first: int | None
    gold: tuple[tuple[str, str, record.Gold | None, record.Gold | None], ...]
    retrieved: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def same(self) -> bool:
        """Whether both did the same, to the byte."""
        alike = self.endings[0].reply == self.endings[1].reply
        return alike and all(not pair.differs for pair in self.pairs)


def diverge(a: record.Outcome, b: record.Outcome, names: Sequence[str] = ("A", "B")) -> Divergence:
    """Compare two outcomes of the same case."""
    pairs = tuple(_pair(*both) for both in _aligned(a.steps, b.steps))
    beyond = [n for n, pair in enumerate(pairs) if set(pair.differs) - set(DESIGN)]
    acting = [n for n in beyond if any(s and s.kind == "step" for s in pairs[n].sides)]
    texts = {item.id: item.text for item in a.case.history}
    fates = [{each.item: each for each in outcome.gold} for outcome in (a, b)]
    wanted = dict.fromkeys([*fates[0], *fates[1]])
    found = [dict.fromkeys(id for each in outcome.searches for id in each) for outcome in (a, b)]
    return Divergence(
        question=a.case.question,
        answers=a.case.answers,
        endings=(_ending(a, names[0]), _ending(b, names[1])),
        pairs=pairs,
        first=next(iter(acting or beyond), None),
        gold=tuple((id, texts.get(id, ""), fates[0].get(id), fates[1].get(id)) for id in wanted),
        retrieved=(
            tuple(id for id in found[0] if id not in found[1]),
            tuple(id for id in found[1] if id not in found[0]),
        ),
    )


def lines(divergence: Divergence, width: int = 100) -> list[str]:
    """The comparison as lines of text, none longer than `width`."""
    parts: list[str] = [*_head(divergence, width), *_design(divergence, width)]
    if divergence.first is None:
        parts += ["", *_wrapped(_alike(divergence), width)]
    else:
        parts += ["", *_parting(divergence, width), "", *_rest(divergence, width)]
    parts += _gold(divergence, width)
    return [line.rstrip() for line in parts]


# --- comparing ------------------------------------------------------------------------------------

_Step = tuple[int, record.Step]


def _aligned(
    a: Sequence[record.Step], b: Sequence[record.Step]
) -> Iterator[tuple[_Step | None, _Step | None]]:
    """Steps beside each other: the n-th of one trial with the n-th of the other.

    What went before a step (evictions, a pipeline's) is laid beside its like of the same place.
    """
    nothing: list[_Step] = []
    for one, other in itertools.zip_longest(_stretches(a), _stretches(b), fillvalue=nothing):
        kinds = [[step.kind for _, step in stretch] for stretch in (one, other)]
        matcher = difflib.SequenceMatcher(a=kinds[0], b=kinds[1], autojunk=False)
        for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
            if tag == "equal":
                yield from zip(one[a_from:a_to], other[b_from:b_to], strict=True)
                continue
            yield from ((each, None) for each in one[a_from:a_to])
            yield from ((None, each) for each in other[b_from:b_to])


def _stretches(steps: Sequence[record.Step]) -> list[list[_Step]]:
    """The steps, cut behind each in which a thread acts."""
    found: list[list[_Step]] = [[]]
    for numbered in enumerate(steps, 1):
        found[-1].append(numbered)
        if numbered[1].kind == "step":
            found.append([])
    return [stretch for stretch in found if stretch]


def _pair(a: _Step | None, b: _Step | None) -> Pair:
    sides = (_side(a), _side(b))
    if a is None or b is None:
        return Pair(sides, (MISSING,))
    one, other = a[1], b[1]
    systems = _system(one), _system(other)
    rest = (
        one.messages[1:] if systems[0] else one.messages,
        (other.messages[1:] if systems[1] else other.messages),
    )
    differs = {
        SYSTEM: systems[0] != systems[1],
        TOOLS: one.tools != other.tools,
        MESSAGES: list(rest[0]) != list(rest[1]),
        REPLY: dict(one.reply) != dict(other.reply),
        CALLS: one.calls != other.calls,
    }
    shown = [[items.shown(message) for message in messages] for messages in rest]
    return Pair(
        sides,
        tuple(name for name, unlike in differs.items() if unlike),
        _only(*(system.split("\n\n") for system in systems)),
        _only(*shown),
    )


def _system(step: record.Step) -> str:
    first = step.messages[0] if step.messages else {}
    return str(first.get("content") or "") if first.get("role") == "system" else ""


def _only(a: Iterable[str], b: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What only one of two lists of texts holds."""
    left, right = dict.fromkeys(a), dict.fromkeys(b)
    return (
        tuple(text for text in left if text not in right and text.strip()),
        tuple(text for text in right if text not in left and text.strip()),
    )


def _side(step: _Step | None) -> Side | None:
    if step is None:
        return None
    number, made = step
    return Side(number, made.thread, made.kind, made.prompt_tokens, _does(made))


def _does(step: record.Step) -> str:
    """What a step came to, in one line."""
    if step.status == "failed":
        return _EVICTS if step.kind == "evict" else f"fails: {step.reason}"
    if step.kind == "evict":
        summary = _short(str(step.reply.get("text", "")))
        return f"{_EVICTS}; the summary: {summary!r}" if summary else _EVICTS
    what = [f"{call.tool}({_arguments(call.arguments)})" for call in step.calls]
    if not what:
        what = [f"{name}({_arguments(raw)})" for _, name, raw in step.reply.get("tool_calls", ())]
    told = str(step.reply.get("text", "")).strip()
    said = [f"says {_short(told)!r}"] if told else []
    return "; ".join([*said, *(f"calls {each}" for each in what)]) or "says nothing"


def _arguments(raw: str) -> str:
    try:
        given: Mapping[str, Any] = json.loads(raw or "{}")
        kept = {k: v for k, v in given.items() if k not in ("inner_thoughts", "request_heartbeat")}
    except (ValueError, AttributeError):
        return _short(raw)
    return ", ".join(f"{name}={_short(str(value))!r}" for name, value in kept.items())


def _ending(outcome: record.Outcome, name: str) -> Ending:
    spent = outcome.spent
    return Ending(
        name, outcome.status, outcome.reason, outcome.reply, len(outcome.steps),
        spent.prompt_tokens + spent.completion_tokens,
    )  # fmt: skip


# --- saying ---------------------------------------------------------------------------------------


def _head(d: Divergence, width: int) -> Iterator[str]:
    yield from _wrapped(f"Question: {d.question}", width)
    right = " | ".join(d.answers) if d.answers else "none: to abstain is right"
    yield from _wrapped(f"Answer: {right}", width)
    yield ""
    for end in d.endings:
        what = f"{_count(end.steps, 'step')}, {end.tokens:,} tokens"
        why = f" ({end.reason})" if end.reason else ""
        reply = _short(end.reply, 200) if end.reply else "nothing"
        yield from _wrapped(f"{end.name}: {end.status}{why}, {what}; it replied: {reply}", width, 2)


def _design(d: Divergence, width: int) -> Iterator[str]:
    """What differs by design, told once."""
    both = [pair for pair in d.pairs if set(pair.differs) & set(DESIGN)]
    if not both:
        return
    first = both[0]
    a, b = (end.name for end in d.endings)
    unlike = [name for name in DESIGN if any(name in pair.differs for pair in both)]
    what = f"{' and '.join(unlike)} {'differs' if unlike == [SYSTEM] else 'differ'}"
    place = next(side.number for side in first.sides if side is not None)
    told = [
        f"{_count(len(texts), 'paragraph')} only in {name}"
        for name, texts in zip((a, b), first.prompts, strict=True)
        if texts
    ]
    more = f": {', '.join(told)}" if told else ""
    yield ""
    yield from _wrapped(f"The {what} from step {place} on{more}.", width)
    for name, texts in zip((a, b), first.prompts, strict=True):
        yield from _listed(f"only in {name}", texts, width)


def _alike(d: Divergence) -> str:
    if d.same:
        return "Both did the same, to the byte."
    return "Beyond that both did the same: every message, reply and call is equal."


def _parting(d: Divergence, width: int) -> Iterator[str]:
    assert d.first is not None
    pair = d.pairs[d.first]
    names = [end.name for end in d.endings]
    present = [
        (name, side) for name, side in zip(names, pair.sides, strict=True) if side is not None
    ]
    if MISSING in pair.differs:
        name, step = present[0]
        other = names[1] if pair.sides[0] is not None else names[0]
        told = f"First divergence: step {step.number} of {name}, which {other} does not have."
    else:
        unlike = [name for name in pair.differs if name not in DESIGN]
        places = {step.number: f"{step.number} of {name}" for name, step in present}
        where = " and ".join(places.values() if len(places) > 1 else map(str, places))
        told = f"First divergence: step {where}, in {' and '.join(unlike)}."
    yield from _wrapped(told, width)
    for before in d.pairs[: d.first]:
        yield from _told(d, before, width)
    for name, step in present:
        told = f"{name}, step {step.number}{_kind(step)}, {step.tokens:,} tokens in: {step.does}"
        yield from _wrapped(told, width, 2)
    gold = [items.flat(text) for _, text, *_ in d.gold]
    for name, texts in zip(names, pair.only, strict=True):
        first = sorted(texts, key=lambda text: not any(g in items.flat(text) for g in gold))
        yield from _listed(f"only in the window of {name}", first, width)


def _rest(d: Divergence, width: int) -> Iterator[str]:
    """What followed, a line a step."""
    assert d.first is not None
    after = d.pairs[d.first + 1 :]
    yield "Then:" if after else "Nothing followed."
    for pair in after:
        yield from _told(d, pair, width)


def _told(d: Divergence, pair: Pair, width: int) -> Iterator[str]:
    """A pair of steps in a line each, or in one where both did the same."""
    if not set(pair.differs) - set(DESIGN):
        side = pair.sides[0] or pair.sides[1]
        assert side is not None
        yield from _wrapped(f"both, step {side.number}{_kind(side)}: {side.does}", width, 2)
        return
    for end, step in zip(d.endings, pair.sides, strict=True):
        if step is not None:
            told = f"{end.name}, step {step.number}{_kind(step)}: {step.does}"
            yield from _wrapped(told, width, 2)


def _gold(d: Divergence, width: int) -> Iterator[str]:
    names = [end.name for end in d.endings]
    if d.gold:
        yield ""
        yield "Where the evidence went:"
    for id, text, *fates in d.gold:
        yield from _wrapped(f"{id}: {_short(text, 160)}", width, 2)
        for name, fate in zip(names, fates, strict=True):
            if fate is not None:
                only = ", derived" if fate.derived else ""
                why = f" ({fate.why})" if fate.why else ""
                yield from _wrapped(f"{name}: {fate.fate}{only}{why}", width, 4)
    wanted = {id for id, *_ in d.gold}
    for name, ids in zip(names, d.retrieved, strict=True):
        if ids:
            marked = [f"{id} (evidence)" if id in wanted else id for id in ids]
            shown = ", ".join(marked[: 2 * _SHOWN])
            more = f" and {len(ids) - 2 * _SHOWN} more" if len(ids) > 2 * _SHOWN else ""
            yield ""
            yield from _wrapped(f"Retrieved by {name} only: {shown}{more}", width)


def _listed(title: str, texts: Sequence[str], width: int) -> Iterator[str]:
    """Texts, one a line."""
    if not texts:
        return
    yield from _wrapped(f"{title}: {_count(len(texts), 'text')}", width, 2)
    for text in texts[:_SHOWN]:
        yield f"    | {_short(text, max(20, width - 6))}"
    if len(texts) > _SHOWN:
        yield f"    | ... and {len(texts) - _SHOWN} more"


def _kind(side: Side) -> str:
    kinds = {"step": "", "evict": " (eviction)", "operator": " (pipeline)"}
    return kinds.get(side.kind, f" ({side.kind})")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _short(text: str, most: int = 80) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 4]} ..."


def _wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    room = " " * indent
    return textwrap.wrap(
        text, max(20, width), initial_indent=room, subsequent_indent=f"{room}  ",
        break_on_hyphens=False,
    )  # fmt: skip
