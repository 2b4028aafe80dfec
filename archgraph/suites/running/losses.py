"""Why did it forget? Where each gold item of a case got lost on its way to the answer.

Called by `trial`, with the fork that a question was asked in: its records in all their forms, what
searches selected, what was evicted. The classes are `record.LOSSES`; what each means and how it is
told from the others stands in `docs/explanation/why-it-forgot.md`. Knows no score: `with_score`
adds what only that can tell.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from archgraph import clock
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from archgraph.suites import record
from archgraph.suites.running import access, observing, past

NEVER, SUMMARISED, OVERWRITTEN, EVICTED, NOT_RETRIEVED, CUT, IGNORED = record.LOSSES
REACHED = record.REACHED

RIGHT = 0.5
"""From this score on an answer counts as right."""
_AROUND = 30
"""Characters around an answer by which a record's text is known again in a window."""

Fate = tuple[str, str]
_End = tuple[int, str, str]
"""When a holder was lost (commit), the class, and why."""


def gold(view: observing.View, look_up: Callable[[], past.Past]) -> tuple[record.Gold, ...]:
    """The fate of each gold item of the case that is in its history.

    Args:
        view: the fork after the question.
        look_up: gives the records; called only if an item did not stand in a window.
    """
    known = view.seen.items.ids
    wanted = [id for id in dict.fromkeys(view.seen.case.evidence) if id in known]
    first = _first_seen(view)
    if all(id in first for id in wanted):
        return tuple(record.Gold(id, REACHED, first[id]) for id in wanted)
    search = _Search(view, look_up().of(view.seen.fork))
    found = []
    for id in wanted:
        if id in first:
            found.append(record.Gold(id, REACHED, first[id]))
        elif why := search.derived(id):
            found.append(record.Gold(id, REACHED, why, derived=True))
        else:
            found.append(record.Gold(id, *search.fate(id)))
    return tuple(found)


def with_score(outcome: record.Outcome, value: float | None) -> record.Outcome:
    """The outcome, its gold `ignored` if all of it reached the window and the answer is wrong.

    Where a part of the gold is missing, the answer is wrong for want of that part: what did reach
    the window stays `reached`. `value` is the primary score; None decides nothing.
    """
    if value is None or value >= RIGHT or not outcome.gold:
        return outcome
    if any(each.fate != REACHED for each in outcome.gold):
        return outcome
    return dataclasses.replace(
        outcome, gold=tuple(fate_after_score(each, value) for each in outcome.gold)
    )


def fate_after_score(gold: record.Gold, score: float) -> record.Gold:
    """A gold item that reached the window and was not made use of is `ignored`."""
    if gold.fate != REACHED or score >= RIGHT:
        return gold
    return dataclasses.replace(gold, fate=IGNORED)


def reached(outcome: record.Outcome) -> tuple[int, int, int]:
    """How many gold items there are, stood verbatim in a window, and were there only derived."""
    there = [each for each in outcome.gold if each.fate in (REACHED, IGNORED)]
    derived = sum(each.derived for each in there)
    return len(outcome.gold), len(there) - derived, derived


def _first_seen(view: observing.View) -> dict[str, str]:
    """Where each item stood first in a window."""
    places = {"system": "the system prompt", "tool": "a tool's result", "user": "a message"}
    found: dict[str, str] = {}
    for each in view.window:
        where = f"in {places.get(each.role, 'its own message')} of step {each.step}"
        for id in each.reading.items:
            found.setdefault(id, where)
    return found


class _Search:
    """Looks for gold items in the records of a fork."""

    def __init__(self, view: observing.View, present: past.Present) -> None:
        self.view, self.present = view, present
        self.fork: agents.Agent = view.seen.fork
        self.answers = observing.answers(view.seen.case)
        threads = [row.thread for row in view.rows if row.turn == view.seen.turn.id]
        self.access = access.access(self.fork.plan, threads)
        opened = journal.turns(self.fork.db, "id = ?", (view.seen.turn.id,))
        self.before = opened[0].born if opened else self.fork.db.version
        self._saying = present.saying(self.answers)
        self._evictions: dict[int, journal.StepRow] | None = None

    def derived(self, id: str) -> str:
        """Where a record made after the item, with the answer in it, stood in a window."""
        texts = [
            each for each in self.view.window if each.evidence and self._says(each.reading.normal)
        ]
        if not texts:
            return ""
        for row in self._made_of(id):
            pieces = self._pieces(row.reading.normal)
            for each in texts:
                if any(piece in each.reading.normal for piece in pieces):
                    return f"only as what {row.store} says, in step {each.step}"
        return ""

    def fate(self, id: str) -> Fate:
        """The class of loss of an item that did not reach a window, and why."""
        verbatim = [row for row in self.present.holding(id) if row.born < self.before]
        made = [row for row in self._made_of(id) if row.born < self.before]
        held = [row for row in (*verbatim, *made) if row.store in self.access.reached]
        held = list({row.seq: row for row in held}.values())
        return (
            self._cut(held)
            or self._missed(held)
            or self._ended(verbatim, held)
            or self._never(verbatim)
        )

    # Records that say the answer

    def _says(self, normal: str) -> bool:
        return any(answer in normal for answer in self.answers)

    def _pieces(self, normal: str) -> list[str]:
        """The answers in a text, with some characters around them."""
        places = [(normal.find(answer), len(answer)) for answer in self.answers]
        return [
            normal[max(0, at - _AROUND) : at + size + _AROUND].strip()
            for at, size in places
            if at >= 0
        ]

    def _made_of(self, id: str) -> list[past.Row]:
        """Records with the answer that are no messages of the history and came after the item.

        What said so before the item was there (a persona, say) was not made of it.
        """
        if not self._saying:
            return []
        begun = min((row.born for row in self.present.holding(id)), default=0)
        saying = self._saying
        early = {(row.store, row.id) for row in saying if row.born < begun}
        return [r for r in saying if r.born >= begun and (r.store, r.id) not in early]

    # Was it selected, and then cut?

    def _cut(self, held: Sequence[past.Row]) -> Fate | None:
        why = (
            self._found_by_search(held)
            or self._shortened(held)
            or self._listed(held)
            or self._refused(held)
            or self._no_room(held)
        )
        return (CUT, why) if why else None

    def _found_by_search(self, held: Sequence[past.Row]) -> str:
        seqs = {row.seq: row for row in held}
        for made in self.view.seen.searches.made:
            for found in made.records:
                if found.seq in seqs:
                    after = made.after >= len(self.view.sent) and made.by != "context"
                    what = "the turn ended before it was read" if after else "the result was cut"
                    return f"a search of {made.store} for {made.query[:60]!r} found it; {what}"
        return ""

    def _shortened(self, held: Sequence[past.Row]) -> str:
        seqs = {row.seq for row in held}
        for row in self.view.answering():
            if seqs & set(row.window):
                return "the message stood in the window, cut to the log's `message_cap`"
        return ""

    def _listed(self, held: Sequence[past.Row]) -> str:
        """A list by date, or of all, that holds it on some page."""
        for step in self.view.rows:
            asked = (step.reply or {}).get("tool_calls", ())
            for call in self.view.calls.get(step.id, ()):
                tool = self.fork.plan.tools.get(call.name)
                if tool is None or not call.ok or tool.verb not in ("search_dates", "list"):
                    continue
                span = _span(asked[call.ordinal][2]) if tool.verb == "search_dates" else None
                for row in held:
                    inside = span is None or span[0] <= row.created < span[1]
                    if row.store in tool.stores and row.living and inside:
                        return f"{call.name} lists it, on a page or beyond a cap that was not read"
        return ""

    def _refused(self, held: Sequence[past.Row]) -> str:
        """The turn was refused, for size or budget, while the item was due in its window."""
        if self.view.seen.status == "done":
            return ""
        if any(row.living and self._due(row) for row in held):
            return f"the turn ended before it was read: {self.view.seen.turn.reason[:200]}"
        return ""

    def _no_room(self, held: Sequence[past.Row]) -> str:
        for row in held:
            if row.living and self._due(row):
                return f"{row.store} holds it, beyond what its cap or the window shows"
        return ""

    def _due(self, row: past.Row) -> bool:
        """Whether a record belongs into a window of the answering threads as it stands."""
        if row.store in self.access.shown | self.access.logs:
            return row.thread is None or row.store in self.access.shown or self._reads(row)
        return any(
            log == row.store and self._in_view(queue, row)
            for queue, log in self.access.queues.items()
        )

    def _reads(self, row: past.Row) -> bool:
        return row.thread is None or row.thread in self.access.threads

    def _in_view(self, name: str, row: past.Row) -> bool:
        queue: Any = self.fork.stores[name]
        if row.seq <= queue.after or not self._reads(row):
            return False
        capacity = queue.options.capacity
        if not capacity:
            return True
        newer = sum(
            r.store == row.store and r.seq > row.seq and self._reads(r) for r in self.present.rows
        )
        return bool(newer < capacity)

    # Is it there, and was not found?

    def _missed(self, held: Sequence[past.Row]) -> Fate | None:
        for row in held:
            if row.living and row.store in self.access.searched:
                made = [m for m in self.view.seen.searches.made if m.store == row.store]
                told = f"{len(made)} searches of it did not return it" if made else "no search"
                told = "one search of it did not return it" if len(made) == 1 else told
                told = "it was not searched" if not made else told
                return NOT_RETRIEVED, f"{row.store} holds it; {told}"
        return None

    # What became of it

    def _ended(self, verbatim: Sequence[past.Row], held: Sequence[past.Row]) -> Fate | None:
        ends = [end for row in held for end in self._ends_of(row, held)]
        last = max(ends, default=None)
        consumed = self._consumed(verbatim)
        if consumed and (last is None or last[1] == EVICTED):
            return consumed
        return (last[1], last[2]) if last else None

    def _ends_of(self, row: past.Row, held: Sequence[past.Row]) -> Iterator[_End]:
        if row.kind:
            yield from self._left_view(row)
        elif row.died is None and row.status != "active":
            yield self._set_aside(row)
        elif row.died is not None:
            follower = self.present.successor(row)
            if follower is None:
                yield self._removed(row)
            elif follower.seq not in {each.seq for each in held}:
                yield self._replaced(row)

    def _left_view(self, row: past.Row) -> Iterator[_End]:
        """A message that a bounded view no longer shows."""
        for name, log in self.access.queues.items():
            if log != row.store:
                continue
            step = self._eviction_of(row)
            if step is None:
                yield row.born, EVICTED, f"it is no longer among the newest that {name} shows"
            elif step.reply and step.reply.get("text"):
                why = f"it left {name} at step {step.id}, and the summary lacks it"
                yield step.closed or step.born, SUMMARISED, why
            else:
                why = f"it left {name} at step {step.id}, without a summary"
                yield step.closed or step.born, EVICTED, why
        if row.store in self.access.feeds:
            yield row.born, EVICTED, f"{row.store} is shown only as far as it is new"

    def _set_aside(self, row: past.Row) -> _End:
        policy = self.fork.plan.stores[row.store].options.get("overflow")
        if row.status == "invalid" and isinstance(policy, dict) and "invalidate" in policy.values():
            return row.born, EVICTED, f"{row.store} let it go by its rule of forgetting"
        return row.born, OVERWRITTEN, f"{row.store} keeps it as history only ({row.status})"

    def _replaced(self, row: past.Row) -> _End:
        assert row.died is not None
        by = self._writer(row.died)
        if row.store in self._summaries():
            return row.died, SUMMARISED, f"a later summary in {row.store} lacks it{by}"
        return row.died, OVERWRITTEN, f"a later write to {row.store} took its place{by}"

    def _removed(self, row: past.Row) -> _End:
        assert row.died is not None
        sql = "SELECT c.name FROM call c JOIN step s ON s.id = c.step WHERE s.closed = ? AND c.ok"
        tools = [self.fork.plan.tools.get(name) for (name,) in self.fork.db.all(sql, (row.died,))]
        events = journal.events(self.fork.db, "born = ?", (row.died,))
        chosen = any(t is not None and t.verb == "remove" and row.store in t.stores for t in tools)
        if chosen or any(each.name.endswith((".resolve", ".update")) for each in events):
            return row.died, OVERWRITTEN, f"it was removed from {row.store}{self._writer(row.died)}"
        return row.died, EVICTED, f"{row.store} let it go, being full or by its rule of forgetting"

    def _consumed(self, verbatim: Sequence[past.Row]) -> Fate | None:
        """A record that was made of the item and does not say the answer."""
        ids = {row.id for row in verbatim}
        for row in self.present.rows:
            if ids & set(row.derived_from):
                if row.store in self.access.reached and row.born < self.before:
                    return SUMMARISED, f"what {row.store} made of it lacks it"
                ids.add(row.id)
        return None

    def _never(self, verbatim: Sequence[past.Row]) -> Fate:
        stores = sorted({row.store for row in verbatim})
        if not stores:
            return NEVER, "no store ever held it"
        who = " and ".join(self.access.threads)
        return NEVER, f"{', '.join(stores)} holds it, which {who} cannot read; nothing else does"

    # The journal

    def _summaries(self) -> set[str]:
        """The blocks that evictions summarise into."""
        rules = (part.options.get("evict") for part in self.fork.plan.stores.values())
        return {str(rule["summarize"]) for rule in rules if isinstance(rule, dict)}

    def _eviction_of(self, row: past.Row) -> journal.StepRow | None:
        if self._evictions is None:
            steps = journal.steps(self.fork.db, "kind = 'evict'")
            self._evictions = {seq: step for step in steps for seq in step.window}
        return self._evictions.get(row.seq)

    def _writer(self, version: int) -> str:
        found = self.fork.db.one("SELECT id, thread, at FROM step WHERE closed = ?", (version,))
        if found is None:
            return ""
        return f" (step {found[0]} of {found[1]}, {clock.stamp(found[2])})"


def _span(arguments: str) -> tuple[float, float] | None:
    """The dates between which a call lists, as moments; None if they cannot be read."""
    try:
        given = json.loads(arguments)
        since, until = given["start_date"], given["end_date"]
        return clock.parse_moment(since), clock.parse_moment(until) + 86400
    except (ValueError, KeyError, TypeError):
        return 0.0, 0.0
