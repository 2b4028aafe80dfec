"""Starts what the figures need: the fake server, peers in their environments, fresh processes.

Used by the figures. Knows no peer and no figure.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".bench-venv"
"""The environment of the peers' own packages; the product's stays as it is."""


def environment() -> dict[str, str]:
    """Our own variables, with byte code kept: some machines forbid it, and pay at each start."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    return {**kept, "OPENAI_API_KEY": "none", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A fake server of our own; yields its address, with /v1."""
    command = [sys.executable, str(ROOT / "benchmarks" / "fake_openai.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout
    try:
        address = process.stdout.readline().strip()
        if not address:
            raise SystemExit("the fake server did not start")
        yield address
    finally:
        process.terminate()
        process.wait()


def peers_python() -> str:
    """The Python of the peers' environment, made at the first call (about half a minute)."""
    python = PEERS / "bin" / "python"
    if not (PEERS / "complete").exists():
        print(f"making {PEERS.name} for the peers", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(PEERS)], check=True)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        wanted = project["optional-dependencies"]["bench"]
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, *wanted], check=True)
        (PEERS / "complete").touch()
    return str(python)


def run(python: str, module: str, *arguments: object) -> dict[str, Any]:
    """Run one of our modules in a fresh process; what its last line of output says.

    Raises:
        subprocess.CalledProcessError: it failed; its stderr has been shown.
    """
    command = [python, "-m", module, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def available() -> bool:
    """Whether archgraph can be measured in this environment; the reason goes to stderr if not."""
    probe = [sys.executable, "-c", "import benchmarks.subject"]
    done = subprocess.run(probe, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.splitlines()[-1], file=sys.stderr)
    return done.returncode == 0


def cost(command: Sequence[str]) -> tuple[float, float, float]:
    """Wall ms, CPU ms (with children) and peak MB of a command, run once, output thrown away."""
    start, nowhere = time.perf_counter(), subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=nowhere, stderr=nowhere
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        wall = (time.perf_counter() - start) * 1000
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(command)}")
    return wall, (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss * 1024 / 1e6
