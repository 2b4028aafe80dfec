"""Tools of MCP servers: real servers, over stdio and over HTTP, that die, hang and change."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="needs the extra archgraph[mcp]")

from archgraph import api, clock, errors
from archgraph.llm import recording
from archgraph.tools import mcp
from tests.helpers import Death, Script, call, die, reopened
from tests.outside import place

COMMAND = "mcp: {command: [python, notes_server.py], env: [NOTES_FILE]}"
NOTE = f"note: {{{COMMAND}}}"
ADD = f"plus: {{{COMMAND}, tool: add, fixed: {{b: 10}}}}"


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server writes its notes."""
    monkeypatch.setenv("NOTES_FILE", str(tmp_path / "notes.txt"))
    return tmp_path / "notes.txt"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of its own over HTTP, on a free port; it is ready when it says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(place.HERE / "notes_server.py"), str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if "running on" in line.lower():
                break
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield f"http://127.0.0.1:{port}/mcp"
        server.kill()


def running(agent: Any) -> list[mcp.Server]:
    return list(agent.world.servers.values())


def test_schemas_are_frozen_in_the_plan_and_two_tools_share_a_process(
    tmp_path: Path, notes: Path
) -> None:
    file, path = place.folder(tmp_path, NOTE, ADD), tmp_path / "a.db"
    script = Script([call("plus", a=3), call("note", text="hello")], "Done.")
    with place.helper(file, script, path) as agent:
        assert agent.plan.tools["plus"].parameters["properties"] == {"a": {"type": "integer"}}
        assert agent.plan.tools["plus"].description == "Add two numbers."
        assert agent.send("Go.").reply == "Done."
        assert place.calls(agent) == [("plus", True, "13"), ("note", True, "Noted.")]
        assert len(running(agent)) == 1
    assert running(agent) == []
    with reopened(path, Script("Hm.")) as again:
        assert again.plan == agent.plan
        again.send("And?")
        assert running(again) == [], "a server that nobody calls is not started"
    assert notes.read_text().split()[1:] == ["hello"]


def test_arguments_that_may_be_left_out(tmp_path: Path) -> None:
    made = [call("greet", name="Dana", times=2, tags=["!"]), call("greet", name=None)]
    with place.helper(
        place.folder(tmp_path, f"greet: {{{COMMAND}}}"), Script(made, "Hm.")
    ) as agent:
        agent.send("Go.")
        assert [text for _, _, text in place.calls(agent)] == ["Hello DanaHello Dana!", "Hello you"]


def test_over_http(tmp_path: Path, address: str) -> None:
    lines = (f"plus: {{mcp: {{url: {address}}}, tool: add}}", f"fail: {{mcp: {{url: {address}}}}}")
    with place.helper(
        place.folder(tmp_path, *lines), Script([call("plus", a=3), call("fail")], "Done.")
    ) as agent:
        agent.send("Go.")
        assert place.calls(agent)[0] == ("plus", True, "5")
        assert place.calls(agent)[1][:2] == ("fail", False)


def test_headers_are_taken_from_the_environment(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTES_KEY", "s3cret-value")
    line = f"authorised: {{mcp: {{url: {address}, headers: {{Authorization: NOTES_KEY}}}}}}"
    path = tmp_path / "a.db"
    with place.helper(
        place.folder(tmp_path, line), Script([call("authorised")], "Well."), path
    ) as agent:
        agent.send("Go.")
        assert place.calls(agent) == [("authorised", True, "Bearer [NOTES_KEY]")]
    assert b"s3cret-value" not in path.read_bytes()
    assert mcp._authorised("authorization", "Basic abc") == "Basic abc"
    assert mcp._authorised("X-Api-Key", "abc") == "abc"


def test_a_reference_server_tells_the_time(tmp_path: Path) -> None:
    pytest.importorskip("mcp_server_time", reason="needs the package mcp-server-time")
    line = "convert_time: {mcp: {command: [python, -m, mcp_server_time]}}"
    made = call(
        "convert_time", source_timezone="Etc/UTC", time="12:00", target_timezone="Asia/Tokyo"
    )
    with place.helper(place.folder(tmp_path, line), Script([made], "Done.")) as agent:
        agent.send("Go.")
        (_, ok, text) = place.calls(agent)[0]
        assert ok
        assert "21:00" in text


def test_a_server_that_dies_fails_the_call_and_is_started_again(tmp_path: Path) -> None:
    file = place.folder(tmp_path, ADD, f"die: {{{COMMAND}}}")
    script = Script([call("die")], [call("plus", a=1)], "Done.")
    with place.helper(file, script) as agent:
        assert agent.send("Go.").reply == "Done."
        (_, died, text), (_, well, result) = place.calls(agent)
    assert not died
    assert "python notes_server.py is gone" in text
    assert "the server ends itself" in text
    assert (well, result) == (True, "11")


def test_a_server_that_was_killed_between_calls_is_started_again(tmp_path: Path) -> None:
    script = Script([call("plus", a=1)], "One.", [call("plus", a=2)], [call("plus", a=2)], "Two.")
    with place.helper(place.folder(tmp_path, ADD), script) as agent:
        agent.send("Go.")
        for child in children():
            os.kill(child, signal.SIGKILL)
        agent.send("Again.")
        assert place.calls(agent)[-1] == ("plus", True, "12")


def children() -> list[int]:
    """Processes that this one has started and that still run a server of tests."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    return [int(line.split()[0]) for line in listed.splitlines() if "notes_server.py" in line]


def test_a_call_that_hangs_is_given_up_and_the_next_one_goes_well(tmp_path: Path) -> None:
    file = place.folder(tmp_path, ADD, f"hang: {{{COMMAND}, timeout: 5s}}")
    with place.helper(file, Script([call("hang"), call("plus", a=1)], "Done.")) as agent:
        agent.send("Go.")
        (_, hung, text), (_, well, result) = place.calls(agent)
    assert (hung, well, result) == (False, True, "11")
    assert "took longer than 5 seconds" in text


def test_a_long_result_is_cut(tmp_path: Path) -> None:
    file = place.folder(tmp_path, f"long: {{{COMMAND}, result_cap: 50}}")
    with place.helper(file, Script([call("long")], "Done.")) as agent:
        agent.send("Go.")
        text = place.calls(agent)[0][2]
    assert text.endswith("... [cut: 25000 characters in all]")


def test_values_of_the_environment_reach_the_server_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTES_KEY", "s3cret-value")
    line = "tell_key: {mcp: {command: [python, notes_server.py], env: [NOTES_KEY]}}"
    path = tmp_path / "a.db"
    with place.helper(
        place.folder(tmp_path, line), Script([call("tell_key")], "Well."), path
    ) as agent:
        agent.send("Go.")
        assert place.calls(agent) == [("tell_key", True, "the key is [NOTES_KEY]")]
    for file in tmp_path.glob("a.db*"):
        assert b"s3cret-value" not in file.read_bytes()


def test_after_a_death_the_server_is_told_the_same_id(tmp_path: Path, notes: Path) -> None:
    file, path = place.folder(tmp_path, NOTE), tmp_path / "a.db"
    agent = place.helper(file, Script([call("note", text="x")]), path)
    with pytest.raises(Death), pytest.MonkeyPatch.context() as patch:
        patch.setattr("archgraph.runtime.step.apply", _dead)
        agent.send("Go.")
    agent.world.close()
    die(agent)
    with reopened(path, Script("Done.")) as again:
        again.resume()
        assert place.calls(again) == [("note", True, "Noted.")]
    first, second = notes.read_text().splitlines()
    assert first == second


def _dead(*_: Any) -> None:
    raise Death


def test_a_tool_that_has_changed_since_is_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "grown: {mcp: {command: [python, notes_server.py], env: [HOME]}}"
    plan = api.compile(place.folder(tmp_path, line))
    changed = (
        (tmp_path / "notes_server.py")
        .read_text()
        .replace('os.environ.get("NOTES_CHANGED")', "True")
    )
    (tmp_path / "notes_server.py").write_text(changed)
    with api.open_agent(plan, gateway=Script([call("grown", text="x")], "Oh.")) as agent:
        assert agent.send("Go.").status == "done"
        (_, ok, text) = place.calls(agent)[0]
    assert not ok
    assert "have changed since this agent was made" in text


def test_a_replay_starts_no_server(tmp_path: Path, notes: Path) -> None:
    file, tape = place.folder(tmp_path, NOTE), tmp_path / "tape.jsonl"
    recorder = recording.Recorder(Script([call("note", text="x")], "Done."), tape)
    plan = api.compile(file)
    with api.open_agent(plan, seed=1, clock=clock.VirtualClock(), gateway=recorder) as first:
        first.send("Go.")
        recorded = place.calls(first)
    replay = recording.Replay(tape)
    with api.open_agent(plan, seed=1, clock=clock.VirtualClock(), gateway=replay) as second:
        second.send("Go.")
        assert running(second) == []
        assert place.calls(second) == recorded
    assert len(notes.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "code", "path", "message"),
    [
        ("odd: {mcp: {command: [python, -m, nonesuch]}}", "mcp-server", "tools.odd.mcp",
         "No module named nonesuch"),
        ("odd: {mcp: {command: [no-such-program]}}", "mcp-server", "tools.odd.mcp",
         "FileNotFoundError"),
        ("odd: {mcp: {command: [sleep, '60']}, timeout: 1s}", "mcp-server", "tools.odd.mcp",
         "did not answer in 1 seconds"),
        ("odd: {mcp: {url: 'http://127.0.0.1:1/mcp'}}", "mcp-server", "tools.odd.mcp",
         "ConnectError"),
        (f"ad: {{{COMMAND}}}", "mcp-tool", "tools.ad.mcp", "no tool 'ad'"),
        (f"odd: {{{COMMAND}, tool: ad}}", "mcp-tool", "tools.odd.tool", "no tool 'ad'"),
        ("add: {mcp: {command: [python, notes_server.py], env: [NO_SUCH_VARIABLE]}}", "mcp-server",
         "tools.add.mcp", "NO_SUCH_VARIABLE is not set"),
        ("add: {mcp: {}}", "missing-key", "tools.add.mcp", "how is the server reached?"),
        ("add: {mcp: {url: 'ftp://x'}}", "wrong-value", "tools.add.mcp.url", "'ftp://x'"),
        ("add: {mcp: {command: [python, notes_server.py], env: ['A=b']}}", "wrong-value",
         "tools.add.mcp.env[0]", "'A=b'"),
        ("add: {mcp: {command: [x]}, python: 'a:b'}", "wrong-value", "tools.add", "in one tool"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_told_at_its_place(
    tmp_path: Path, line: str, code: str, path: str, message: str
) -> None:
    problems = place.told(place.folder(tmp_path, line))
    assert [(each.code, each.path, each.line) for each in problems] == [(code, path, 6)]
    assert message in problems[0].message
    assert problems[0].remedy


def test_a_server_that_is_down_is_told_once(tmp_path: Path) -> None:
    down = "mcp: {command: [no-such-program]}"
    file = place.folder(tmp_path, f"one: {{{down}}}", f"two: {{{down}}}")
    assert [each.code for each in place.told(file)] == ["mcp-server"]


@pytest.mark.parametrize(
    "server",
    [
        "{command: [no-such-program, --token, abcdef123]}",
        "{command: [no-such-program, --api-key=abcdef123]}",
        "{url: 'http://me:abcdef123@127.0.0.1:1/mcp'}",
        "{url: 'http://127.0.0.1:1/mcp?api_key=abcdef123'}",
    ],
)
def test_a_secret_in_a_file_is_refused(tmp_path: Path, server: str) -> None:
    problems = place.told(place.folder(tmp_path, f"odd: {{mcp: {server}}}"))
    assert "secret-in-file" in [each.code for each in problems]


def test_without_the_package_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp, "_installed", lambda: False)
    (problem,) = place.told(place.folder(tmp_path, NOTE))
    assert "pip install '.[mcp]'" in problem.remedy


def test_an_unusable_server_is_a_plugin_error(tmp_path: Path) -> None:
    with pytest.raises(errors.PluginError):
        mcp.Server(mcp.Address(("no-such-program",))).tools(5)
