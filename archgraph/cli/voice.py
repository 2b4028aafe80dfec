"""How an agent sounds on a terminal: thoughts dimmed, calls as they happen, replies clear.

Made by `chat`; it is the observer (`Watch`) of the agent's turns. Decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from archgraph.cli import peek, screen
from archgraph.graph import plan as plans
from archgraph.runtime import world


class Voice:
    """Shows what an agent does, as it is told.

    Attributes:
        fault: why a model could not answer, the last time that it could not.
        lines: how many notices there have been.
    """

    def __init__(self, out: screen.Screen, plan: plans.Plan) -> None:
        self.out, self.plan = out, plan
        self.fault = ""
        self.lines = 0
        self._replies = {name for name, tool in plan.tools.items() if tool.steers == plans.REPLY}
        self._open = ""
        self._streamed: list[tuple[str, str]] = []
        self._committed = False
        self._call = ("", peek.Arguments())

    def notice(self, notice: world.Notice) -> None:
        """Show one notice."""
        self.lines += 1
        self._committed = self._committed or notice.kind != "delta"
        show = _SHOWS.get(notice.kind)
        if show is not None:
            show(self, notice)

    def end(self) -> None:
        """Finish the line that is being written, if there is one."""
        if self._open:
            self.out.line()
        self._open = ""

    # What is told while a model answers

    def _delta(self, notice: world.Notice) -> None:
        if self._committed:
            self._forget()  # the first piece of another answer
        tool = str(notice.data.get("tool") or "")
        if not tool:
            silent = any(name in self._replies for name in self._tools(notice.thread))
            self._stream("thought" if silent else "reply", notice.thread, notice.text)
            return
        if tool != self._call[0] or self._call[1].complete:
            self.end()
            self._call = (tool, peek.Arguments())
        for field, text in self._call[1].add(notice.text):
            if field == "inner_thoughts":
                self._stream("thought", notice.thread, text)
            elif field == "message" and tool in self._replies:
                self._stream("reply", notice.thread, text)

    def _stream(self, kind: str, thread: str, text: str) -> None:
        if self._open != f"{kind} {thread}":
            self.end()
            self._open = f"{kind} {thread}"
            text = text.lstrip()
            self.out.piece(self._head(kind, thread))
            self._streamed.append((kind, ""))
        self._streamed[-1] = (kind, self._streamed[-1][1] + text)
        self.out.piece(screen.clean(text), "dim" if kind == "thought" else "")

    # What is told when a step is committed

    def _thought(self, notice: world.Notice) -> None:
        self._unless_streamed("thought", notice)

    def _reply(self, notice: world.Notice) -> None:
        self._unless_streamed("reply", notice)

    def _called(self, notice: world.Notice) -> None:
        self.end()
        if notice.text not in self._replies:
            arguments = plain_arguments(str(notice.data.get("arguments", "")))
            self._small(notice.thread, f"→ {notice.text}({arguments})")

    def _result(self, notice: world.Notice) -> None:
        self.end()
        if notice.data.get("ok"):
            if notice.data.get("tool") not in self._replies:
                self._small(notice.thread, notice.text, indent="    ")
        else:
            self._small(notice.thread, f"failed: {notice.text}", "warn", indent="    ")

    def _fault(self, notice: world.Notice) -> None:
        self.end()
        self.fault = notice.text
        told = f"the model could not answer: {screen.clean(notice.text)}"
        self.out.line(f"  {self._who(notice.thread)}{told}", "bad")

    def _aside(self, notice: world.Notice) -> None:
        self.end()
        self._small(notice.thread, f"· {notice.text}")

    def _unless_streamed(self, kind: str, notice: world.Notice) -> None:
        text = notice.text.strip()
        self.end()
        for shown in self._streamed:
            if shown[0] == kind and shown[1].strip() == text:
                self._streamed.remove(shown)
                return
        if text:
            self.out.piece(self._head(kind, notice.thread))
            self.out.line(screen.clean(notice.text), "dim" if kind == "thought" else "")

    def _forget(self) -> None:
        self._streamed, self._committed = [], False
        self._call = ("", peek.Arguments())

    def _small(self, thread: str, text: str, style: str = "dim", indent: str = "  ") -> None:
        head = f"{indent}{self._who(thread)}"
        room = max(20, self.out.width - len(head) - 1)
        self.out.line(f"{head}{screen.short(text, room)}", style)

    def _head(self, kind: str, thread: str) -> str:
        if kind == "thought":
            return self.out.style(f"  {self._who(thread)}", "dim")
        return self.out.style(f"{thread if self._who(thread) else self.plan.name}: ", "name")

    def _who(self, thread: str) -> str:
        """The thread's name, where there is more than one."""
        return f"{thread}: " if len(self.plan.threads) > 1 else ""

    def _tools(self, thread: str) -> tuple[str, ...]:
        part = self.plan.threads.get(thread)
        return part.tools if part else ()


_SHOWS: dict[str, Callable[[Voice, world.Notice], None]] = {
    "delta": Voice._delta,
    "thought": Voice._thought,
    "call": Voice._called,
    "result": Voice._result,
    "reply": Voice._reply,
    "evict": Voice._aside,
    "event": Voice._aside,
    "retry": Voice._aside,
    "fault": Voice._fault,
}


def plain_arguments(raw: str) -> str:
    """A call's arguments as people read them, without what the runtime injects."""
    try:
        arguments = json.loads(raw or "{}")
    except (ValueError, RecursionError):
        return raw
    if not isinstance(arguments, Mapping):
        return raw
    kept = {k: v for k, v in arguments.items() if k not in ("inner_thoughts", "request_heartbeat")}
    return ", ".join(f"{name}={json.dumps(v, ensure_ascii=False)}" for name, v in kept.items())


def thoughts(raw: str) -> str:
    """The inner thoughts in a call's arguments, if there are any."""
    return peek.strings(raw).get("inner_thoughts", "")
