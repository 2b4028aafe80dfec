"""Runs code that a model has written, in a process of its own with limits.

The process has an empty environment, a folder that is removed afterwards, no inherited files, and
bounds on time, memory, file size and processes; where the machine permits it, no network and no
sight of other processes. It may read what the user may read. Called by the `skills` store; what
this does not protect against stands in docs/explanation/sandbox.md. Knows no store.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from archgraph import errors

MEGABYTE = 1 << 20

_PYTHON = ("-P", "-s", "-S", "-B", "-X", "utf8")
"""As `-I -S`, but for PYTHONHASHSEED, the one variable that is set: sets keep their order."""
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}
_ALONE = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
"""Cuts off the network, and ends with a process all that it has started."""

_RUNNER = """\
import json, os, sys
child = os.fork()  # the first process of a namespace is deaf to most signals
if child:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(status if status >= 0 else 128 - status)
task = json.load(sys.stdin)
import resource
for name, wanted in task["limits"].items():
    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (value, value))
del resource, os, child
import traceback
sys.path[:] = [*sys.path, task["modules"]]

def shown(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

def run(source, arguments):
    space = {"__name__": "__main__", "arguments": arguments}
    exec(compile(source, task["name"], "exec"), space)
    main = space.get("main")
    if callable(main):
        value = main(**arguments)
        if value is not None:
            print(shown(value))

try:
    run(open(task["name"], encoding="utf-8").read(), task["arguments"])
except SystemExit as end:
    if end.code not in (None, 0):
        print(f"SystemExit: {end.code}")
        sys.exit(1)
except BaseException as error:
    error.__traceback__ = error.__traceback__.tb_next and error.__traceback__.tb_next.tb_next
    print("".join(traceback.format_exception(error)).rstrip())
    sys.exit(1)
"""
"""What the process begins with: it takes its limits upon itself, then runs the code."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a run: seconds by the clock and of the processor, bytes, processes, characters."""

    seconds: float = 10.0
    cpu: int = 5
    memory: int = 256 * MEGABYTE
    file_size: int = MEGABYTE
    processes: int = 0
    output: int = 20_000

    def kernel(self) -> dict[str, int]:
        """The bounds that the operating system keeps, by the names of `resource`."""
        return {
            "RLIMIT_CPU": self.cpu,
            "RLIMIT_AS": self.memory,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: whether it ended well, and what it said."""

    ok: bool
    text: str


# Public functions


def run(
    code: str,
    arguments: Mapping[str, Any],
    limits: Limits,
    modules: Mapping[str, str] | None = None,
) -> Outcome:
    """Run code, and its function `main` with the arguments if it has one.

    What it prints, and what `main` returns, is its output. `modules` are sources that it may
    import by name.

    Raises:
        MachineError: this machine cannot bound a process.
    """
    if not available():
        raise errors.MachineError(
            "code cannot be run here: limits on processes need Linux, macOS or another POSIX system"
        )
    with tempfile.TemporaryDirectory(prefix="archgraph-run-") as folder:
        place = Path(folder)
        task = {"name": "code.py", "arguments": dict(arguments), "limits": limits.kernel()}
        _laid_out(place, code, modules or {}, {**task, "modules": str(place / "modules")})
        with (place / "task.json").open("rb") as given, (place / ".output").open("wb+") as said:
            status = _ended(place / "work", given, said, limits.seconds)
            filled = said.seek(0, os.SEEK_END) >= limits.file_size
            said.seek(0)
            text = said.read(4 * limits.output).decode("utf-8", "replace")
    text = text.replace(f"{place}/", "").replace("\x00", "?").rstrip()[: limits.output]
    if status == 0:
        return Outcome(True, text)
    why = _why(status, limits)
    if filled:
        why = f"It was stopped: it printed more than {limits.file_size} bytes."
    return Outcome(False, "\n".join(filter(None, [text, why])))


def available() -> bool:
    """Whether this machine can bound a process."""
    return importlib.util.find_spec("resource") is not None and os.name == "posix"


@functools.cache
def isolation() -> tuple[str, ...]:
    """The command that cuts a process off the network; empty where the machine permits none."""
    if sys.platform != "linux" or shutil.which(_ALONE[0]) is None:
        return ()
    try:
        tried = subprocess.run([*_ALONE, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ()
    return (str(shutil.which(_ALONE[0])), *_ALONE[1:]) if tried.returncode == 0 else ()


def imported(code: str, known: Callable[[str], str | None]) -> dict[str, str]:
    """The sources that a code imports, and that these import in turn, by name.

    `known` gives the source of a name, None where there is none.
    """
    found: dict[str, str] = {}
    waiting = [code]
    while waiting:
        for name in sorted(_names(waiting.pop())):
            source = None if name in found else known(name)
            if source is not None:
                found[name] = source
                waiting.append(source)
    return found


# Private functions


def _names(code: str) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def _laid_out(place: Path, code: str, modules: Mapping[str, str], task: Mapping[str, Any]) -> None:
    for folder in ("work", "modules"):
        (place / folder).mkdir()
    (place / "work" / "code.py").write_text(code, encoding="utf-8", errors="replace")
    for name, source in modules.items():
        target = place / "modules" / f"{name}.py"
        target.write_text(source, encoding="utf-8", errors="replace")
    (place / "runner.py").write_text(_RUNNER, encoding="utf-8")
    (place / "task.json").write_text(json.dumps(task), encoding="utf-8")


def _ended(work: Path, given: IO[bytes], said: IO[bytes], seconds: float) -> int | None:
    """The exit status of a run; None if it was ended because its time was over."""
    command = [*isolation(), sys.executable, *_PYTHON, str(work.parent / "runner.py")]
    process = subprocess.Popen(
        command, cwd=work, env=_ENVIRONMENT, stdin=given, stdout=said, stderr=said,
        close_fds=True, start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:  # whatever ended it, ctrl-C too: nothing of it goes on
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _why(status: int | None, limits: Limits) -> str:
    """What ended a run that did not end itself."""
    if status is None:
        return f"It was stopped: it took more than {limits.seconds:g} seconds."
    number = status - 128 if status > 128 else -status
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return f"It was stopped: it used more than {limits.cpu} seconds of the processor."
    if number == signal.SIGXFSZ:
        return f"It was stopped: a file grew over {limits.file_size} bytes."
    known = {each.value for each in signal.Signals}
    return f"It was ended by the signal {signal.Signals(number).name}." if number in known else ""
