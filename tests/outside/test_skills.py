"""Skills: code that works is kept by name, found by what it does, and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.stores import skills
from archgraph.tools import sandbox
from tests.helpers import Death, Script, call, die, opened, plan, reopened

pytestmark = pytest.mark.skipif(not sandbox.available(), reason="needs limits on processes (POSIX)")

ADD = "def main(a, b):\n    return a + b"
GREET = "def main(name='you'):\n    return f'Hello {name}'"

TOOLS = {
    "execute": ("run", "skills"), "attempt": ("try_code", "skills"), "keep": ("save", "skills"),
    "look": ("search", "skills"), "list_all": ("list", "skills"), "show": ("read", "skills"),
    "drop": ("remove", "skills"),
}  # fmt: skip


def keeping(name: str, code: str, description: str = "does something", **more: Any) -> Any:
    return call("keep", name=name, description=description, code=code, **more)


def lived(*steps: Any, path: Any = ":memory:", **options: Any) -> Any:
    """An agent whose model made these calls, one list after the other."""
    made = plan(stores={"skills": {"type": "skills", "seconds": 4, **options}}, tools=TOOLS)
    for each in made.threads.values():
        object.__setattr__(each.heartbeat, "when", ("called", "failed"))
        object.__setattr__(each.heartbeat, "max_failures", 9)
    agent = opened(made, Script(*steps, "Done."), path)
    agent.send("Go.")
    return agent


def results(agent: Any) -> list[tuple[bool, str]]:
    return [(r[0] == 1, r[1]) for r in agent.db.all("SELECT ok, result FROM call")]


def test_a_skill_is_kept_found_by_its_description_and_run() -> None:
    agent = lived(
        [keeping("add_up", ADD, "sums two numbers", arguments={"a": 1, "b": 2})],
        [keeping("greet", GREET, "greets a person")],
        [call("look", query="sum of numbers")],
        [call("execute", name="add_up", arguments={"a": 20, "b": 22})],
        [call("show", name="add_up")],
    )
    told = results(agent)
    assert [ok for ok, _ in told] == [True] * 5
    assert told[0][1] == "Saved the skill add_up (version 1)."
    assert told[2][1].splitlines()[1] == "- add_up: sums two numbers (takes a, b)"
    assert told[3][1] == "42"
    assert ADD in told[4][1]
    assert agent.stores["skills"].measure("count") == 2


def test_code_that_fails_is_not_kept_and_its_error_is_read() -> None:
    agent = lived([keeping("bad", "def main():\n    return 1 / 0")], [keeping("add_up", ADD)])
    (bad, error), (untested, missing) = results(agent)
    assert not bad
    assert "ZeroDivisionError" in error
    assert not untested
    assert "missing 2 required positional arguments" in missing
    assert agent.stores["skills"].measure("count") == 0


def test_without_proof_any_code_is_kept() -> None:
    agent = lived([keeping("bad", "1 / 0")], proven=False)
    assert results(agent) == [(True, "Saved the skill bad (version 1).")]


def test_a_name_that_is_taken_gets_a_new_version_and_the_old_one_stays_in_the_history() -> None:
    agent = lived([keeping("greet", GREET)], [keeping("greet", "print('Hi')")],
                  [call("execute", name="greet")])  # fmt: skip
    assert [text for _, text in results(agent)][1:] == ["Saved the skill greet (version 2).", "Hi"]
    history = agent.stores["skills"].records.history("greet")
    assert [form.fields["code"] for form in history] == [GREET, "print('Hi')"]


def test_trying_keeps_nothing() -> None:
    agent = lived([call("attempt", code="print(6 * 7)")], [call("attempt", code="print(")])
    assert results(agent)[0] == (True, "42")
    assert "SyntaxError" in results(agent)[1][1]
    assert agent.stores["skills"].measure("count") == 0


def test_a_skill_may_import_another() -> None:
    code = "import greet\ndef main():\n    return greet.main('Dana') + '!'"
    agent = lived([keeping("greet", GREET)], [keeping("shout", code)],
                  [call("execute", name="shout")])  # fmt: skip
    assert results(agent)[-1] == (True, "Hello Dana!")


def test_a_skill_that_was_changed_in_the_same_step_runs_in_the_next() -> None:
    agent = lived([keeping("greet", GREET), call("execute", name="greet")],
                  [call("execute", name="greet")])  # fmt: skip
    assert "run it in the next step" in results(agent)[1][1]
    assert results(agent)[2] == (True, "Hello you")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "two words"}, "is no name"),
        ({"name": "class"}, "is no name"),
        ({"description": " "}, "the description is empty"),
        ({"code": "#" * 9000}, "has 9000 characters"),
    ],
)
def test_what_is_no_skill_is_refused(given: dict[str, str], told: str) -> None:
    whole = {"name": "greet", "code": GREET, "description": "greets", **given}
    assert told in results(lived([call("keep", **whole)]))[0][1]


def test_unknown_and_too_many_and_removed() -> None:
    agent = lived(
        [keeping("greet", GREET)], [keeping("other", GREET)], [call("execute", name="great")],
        [call("drop", name="greet")], [call("list_all")], capacity=1,
    )  # fmt: skip
    told = [text for _, text in results(agent)]
    assert "it holds 1 of at most 1" in told[1]
    assert 'did you mean "greet"?' in told[2]
    assert told[3:] == ["Removed greet.", "No results found."]


def test_output_is_cut_with_a_mark() -> None:
    agent = lived([call("attempt", code="print('word ' * 3000)")], output_cap=30)
    text = results(agent)[0][1]
    assert text.endswith("... [cut: 14999 characters in all]")
    assert agent.world.count(text) <= 30


def test_no_code_runs_while_the_file_is_locked_and_a_death_keeps_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    real = sandbox.run

    def watched(*arguments: Any) -> sandbox.Outcome:
        seen.append(agents[0].db.in_transaction if agents else False)
        return real(*arguments)

    monkeypatch.setattr(skills.sandbox, "run", watched)
    made = plan(stores={"skills": {"type": "skills"}}, tools=TOOLS)
    script = Script([keeping("greet", GREET)])
    agents = [opened(made, script, tmp_path / "a.db")]

    def dead(*_: Any) -> None:
        raise Death

    with pytest.raises(Death), pytest.MonkeyPatch.context() as patch:
        patch.setattr("archgraph.runtime.step.apply", dead)
        agents[0].send("Keep it.")
    die(agents[0])
    agents = [reopened(tmp_path / "a.db", Script("Done."))]
    agents[0].resume()
    assert results(agents[0]) == [(True, "Saved the skill greet (version 1).")]
    assert seen == [False, False]
