"""A conversation between a person and an agent: who speaks when, and what is shown.

Made by `chat`. While nobody types, the agent's background threads work; a typed line makes them
yield at their next step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from archgraph.cli import lines, screen, voice

if TYPE_CHECKING:
    from archgraph.runtime import agent as agents

FAILED = 3
_PROMPT = "> "
_LEAST_WAIT = 0.2
"""Seconds between looks for due work, so that waiting costs nothing."""


class Conversation:
    """An agent and the person who talks with it."""

    def __init__(self, agent: agents.Agent) -> None:
        self.out = screen.Screen()
        self.lines = lines.Lines()
        self.voice = voice.Voice(self.out, agent.plan)
        self.failed = False
        self.become(agent)

    def become(self, agent: agents.Agent) -> None:
        """Go on with an agent (another one, after /retry)."""
        self.agent = agent
        agent.world.approve = self._approve

    @property
    def in_memory(self) -> bool:
        """Whether the agent is gone when the conversation ends."""
        return self.agent.db.path == ":memory:"

    def introduce(self, source: str) -> None:
        """Say who this is, what answers, and where it is kept."""
        plan, out = self.agent.plan, self.out
        about = f": {screen.short(plan.about, 2 * out.width - 20)}" if plan.about else ""
        out.line(f"{out.style(plan.name, 'bold')}{about}")
        models = list(dict.fromkeys(thread.model for thread in plan.threads.values()))
        policy = (
            ", a deterministic policy, not a language model (use one: --model openai/gpt-4o-mini)"
            if any(model.startswith("offline/") for model in models)
            else ""
        )
        out.line(f"Model: {', '.join(models)}{policy}.", "dim")
        if self.in_memory:
            out.line(
                "It lives in memory and is gone when you leave; to keep it: "
                f"archgraph chat {source} --agent FILE, or /fork FILE here.",
                "dim",
            )
        else:
            turns = screen.plural(self.agent.state.turns, "turn")
            out.line(f"Kept in {self.agent.db.path}; {turns} so far.", "dim")
        out.line("/help lists what you can ask for; ctrl-C stops a turn, ctrl-D leaves.", "dim")

    def run(self, perform: Callable[[str], bool]) -> int:
        """Talk until the person leaves.

        Args:
            perform: does what a line that begins with a slash asks for; true ends it all.
        """
        self._finish_open_turn()
        while (line := self._line()) is not None:
            said = line.strip()
            if not said:
                continue
            if said.startswith("/"):
                if perform(said):
                    break
            else:
                self.say(line)
        if self.lines.typed:
            self.out.line()
        elif not self.in_memory:
            self._work(lambda: False)
        return FAILED if self.failed and not self.lines.typed else 0

    def say(self, text: str) -> None:
        """Send a message and show the turn that it makes; ctrl-C takes it back."""
        self.voice.fault = ""
        before = self._last_message()
        try:
            turn = self.agent.send(text, watch=self.voice.notice)
        except KeyboardInterrupt:
            if not self.lines.typed:
                raise
            self._stop(before)
            return
        self.voice.end()
        self.failed = turn.status == "failed"
        if self.failed:
            told = "" if turn.reason in self.voice.fault else f": {turn.reason}"
            self.out.line(
                f"The turn failed{told}. Your message is kept; /retry sends it again.", "bad"
            )
        elif not turn.replies:
            self.out.line("(no reply: the agent ended its turn without one)", "dim")

    def _finish_open_turn(self) -> None:
        if self.agent.state.turn:
            self.out.line("Finishing the turn that was interrupted...", "dim")
            self.agent.world.watch = self.voice.notice
            try:
                self.agent.resume()
            finally:
                self.agent.world.watch = None
                self.voice.end()

    def _last_message(self) -> int:
        sql = "SELECT max(seq) FROM tick WHERE kind = 'message'"
        return int(self.agent.db.value(sql) or 0)

    def _stop(self, before: int) -> None:
        """End the turn that was interrupted: what was said since `before` is taken back."""
        from archgraph import api

        self.voice.end()
        self._renew()
        if self._last_message() > before:
            agent, _ = api.take_back(self.agent)
            self.become(agent)
        told = "Stopped: your message is taken back with all it caused; arrow up brings it back."
        self.out.line(f"\n{told}", "dim")

    def _renew(self) -> None:
        """An agent as its file has it: what was in memory of an interrupted step is dropped."""
        from archgraph.runtime import agent as agents

        self.become(agents.Agent(self.agent.plan, self.agent.db, self.agent.setup))

    def _line(self) -> str | None:
        """The next line; on a terminal, ctrl-C clears the one that is being typed."""
        while True:
            try:
                return self._next_line()
            except KeyboardInterrupt:
                if not self.lines.typed:
                    raise
                self.voice.end()
                self._renew()
                self.out.line("\n(ctrl-D or /quit leaves)", "dim")
            finally:
                self.lines.rest()

    def _next_line(self) -> str | None:
        """The next line; background threads work until it is there."""
        self._prompt()
        while not self.lines.waiting():
            before = self.voice.lines
            self._work(self.lines.waiting)
            if self.voice.lines != before:
                self._prompt()
            if self.lines.waiting(self._until_due()):
                break
        line = self.lines.read(self.out.style(_PROMPT, "bold"))
        if line is not None and not self.lines.typed:
            self.out.line(f"> {line}", "bold")  # what a terminal would have echoed
        return line

    def _work(self, should_yield: Callable[[], bool]) -> None:
        self.agent.work(should_yield, watch=self.voice.notice)
        self.voice.end()

    def _until_due(self) -> float | None:
        """Seconds until something falls due; None if nothing will while we wait."""
        db = self.agent.db
        due = db.value("SELECT min(due) FROM tick WHERE died IS NULL")
        if due is None or db.clock.virtual:
            return None
        return max(_LEAST_WAIT, float(due) - db.now())

    def _approve(self, tool: str, arguments: Mapping[str, Any]) -> bool | str:
        """Ask whether a call that needs a person's approval may be made; never, in a pipe.

        What is neither yes nor no is the reason for a no.
        """
        if not self.lines.typed:
            return "nobody can be asked here"
        self.voice.end()
        told = voice.plain_arguments(json.dumps(arguments, ensure_ascii=False))
        self.out.piece(f"Allow {tool}({screen.clean(told)})? [y/N, or why not] ", "warn")
        said = (self.lines.read() or "").strip()
        if said.lower() in ("y", "yes"):
            return True
        return False if said.lower() in ("", "n", "no") else said

    def _prompt(self) -> None:
        if self.lines.typed:
            self.lines.listen()
            self.out.piece(_PROMPT, "bold")
