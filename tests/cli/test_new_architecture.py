"""`new architecture` writes what passes check and runs, and never over what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import api
from archgraph.cli import new_architecture
from tests.cli import commands
from tests.cli.test_chat import Terminal


@pytest.mark.parametrize(
    "flags",
    [
        *((f"--preset={name}",) for name in new_architecture.PRESETS),
        ("--stores", "block:mood,block:plan,collection:facts"),
        ("--stores", "log:talk,queue:view,block:mood", "--threads", "talker,thinker,dreamer"),
        ("--extends", "memgpt"),
        ("--extends", "memgpt", "--stores", "block:mood,collection:facts"),
        ("--extends", "no_memory", "--stores", "block:mood"),
    ],
    ids=" ".join,
)
def test_what_is_written_has_no_faults_and_answers(flags: tuple[str, ...], tmp_path: Path) -> None:
    commands.invoke("new", "architecture", "mine", *flags, "--folder", str(tmp_path))
    file = tmp_path / "mine.yaml"
    assert api.check(file) == []
    with api.open_agent(file, tmp_path / "mine.db") as agent:
        assert agent.send("Hello, I am Nadia and I keep bees.").replies


def test_on_a_terminal_it_asks_and_asks_again(tmp_path: Path) -> None:
    with Terminal("new", "architecture", "mine.yaml", folder=tmp_path) as terminal:
        terminal.until("Its name, or Enter: ")
        terminal.type("memgtp\r")
        assert 'did you mean "memgpt"?' in terminal.until("Its name, or Enter: ")
        terminal.type("\r")
        terminal.until("]: ")
        terminal.type("log:recall,blok:mood\r")
        assert 'did you mean "block"?' in terminal.until("]: ")
        terminal.type("log:recall,block:mood\r")
        assert "Threads" in terminal.until("]: ")
        terminal.type("main,tender\r")
        assert "wrote mine.yaml" in terminal.until("archgraph chat mine.yaml")
        assert terminal.process.wait(30) == 0
    plan = api.compile(tmp_path / "mine.yaml")
    assert set(plan.stores) >= {"recall", "mood"} and set(plan.threads) == {"main", "tender"}


@pytest.mark.parametrize("answers", [["memgpt"], ["", "", ""]])
def test_on_a_terminal_enter_takes_what_is_usual(answers: list[str], tmp_path: Path) -> None:
    with Terminal("new", "architecture", "mine", folder=tmp_path) as terminal:
        for prompt, text in zip(["Enter: ", "]: ", "]: "], answers, strict=False):
            terminal.until(prompt)
            terminal.type(f"{text}\r")
        terminal.until("archgraph chat mine.yaml")
        assert terminal.process.wait(30) == 0
    assert api.check(tmp_path / "mine.yaml") == []


def test_the_schema_that_the_first_line_names_is_there(tmp_path: Path) -> None:
    commands.invoke("new", "architecture", "mine", "--folder", str(tmp_path))
    first, *_ = (tmp_path / "mine.yaml").read_text(encoding="utf-8").splitlines()
    assert first.startswith("# yaml-language-server: $schema=")
    assert (tmp_path / first.partition("=")[2]).exists()


def test_every_store_that_was_asked_for_is_used(tmp_path: Path) -> None:
    wanted = "block:mood,log:talk,queue:view,collection:facts"
    commands.invoke("new", "architecture", "mine", "--stores", wanted, "--folder", str(tmp_path))
    plan = api.compile(tmp_path / "mine.yaml")
    assert list(plan.stores) == ["mood", "talk", "view", "facts"]
    used = {item.store for item in plan.threads["main"].context} | {plan.threads["main"].log}
    assert used | {store for tool in plan.tools.values() for store in tool.stores} >= set(
        plan.stores
    )


@pytest.mark.parametrize("there", ["mine.yaml", "prompts/mine/main.jinja2"])
def test_what_exists_is_left_alone(there: str, tmp_path: Path) -> None:
    held = tmp_path / there
    held.parent.mkdir(parents=True, exist_ok=True)
    held.write_text("mine", encoding="utf-8")
    told = commands.invoke("new", "architecture", "mine", "--folder", str(tmp_path), code=1)
    assert "there already" in told.stderr
    assert held.read_text(encoding="utf-8") == "mine"
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [held]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--stores", "blok:a"), 'did you mean "block"'),
        (("--stores", "block"), "not TYPE:NAME"),
        (("--stores", "block:a,log:a"), "two stores"),
        (("--threads", "user"), "cannot be a name"),
        (("--extends", "memgtp"), "memgpt"),
        (("--extends", "memgpt", "--stores", "collection:human"), "would not pass check"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_fault_is_told_and_nothing_is_written(
    flags: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    told = commands.invoke("new", "architecture", "x", *flags, "--folder", str(tmp_path), code=1)
    assert said in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_was_cut_short_is_taken_back(tmp_path: Path) -> None:
    files: dict[str, object] = {"a.yaml": "a", "prompts/a/main.jinja2": 5}  # 5 cannot be written
    with pytest.raises(TypeError):
        new_architecture._write(files, tmp_path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_names_are_those_of_architectures(tmp_path: Path) -> None:
    told = commands.invoke("new", "architecture", "a/b", "--folder", str(tmp_path), code=1)
    assert "cannot be a name" in told.stderr
    assert list(tmp_path.iterdir()) == []
