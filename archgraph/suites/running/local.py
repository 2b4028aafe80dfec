"""Workers as processes of this machine: the engine `local`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from typing import IO

from archgraph import errors
from archgraph.suites.running import engine, wire

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from archgraph.suites.running import nursery; sys.exit(nursery.main())"
)

_PATIENCE = 5.0
"""Seconds that workers have to go when the run is over."""

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""One thread of arithmetic for each worker: there are as many workers as are wanted."""


class Local(engine.Engine):
    """Processes of this machine; those that die are replaced."""

    def __init__(self, options: engine.Options, workers: int) -> None:
        super().__init__(options, workers)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._said: IO[bytes] | None = None

    def start(self, door: wire.Door) -> None:
        """Start the nursery, which makes the workers."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop
        many, each = (1, self.workers) if hasattr(os, "fork") else (self.workers, 1)
        self._processes = [self._nursery(door, each) for _ in range(many)]

    def tend(self, missing: int) -> None:
        """See that somebody is there; the nursery itself replaces workers that die.

        Raises:
            MachineError: workers die as soon as they are made.
        """
        for process in self._processes:
            if process.poll():
                why = self._last_words()
                raise errors.MachineError(
                    f"workers cannot be kept alive on this machine (exit code "
                    f"{process.returncode}){why}; run with --workers 0 to see more"
                )

    def stop(self, *, kill: bool) -> None:
        """Wait for the workers a little while, then end them."""
        for process in self._processes:
            if not kill:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
            _end(process)
        self._processes = []
        if self._said is not None:
            self._said.close()

    def _last_words(self) -> str:
        """The last line that workers wrote about what ails them."""
        assert self._said is not None
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def _nursery(self, door: wire.Door, workers: int) -> subprocess.Popen[bytes]:
        environment = {**dict.fromkeys(_THREADS, "1"), **os.environ}
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said,
            env=environment, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        told = {"door": asdict(door), "workers": workers}
        lines = f"{json.dumps(sys.path)}\n{json.dumps(told)}\n"
        with contextlib.suppress(OSError), process.stdin as pipe:
            pipe.write(lines.encode())
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a nursery and all its workers, which share a session."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
