"""A bug in a plugin's store type is told with its place, and ends neither check nor agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import archgraph
from archgraph import errors
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests import helpers, plugins

MODULE = '''
from archgraph.stores import base


class Sound(base.Store):
    """Notes."""

    class Options(base.Options):
        """Keys."""

        def token_cap(self):
            return 100

    @base.verb(writes=True)
    def note(self, text: str) -> str:
        """Note it.

        Args:
            text: What.
        """
        self.records.add(base.Record(content=text))
        self.wrote()
        return "Noted."

    def render(self, view):
        return "notes"


class Verb(Sound):
    """Fails in its verb."""

    @base.verb(writes=True)
    def note(self, text: str) -> str:
        """Note it.

        Args:
            text: What.
        """
        return {}["lost"]


class Drawn(Sound):
    """Fails when it is drawn."""

    def render(self, view):
        raise ValueError("cannot draw")


class Made(Sound):
    """Fails when it is made."""

    def __init__(self, name, options, context):
        raise ValueError("cannot begin")


class Cap(Sound):
    """Fails when its options are asked."""

    class Options(Sound.Options):
        """Keys."""

        def token_cap(self):
            return 1 // 0
'''
FILE = """
archgraph: 1
name: user
stores:
  mine: {type: NAME}
  recall: {type: log}
  window: {type: queue, over: recall}
tools:
  note: {verb: note, stores: mine}
  speak: {verb: reply}
threads:
  main:
    {model: offline/extractive, context_window: 8000, prompt: main.jinja2, context: [mine, window],
     tools: all, triggers: [user_message], heartbeat: {when: [called, failed], until: speak}}
"""


@pytest.fixture(autouse=True)
def buggy(tmp_path: Path) -> Iterator[None]:
    names = {name: f"buggy:{name.capitalize()}" for name in ("verb", "drawn", "made", "cap")}
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "main.jinja2").write_text("Note what is said.\n")
    with plugins.installed(tmp_path / "site", {"buggy": MODULE}, {"archgraph.stores": names}):
        yield


LINE = MODULE.split("\n").index('        return {}["lost"]') + 1


def opened(folder: Path, name: str) -> agents.Agent:
    file = folder / "user.yaml"
    file.write_text(FILE.replace("NAME", name))
    calls = [helpers.call("note", text="Bees."), helpers.call("speak", message="Yes.")]
    return archgraph.open_agent(file, gateway=helpers.Answers(lambda request: calls.pop(0)))


def test_a_bug_in_a_verb_is_told_with_its_place(tmp_path: Path) -> None:
    with opened(tmp_path, "verb") as agent:
        assert agent.send("Hello.").reply == "Yes."
        said = "\n".join(str(row.result) for row in journal.calls(agent.db, 1))
    assert f"note failed inside: KeyError: 'lost' (buggy.py:{LINE})" in said


def test_a_bug_in_render_names_the_store(tmp_path: Path) -> None:
    with opened(tmp_path, "drawn") as agent:
        turn = agent.send("Hello.")
    assert turn.status == "failed"
    assert (
        "its window cannot be made: ValueError: cannot draw (store mine, buggy.py:" in turn.reason
    )


def test_a_bug_in_the_making_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(errors.PluginError, match=r"'mine' \(made\) cannot be made: ValueError"):
        opened(tmp_path, "made")


def test_a_bug_in_options_is_a_problem_with_a_place(tmp_path: Path) -> None:
    file = tmp_path / "user.yaml"
    file.write_text(FILE.replace("NAME", "cap"))
    (told,) = [each for each in archgraph.check(file) if each.code == "plugin-broken"]
    assert told.line == 5 and "ZeroDivisionError" in told.message and "buggy.py:" in told.message
