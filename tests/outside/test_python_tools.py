"""Python functions as tools: found, described, called, bounded, and repeated with the same id."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from archgraph import api, errors
from archgraph.llm import base as llm
from archgraph.llm import recording
from tests.helpers import Death, Script, call, die, reopened
from tests.outside import place

WEATHER = 'weather: {python: "my_tools:weather", fixed: {days: 3}}'
PAY = 'pay: {python: "my_tools:pay"}'


def test_a_function_is_found_beside_the_file_and_described(tmp_path: Path) -> None:
    plan = api.compile(place.folder(tmp_path, WEATHER, PAY))
    weather, pay = plan.tools["weather"], plan.tools["pay"]
    assert weather.description == "Tell the weather of a city."
    assert weather.parameters["properties"] == {
        "city": {"type": "string", "description": "Which city."}
    }
    assert list(pay.parameters["properties"]) == ["amount"], "the call's id is not the model's"
    assert pay.parameters["required"] == ["amount"]


def test_a_function_runs_and_its_result_is_read(tmp_path: Path) -> None:
    script = Script([call("weather", city="Oslo")], "Fine.")
    agent = place.helper(place.folder(tmp_path, WEATHER), script)
    assert agent.send("How is Oslo?").reply == "Fine."
    assert place.calls(agent) == [("weather", True, '{"city": "Oslo", "days": 3}')]
    assert '{"city": "Oslo", "days": 3}' in str(script.requests[1].messages[-1]["content"]).replace(
        "\\", ""
    )


@pytest.mark.parametrize(
    ("made", "result"),
    [
        (call("weather", city="Atlantis"), "LookupError: no such city"),
        (call("leave"), "SystemExit: gone"),
        (call("weather", town="Oslo"), "missing argument 'city'; unknown argument 'town'"),
    ],
)
def test_what_a_function_raises_is_read_by_the_model(
    tmp_path: Path, made: Any, result: str
) -> None:
    file = place.folder(tmp_path, WEATHER, 'leave: {python: "my_tools:leave"}')
    agent = place.helper(file, Script([made], "Sorry."))
    assert agent.send("Go.").status == "done"
    assert [(ok, text[: len(result)]) for _, ok, text in place.calls(agent)] == [(False, result)]


def test_an_endless_function_is_given_up(tmp_path: Path) -> None:
    file = place.folder(tmp_path, 'endless: {python: "my_tools:endless", timeout: 1s}')
    agent = place.helper(file, Script([call("endless")], "Sorry."))
    assert agent.send("Go.").reply == "Sorry."
    assert "took longer than 1 seconds" in place.calls(agent)[0][2]


def test_ctrl_c_reaches_through_a_function_and_nothing_is_lost(tmp_path: Path) -> None:
    file = place.folder(tmp_path, 'interrupted: {python: "my_tools:interrupted"}')
    agent = place.helper(file, Script([call("interrupted")]))
    with pytest.raises(KeyboardInterrupt):
        agent.send("Go.")
    assert place.calls(agent) == []
    assert agent.state.turn, "the turn is still open, and can be gone on with"


def test_a_long_result_is_cut_with_a_mark(tmp_path: Path) -> None:
    tools = "def long() -> str:\n    '''Say much.'''\n    return 'word ' * 5000\n"
    file = place.folder(tmp_path, 'long: {python: "more:long", result_cap: 50}', more=tools)
    agent = place.helper(file, Script([call("long")], "Well."))
    agent.send("Go.")
    result = place.calls(agent)[0][2]
    assert result.endswith("... [cut: 25000 characters in all]")
    assert agent.world.count(result) <= 50


def test_a_huge_result_is_cut_at_once(tmp_path: Path) -> None:
    tools = "def huge() -> str:\n    '''Say too much.'''\n    return 'word ' * 4_000_000\n"
    file = place.folder(tmp_path, 'huge: {python: "more:huge", result_cap: 50}', more=tools)
    agent = place.helper(file, Script([call("huge")], "Well."))
    agent.send("Go.")
    result = place.calls(agent)[0][2]
    assert result.endswith("... [cut: 20000000 characters in all]")
    assert agent.world.count(result) <= 50


def test_after_a_death_before_the_commit_the_call_is_made_again_with_its_id(
    tmp_path: Path,
) -> None:
    file, path = place.folder(tmp_path, PAY), tmp_path / "a.db"
    agent = place.helper(file, Script([call("pay", amount=5), call("pay", amount=5)]), path)
    with pytest.raises(Death), pytest.MonkeyPatch.context() as patch:
        patch.setattr("archgraph.runtime.step.apply", _dead)
        agent.send("Pay.")
    die(agent)
    again = reopened(path, Script("Paid."))
    again.resume()
    ids = [line.split()[0] for line in (tmp_path / "paid").read_text().splitlines()]
    assert ids == [ids[0], ids[1], ids[0], ids[1]]
    assert ids[0] != ids[1], "two calls of a step are two"
    assert place.calls(again) == [("pay", True, "paid 5")] * 2


def _dead(*_: Any) -> None:
    raise Death


def test_a_replay_runs_no_function(tmp_path: Path) -> None:
    file, tape = place.folder(tmp_path, PAY), tmp_path / "tape.jsonl"
    recorder = _Watched(recording.Recorder(Script([call("pay", amount=5)], "Paid."), tape))
    first = place.helper(file, recorder)
    first.send("Pay.")
    assert len((tmp_path / "paid").read_text().splitlines()) == 1
    second = place.helper(file, recording.Replay(tape))  # type: ignore[arg-type]
    assert second.send("Pay.").reply == "Paid."
    assert place.calls(second) == place.calls(first) == [("pay", True, "paid 5")]
    assert len((tmp_path / "paid").read_text().splitlines()) == 1, "it was run by the replay"


def test_a_replay_says_which_call_was_never_recorded(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    recorder = recording.Recorder(Script("Hm."), tape)
    recorder.complete(llm.Request("m", [{"role": "user", "content": "x"}]))
    replay = recording.Replay(tape)
    with pytest.raises(errors.RecordingMissing, match=r"pay\(.*5.*recorded never"):
        replay.recorded_call("pay", {"amount": 5}, lambda: (True, "ran"))


class _Watched(recording.Recorder):
    """A recorder; `db` is set by whoever opens an agent with it."""

    def __init__(self, recorder: recording.Recorder) -> None:
        self.__dict__.update(recorder.__dict__)
        self.db: Any = None


@pytest.mark.parametrize(
    ("target", "message", "remedy"),
    [
        ("my_tool:weather", "no Python module 'my_tool'", "put my_tool.py beside"),
        ("my_tools:wether", "has no function 'wether'", 'did you mean "weather"?'),
        ("my_tools:strange", "no JSON Schema for the type", "use str, int"),
        ("my_tools:many", "takes *texts", "name every argument"),
        ("my_tools:later", "is async", "make it a plain function"),
        ("broken:f", "ModuleNotFoundError: No module named 'nonesuch'", "pip install nonesuch"),
        ("raising:f", "raising.py:2: ZeroDivisionError", "mend the module"),
        ("unread:f", "unread.py:1: ", "mend the module"),
    ],
)
def test_what_cannot_be_had_is_told_at_its_place(
    tmp_path: Path, target: str, message: str, remedy: str
) -> None:
    file = place.folder(
        tmp_path, f'odd: {{python: "{target}"}}', broken="import nonesuch\n",
        raising="\n1 / 0\n", unread="def f(:\n",
    )  # fmt: skip
    problems = place.told(file)
    assert [each.code for each in problems] == ["python-tool"]
    assert (problems[0].path, problems[0].line) == ("tools.odd.python", 6)
    assert message in problems[0].message
    assert remedy in problems[0].remedy


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("odd: {python: my_tools.weather}", "wrong-value"),
        ('odd: {python: "my_tools:weather", verb: reply}', "wrong-value"),
        ('odd: {python: "my_tools:weather", stores: [recall]}', "wrong-value"),
        ("odd: {verb: reply, timeout: 3s}", "wrong-value"),
        ("odd: {about: nothing}", "missing-key"),
        ('odd: {python: "my_tools:silent"}', "no-description"),
        ('odd: {python: "my_tools:weather", result_cap: 5000}', "cap-unused"),
        ('odd: {python: "my_tools:weather", fixed: {dais: 3}}', "fixed-argument"),
    ],
)
def test_what_a_file_says_wrongly_of_a_function(tmp_path: Path, line: str, code: str) -> None:
    assert [each.code for each in place.told(place.folder(tmp_path, line))] == [code]


def test_two_architectures_may_have_modules_of_the_same_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    text = "def f() -> str:\n    '''{}.'''\n    return '{}'\n"
    found = []
    for name in ("one", "two"):
        file = place.folder(
            tmp_path / name, 'f: {python: "common:f"}', common=text.format(name, name)
        )
        agent = place.helper(file, Script([call("f")], "Well."))
        agent.send("Go.")
        found += place.calls(agent)
    assert [text for _, _, text in found] == ["one", "two"]
    assert str(tmp_path / "one") not in sys.path
