"""Code that a model wrote runs within its limits, and what ends it is told."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from archgraph.tools import sandbox

LIMITS = sandbox.Limits(seconds=3, cpu=1, memory=200 * sandbox.MEGABYTE)

pytestmark = pytest.mark.skipif(not sandbox.available(), reason="needs limits on processes (POSIX)")


def run(code: str, **arguments: Any) -> sandbox.Outcome:
    helper = {"helper": "def main() -> str:\n    return 'helped'"}
    return sandbox.run(code, arguments, LIMITS, sandbox.imported(code, helper.get))


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        ("def main(a, b=1):\n    print('adding')\n    return {'sum': a + b}", {"a": 2},
         'adding\n{"sum": 3}'),
        ("print(arguments['word'])", {"word": "zażółć"}, "zażółć"),
        ("import helper\nprint(helper.main())", {}, "helped"),
        ("pass", {}, ""),
        ("import sys\nsys.exit()", {}, ""),
        ("import json, math, datetime, re, statistics\nprint(math.comb(5, 2))", {}, "10"),
    ],
)  # fmt: skip
def test_what_it_prints_and_gives_back_is_its_output(
    code: str, arguments: dict[str, Any], said: str
) -> None:
    assert run(code, **arguments) == sandbox.Outcome(True, said)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError"),
        ("def main(a): pass", "missing 1 required positional argument: 'a'"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("import numpy", "No module named 'numpy'"),
        ("while True: pass", "more than 1 seconds of the processor"),
        ("import threading\nthreading.Event().wait()", "more than 3 seconds"),
        ("x = 'a' * (1 << 30)", "MemoryError"),
        ("open('big', 'w').write('x' * (1 << 22))", "File too large"),
        ("print('x' * (1 << 22))", "printed more than 1048576 bytes"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    ],
)
def test_what_ends_it_is_told(code: str, said: str) -> None:
    outcome = run(code)
    assert not outcome.ok
    assert said in outcome.text


def test_an_error_names_its_own_lines_and_no_folder_of_this_machine() -> None:
    outcome = run("def main():\n    return f()\n\ndef f():\n    raise ValueError('x')")
    assert 'File "code.py", line 5, in f' in outcome.text
    assert "runner" not in outcome.text
    assert "/" not in outcome.text


def test_it_sees_no_variable_and_no_open_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2")
    with Path("/dev/null").open() as kept:
        os.set_inheritable(kept.fileno(), True)
        code = "import os\nprint(sorted(os.environ), len(os.listdir('/dev/fd')))"
        outcome = run(code)
    assert outcome.text in ("['LC_CTYPE', 'PYTHONHASHSEED'] 4", "['PYTHONHASHSEED'] 4")


def test_its_folder_is_its_own_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outcome = run("import os\nopen('left', 'w').write('x')\nprint(sorted(os.listdir()))")
    assert outcome.text == "['code.py', 'left']"
    assert list(tmp_path.iterdir()) == []


def test_sets_keep_their_order() -> None:
    code = "print(set('abcdefgh'), hash('a'))"
    assert run(code) == run(code)


@pytest.mark.skipif(not sandbox.isolation(), reason="this machine permits no namespaces")
def test_it_has_no_network() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        outcome = run(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)")
    assert not outcome.ok
    assert "Error" in outcome.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root is above the limit on processes")
def test_it_can_start_no_process() -> None:
    assert "BlockingIOError" in run("import os\nos.fork()").text


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import _thread

    threading.Timer(0.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        sandbox.run("import threading\nthreading.Event().wait()", {}, sandbox.Limits(seconds=60))


def test_imports_are_followed() -> None:
    known = {"a": "import b\nfrom c.d import e", "b": "import a", "c": "def f(:", "z": "1"}
    found = sandbox.imported("import a, os", known.get)
    assert sorted(found) == ["a", "b", "c"]
