"""Carries out a job of several steps with a list of tasks: push them, take, do, finish, report.

Called by the offline policy where the tools have such a list. Where it stands is read from the
window: from the last of these calls and its result, else from what the list shows of itself, so
that a job goes on when its message has left the view. It decides the next call and knows neither
names of tools nor who keeps the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_job_tools as roles
from archgraph.llm import extractive_searching as searching
from archgraph.llm import extractive_steps as steps
from archgraph.llm import extractive_tools as tools
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_moves import Call, Move
from archgraph.llm.extractive_reading import Attempt, Window

_AT_ONCE = 5
"""Tasks that are pushed in one step by a tool that takes one."""
_CHARACTERS = 1_500
"""Characters of tasks that are pushed in one step by a tool that takes many."""
_TOLD = 8
"""Results that a report tells."""
_LONGEST = 40
"""Words of a result."""
_NOTED = "I have put that on the list."

_ID = r"[\[#(]?(?P<id>[\w-]*\d[\w-]*)[\])]?"
_TAKEN = re.compile(rf"^\W*(?:task\s+)?{_ID}\s*[:.]\s*(?P<text>[^\n]+)", re.I)
_NONE = re.compile(r"(?:^|\s)((?:no|none|nothing)\b[^\n]*)", re.I)
_UNDERWAY = re.compile(rf"\b{_ID} (?:is|are|and|,)[^.:]*\b(?:worked on|in progress|doing)\b", re.I)
_SHOWN = re.compile(rf"^\s*[-*]?\s*{_ID}\s+(?:\((?P<notes>[^)\n]*)\))?\s*(?P<text>\S[^\n]*)$", re.M)
_BEGUN = re.compile(r"\b(?:doing|in progress|started|underway)\b", re.I)
_READY = re.compile(r"\bready\W{1,3}([1-9]\d*)|^(?:next|ready|to do)\b[^\n]{0,20}:$", re.I | re.M)


@dataclass(frozen=True, slots=True)
class Hands:
    """What the rules of the policy lend to a job.

    `write` saves a fact, given the window as it looks to the task; `reply` answers the user;
    `answered` says that the user's last message has been answered.
    """

    write: Callable[[Window, str], Move | None]
    reply: Callable[[str], Move]
    answered: bool


@dataclass(frozen=True, slots=True)
class Task:
    """A task that was taken. `id` is empty where the list has none."""

    id: str
    text: str


def next_move(window: Window, kit: tools.Kit, hands: Hands) -> Move | None:
    """The next call of a job; None where there is none to be carried on now."""
    if not kit.of(roles.TAKE, roles.PUSH, roles.PLAN):
        return None
    told = steps.steps_in(window.message.text) if window.message else ()
    move = _push(told, window.since_asked, kit)
    if move:
        return move
    if not kit.of(roles.TAKE):  # others will do it
        return hands.reply(_NOTED) if told and not hands.answered else None
    if window.message is not None and not told and not hands.answered:
        return None
    return _Desk(window, kit, hands).next_move()


def _push(told: Sequence[str], since: Sequence[Attempt], kit: tools.Kit) -> Move | None:
    """Put on the list what of the steps is not there yet, unless the list has refused one."""
    many, one = kit.one(roles.PLAN), kit.one(roles.PUSH)
    names = {tool.name: tool for tool in kit.of(roles.PLAN, roles.PUSH)}
    made = [(names[a.name], a) for a in since if a.name in names]
    if any(not attempt.ok for _, attempt in made):
        return None
    sizes = [len(a.arguments.get(tool.items) or ()) if tool.items else 1 for tool, a in made]
    rest = list(told[sum(sizes) :])
    if not rest or not (many or one):
        return None
    if many:
        arguments = tools.arguments(many, True, "I note the steps.", items=_fitting(rest))
        return Move((Call(many, arguments),))
    assert one is not None
    given = [tools.arguments(one, True, "I note this step.", text=t) for t in rest[:_AT_ONCE]]
    return Move(tuple(Call(one, arguments) for arguments in given))


def _fitting(rest: Sequence[str]) -> list[str]:
    taken, size = [rest[0]], len(rest[0])
    for text in rest[1:]:
        size += len(text)
        if size > _CHARACTERS:
            break
        taken.append(text)
    return taken


class _Desk:
    """Where a job stands, by the window."""

    def __init__(self, window: Window, kit: tools.Kit, hands: Hands) -> None:
        self.window, self.kit, self.hands = window, kit, hands
        names = {tool.name: tool for tool in kit.of(*roles.ROLES)}
        places = [n for n, attempt in enumerate(window.made) if attempt.name in names]
        self.last = window.made[places[-1]] if places else None
        self.role = names[self.last.name].role if self.last else ""
        self.since = window.made[places[-1] + 1 :] if places else window.made
        shown = [m for m in _SHOWN.finditer(window.system) if _BEGUN.search(m["notes"] or "")]
        self.begun = {m["id"]: Task(m["id"], m["text"].strip()) for m in shown}

    def next_move(self) -> Move | None:
        """Take, do, finish or report, whatever comes next; None where there is no job."""
        text = (self.last.text or "") if self.last and self.last.ok else ""
        if self.last is None or self._stirred():
            return self._from_view()
        if self.role == roles.TAKE:
            task = self._taken(text)
            return self._do(task) if task else self._report(text)
        if self.role in (roles.FINISH, roles.GIVE_UP) and _NONE.search(text):
            return self._report(text)
        return self._take()

    def _from_view(self) -> Move | None:
        """What the list shows of itself decides where no call in view does."""
        if self.begun:
            return self._do(next(iter(self.begun.values())))
        return self._take() if _READY.search(self.window.system) else None

    def _stirred(self) -> bool:
        """Whether the job had come to rest, and something has happened since."""
        events = self.window.events
        if (
            not self.last
            or self._taken(self.last.text or "")
            or not _NONE.search(self.last.text or "")
        ):
            return False
        at = max((n for n, e in enumerate(events) if e.text == self.last.text), default=-1)
        return any(e.kind in ("user", "idle", "note", "transcript") for e in events[at + 1 :])

    def _taken(self, text: str) -> Task | None:
        """The task that a result hands out, or says to be underway."""
        found = _TAKEN.match(text) if self.role == roles.TAKE else None
        if found:
            return Task(found["id"], found["text"].strip())
        underway = _UNDERWAY.search(text)
        if underway:
            return self.begun.get(underway["id"]) or Task(underway["id"], "")
        plain = self.role == roles.TAKE and text.strip() and not _NONE.match(text)
        return Task("", text.strip()) if plain else None

    def _take(self) -> Move | None:
        tool = self.kit.one(roles.TAKE)
        return Move((Call(tool, tools.arguments(tool, True, "What is next?")),)) if tool else None

    def _report(self, text: str) -> Move | None:
        """Tell the user once, when no task is left, what came of them."""
        replies = {tool.name for tool in self.kit.of(tools.REPLY)}
        if not replies or any(a.name in replies and a.ok for a in self.since):
            return None
        why = _NONE.search(text)
        closing = {tool.name: tool.text for tool in self.kit.of(roles.FINISH, roles.GIVE_UP)}
        came = [
            str(attempt.arguments.get(closing[attempt.name], ""))
            for attempt in self.window.made
            if attempt.name in closing and attempt.ok
        ]
        lines = [f"- {result}" for result in dict.fromkeys(came[-_TOLD:]) if result]
        return self.hands.reply("\n".join([why[1] if why else text, *lines]))

    # Doing

    def _do(self, task: Task) -> Move | None:
        """Do a task with what there is, then close it."""
        fact = steps.fact_to_save(task.text)
        if fact:
            return self._save(task, fact)
        question = answering.question_in(task.text)
        if question is None:
            return self._close(task, self._outcome(task))
        seen = self._seen()
        search = searching.next_search(question, seen, self.kit)
        if search:
            arguments = tools.arguments(search.tool, True, "The task asks for it.", **search.given)
            return Move((Call(search.tool, arguments),))
        found = searching.conclude(question, seen)
        return self._close(task, found, failed=found == answering.UNKNOWN)

    def _seen(self) -> Window:
        """The window as it looks to one task: only what was done for it counts as tried."""
        return replace(self.window, since_asked=self.since, attempts=self.since)

    def _save(self, task: Task, fact: str) -> Move | None:
        writers = {t.name for t in self.kit.of(tools.WRITE, tools.REWRITE, tools.REPLACE)}
        if any(attempt.ok and attempt.name in writers for attempt in self.since):
            return self._close(task, f"Saved: {fact}")
        return self.hands.write(self._seen(), fact) or self._close(task, f"Noted: {fact}")

    def _outcome(self, task: Task) -> str:
        """What the window tells about a task that is neither to save nor to look up."""
        question = answering.question_in(f"Find {task.text}")
        found = searching.conclude(question, self.window) if question else ""
        echo = words.stems(found) <= words.stems(task.text)
        return f"Gone through: {task.text}" if echo or found == answering.UNKNOWN else found

    def _close(self, task: Task, result: str, failed: bool = False) -> Move | None:
        """Finish a task, or give it up; where neither can be told, take the next."""
        finish, give_up = self.kit.one(roles.FINISH), self.kit.one(roles.GIVE_UP)
        refused = any(
            not a.ok and finish and a.name == finish.name and a.arguments.get(finish.id) == task.id
            for a in self.window.made
        )
        tool = give_up if (failed or refused or not finish) and give_up else finish
        if tool is None or not task.id:
            return self._take()
        text = words.shorten(result, _LONGEST)
        thought = "This cannot be done." if tool is give_up else "This is done."
        return Move((Call(tool, tools.arguments(tool, True, thought, id=task.id, text=text)),))
