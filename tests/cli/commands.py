"""How the tests run commands: in this process, or as a person does, in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


def start(*arguments: str, folder: Path, **streams: Any) -> subprocess.Popen[str]:
    """Start a command as a process, with pipes where no stream is given."""
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    return subprocess.Popen(
        [*ARGV, *arguments],
        cwd=folder,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        **{**pipes, **streams},
    )


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
