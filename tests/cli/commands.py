"""How the tests run commands: in this process, or as a person does, in one of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click import testing

from archgraph.cli import main

ARGV = [sys.executable, "-m", "archgraph"]


def invoke(*arguments: str, said: str = "", code: int = 0) -> testing.Result:
    """Run a command in this process; what is not an exit code of ours is an error of the test."""
    result = testing.CliRunner().invoke(
        main.cli, list(arguments), input=said, prog_name="archgraph"
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, f"exit {result.exit_code}\n{result.stdout}\n{result.stderr}"
    return result


def invoke_json(*arguments: str, code: int = 0) -> Any:
    return json.loads(invoke(*arguments, "--json", code=code).stdout)


@contextmanager
def running(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A command as a process with pipes; it is gone at the end, whatever the test came to."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*ARGV, *arguments], cwd=folder, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def script(folder: Path, *answers: Any) -> str:
    """The model name of a script of answers."""
    path = folder / "script.json"
    path.write_text(json.dumps(answers), encoding="utf-8")
    return f"scripted/{path}"


def says(text: str, thoughts: str = "I answer.") -> dict[str, Any]:
    """An answer of MemGPT's that replies."""
    return {"call": "send_message", "arguments": {"inner_thoughts": thoughts, "message": text}}


def notes(text: str) -> dict[str, Any]:
    """An answer of MemGPT's that notes something and goes on."""
    arguments = {
        "inner_thoughts": "Worth keeping.",
        "name": "human",
        "content": text,
        "request_heartbeat": True,
    }
    return {"call": "core_memory_append", "arguments": arguments}
