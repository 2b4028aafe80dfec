"""chat: in a pipe, and on a terminal as a person sees it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli import commands

pty = pytest.importorskip("pty")

THINKING = """\
extends: memgpt
name: thinking
stores:
  diary: {type: log}
tools:
  finish: {verb: finish}
threads:
  dreamer:
    model: "${model}"
    context_window: "${context_window}"
    prompt: plain/main.jinja2
    log: diary
    context: [human, {store: recall, since: last_run, of: main}]
    tools: [core_memory_append, finish]
    triggers: [{every: 1, of: main.turn, mode: background}]
    heartbeat: {when: always, until: finish, max_steps: 3}
"""


class Terminal:
    """A command on a terminal of 80 columns; reads what it shows, types what is given."""

    def __init__(self, *arguments: str, folder: Path, **variables: str) -> None:
        self.master, slave = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        self.process = subprocess.Popen(
            [*commands.ARGV, *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm", "COLUMNS": "80", **variables},
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def until(self, text: str) -> str:
        """Read until a text is shown; what was read up to and with it."""
        while text not in self.shown:
            assert select.select([self.master], [], [], 30)[0], f"waits for {text!r}: {self.shown}"
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # Linux reports the end of a terminal so
                piece = b""
            assert piece, f"ended before {text!r}: {self.shown}"
            self.shown += piece.decode(errors="replace")
        found, _, self.shown = self.shown.partition(text)
        return found + text

    def interrupt(self) -> None:
        """Press ctrl-C until something is shown, at most five times.

        A signal that comes in the instant before readline begins to wait is noticed at the next
        key only; a person would press again.
        """
        for _ in range(5):
            self.process.send_signal(signal.SIGINT)
            if select.select([self.master], [], [], 5)[0]:
                return

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


PROMPT = "> \x1b[0m"


def chat(folder: Path, said: str, *answers: Any, code: int = 0) -> str:
    model = commands.script(folder, *answers)
    return commands.invoke("chat", "memgpt", "--model", model, said=said, code=code).stdout


def test_introduces_itself_and_says_what_it_is() -> None:
    shown = commands.invoke("chat", "memgpt").stdout
    assert "a deterministic policy, not a language model" in shown
    assert "gone when you leave" in shown and "--agent FILE" in shown and "/help" in shown


def test_shows_thoughts_calls_and_replies_once(tmp_path: Path) -> None:
    shown = chat(tmp_path, "I keep bees.\n", commands.notes("Bees."), commands.says("Noted."))
    turn = shown.partition("> I keep bees.\n")[2]
    assert turn == (
        "  Worth keeping.\n"
        '  → core_memory_append(name="human", content="Bees.")\n'
        "    Appended.\n"
        "  I answer.\n"
        "memgpt: Noted.\n"
    )


def test_equal_replies_in_a_row_are_each_shown(tmp_path: Path) -> None:
    shown = chat(tmp_path, "a\nb\n", commands.says("Yes."), commands.says("Yes."))
    assert shown.count("memgpt: Yes.\n") == 2


def test_failed_calls_are_shown(tmp_path: Path) -> None:
    wrong = {"call": "core_memory_append", "arguments": {"name": "nobody", "content": "x"}}
    shown = chat(tmp_path, "hi\n", wrong, commands.says("Sorry."))
    assert "failed: " in shown and "memgpt: Sorry." in shown


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    shown = chat(tmp_path, "hi\n", commands.says("\x1b[31mred\x07"))
    assert "\x1b" not in shown and "\x07" not in shown


def test_memory_context_and_step(tmp_path: Path) -> None:
    said = "I keep bees.\n/memory\n/memory recall\n/context\n/context main full\n/step\n/step 1\n"
    said += "/memory window\n"
    shown = chat(tmp_path, said, commands.notes("Keeps bees."), commands.says("Noted."))
    parts = shown.split("\n> /")
    assert "11 of 2,000 characters (1%)" in parts[1] and "human:\nKeeps bees." in parts[1]
    assert "user: I keep bees." in parts[2]
    assert "schemas of 8 tools" in parts[3] and "kept for the answer" in parts[3]
    assert "--- system" in parts[4] and "Keeps bees." in parts[4]
    assert "tools: none" not in parts[4]
    assert "step 2 of turn 1" in parts[5] and "step 1 of turn 1" in parts[6]
    window = parts[7].splitlines()
    assert "a view of" in window[1] and all(line.partition(": ")[0] for line in window[2:])
    assert any(line.startswith("user: ") and "I keep bees." in line for line in window)


def test_context_adds_up_to_the_window(tmp_path: Path) -> None:
    shown = chat(tmp_path, "hi\n/context\n", commands.says("Hello."))
    table = shown.partition("of the window\n")[2].partition("\nits text")[0]
    tokens = [int(row.split()[-2].replace(",", "")) for row in table.splitlines()]
    assert sum(tokens) == 8192


def test_retry_forgets_and_sends_again(tmp_path: Path) -> None:
    """The script begins anew with each opening, and /retry opens the model anew."""
    file = str(tmp_path / "a.db")
    model = commands.script(tmp_path, commands.notes("Bees."), commands.says("Noted."))
    arguments = ("chat", "memgpt", "--agent", file, "--model", model)
    shown = commands.invoke(*arguments, said="hi\n/retry\n").stdout
    assert "memgpt: Noted." in shown.partition("back to before: hi")[2]
    journal = commands.invoke_json("journal", file)
    assert [step["step"] for step in journal["steps"]] == [1, 2]
    assert [row["line"] for row in commands.invoke_json("blame", file, "human")] == ["Bees."]
    assert commands.invoke_json("journal", file, "--turn", "1")["said"] == ["hi"]


def test_retry_and_step_with_nothing_before() -> None:
    shown = commands.invoke("chat", "memgpt", said="/retry\n/step\n/step x\n/nope\n/memory no\n")
    for told in ("no message to take back", "there is no step yet", "wants a number",
                 "no command /nope", "no store 'no'"):  # fmt: skip
        assert told in shown.stdout


def test_fork_keeps_an_agent_that_lives_in_memory(tmp_path: Path) -> None:
    new = tmp_path / "kept.db"
    model = commands.script(tmp_path, commands.says("Hello."))
    said = f"hi\n/fork {new}\n/fork {new}\n/fork\n"
    shown = commands.invoke("chat", "memgpt", "--model", model, said=said).stdout
    assert f"archgraph chat {new}" in shown and "exists already" in shown
    assert len(commands.invoke_json("journal", str(new))["turns"]) == 1


def test_failed_turn_is_told_and_its_message_kept(tmp_path: Path) -> None:
    shown = chat(tmp_path, "hi\n/memory recall\n", code=3)
    assert "The turn failed" in shown and shown.count("the script is over") == 1
    assert "user: hi" in shown.partition("> /memory")[2]


def test_goes_on_with_a_file(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    commands.invoke("chat", "memgpt", "--agent", file, said="My name is Nadia.\n")
    shown = commands.invoke("chat", file, said="What is my name?\n").stdout
    assert "1 turn so far" in shown and "Nadia" in shown.partition("What is my name?")[2]


# On a terminal


def test_background_threads_work_while_nobody_types(tmp_path: Path) -> None:
    (tmp_path / "thinking.yaml").write_text(THINKING, encoding="utf-8")
    model = commands.script(
        tmp_path,
        commands.says("Hello."),
        {"calls": [{"name": "finish", "arguments": {"inner_thoughts": "A quiet dream."}}]},
    )
    with Terminal("chat", "thinking.yaml", "--model", model, folder=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("hi\n")
        assert "main: " in terminal.until("Hello.")
        terminal.until(PROMPT)
        terminal.until("A quiet dream.")
        terminal.until(PROMPT)
        terminal.type("/quit\n")
        assert terminal.process.wait(30) == 0


@pytest.mark.parametrize(("answer", "outcome"), [
    ("y", "Appended."), ("", "was not given"), ("not bees", "was not given"),
])  # fmt: skip
def test_a_person_is_asked_for_approval(answer: str, outcome: str, tmp_path: Path) -> None:
    file = tmp_path / "asking.yaml"
    rule = "{heartbeat: {rules: {approval: [core_memory_append]}}}"
    file.write_text(f"extends: memgpt\nname: asking\nthreads: {{main: {rule}}}\n", "utf-8")
    model = commands.script(tmp_path, commands.notes("Bees."), commands.says("Done."))
    with Terminal("chat", str(file), "--model", model, folder=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("I keep bees.\n")
        terminal.until('Allow core_memory_append(name="human", content="Bees.")? [y/N, or why not]')
        terminal.type(f"{answer}\n")
        assert outcome in terminal.until("Done.")
        terminal.until(PROMPT)
        terminal.type("\x04")
        assert terminal.process.wait(30) == 0


def test_terminal_shows_thoughts_dimmed_and_ctrl_d_leaves(tmp_path: Path) -> None:
    model = commands.script(tmp_path, commands.says("Hello.", "He greets me."))
    with Terminal("chat", "memgpt", "--model", model, folder=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("hi\n")
        assert "\x1b[2mHe greets me.\x1b[0m" in terminal.until("Hello.")
        terminal.until(PROMPT)
        terminal.type("\x04")
        assert terminal.process.wait(30) == 0


def test_ctrl_c_in_a_turn_stops_it_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "slow"
    os.mkfifo(pipe)
    options = ("--agent", "a.db", "--model", f"scripted/{pipe}")
    with Terminal("chat", "memgpt", *options, folder=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("Remember the bees.\n")
        with pipe.open("w"):  # returns when the agent is waiting for its model
            terminal.process.send_signal(signal.SIGINT)
            assert "Traceback" not in terminal.until("taken back")
        terminal.until(PROMPT)
        terminal.type("\x1b[A\n")  # arrow up
        with pipe.open("w") as model:
            json.dump([commands.says("I will.")], model)
        terminal.until("Remember the bees.")
        terminal.until("I will.")
        terminal.until(PROMPT)
        terminal.type("\x04")
        assert terminal.process.wait(30) == 0
    assert len(commands.invoke_json("journal", str(tmp_path / "a.db"))["turns"]) == 1


def test_ctrl_c_at_the_prompt_clears_the_line(tmp_path: Path) -> None:
    model = commands.script(tmp_path, commands.says("Hello."))
    options = ("--agent", "a.db", "--model", model)
    with Terminal("chat", "memgpt", *options, folder=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("half a li")
        terminal.until("half a li")
        terminal.interrupt()
        terminal.until("ctrl-D or /quit leaves")
        terminal.until(PROMPT)
        terminal.type("hxi\x1b[D\x7f\n")  # arrow left, backspace
        terminal.until("Hello.")
        terminal.until(PROMPT)
        terminal.type("\x04")
        assert terminal.process.wait(30) == 0
    said = commands.invoke_json("journal", str(tmp_path / "a.db"), "--turn", "1")["said"]
    assert said == ["hi"]


def test_no_color_is_respected(tmp_path: Path) -> None:
    for command in (("list", "stores"), ("check", "nothing.yaml"), ("doctor",)):
        with Terminal(*command, folder=tmp_path, NO_COLOR="1") as terminal:
            shown = terminal.until({"list": "mailbox", "check": "1 error", "doctor": "run here"}[
                command[0]])  # fmt: skip
            assert "\x1b[" not in shown
