"""A folder with an architecture that has outside tools, and agents made of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from archgraph import api, clock, errors
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.helpers import START

HERE = Path(__file__).parent

PROMPT = "You help.\n{% for tool in tools %}- {{ tool.name }}: {{ tool.description }}\n{% endfor %}"

HEAD = """\
archgraph: 1
name: helper
stores:
  recall: {{type: log, message_cap: 1200}}
tools:
{tools}
threads:
  main:
    model: offline/extractive
    context_window: 60000
    prompt: main.jinja2
    context: [{{store: recall, cap: 4000}}]
    tools: all
    triggers: [user_message]
    heartbeat: {{when: [called, failed], max_steps: 6}}
    thoughts: none
"""

STDIO = "mcp: {command: [python, notes_server.py], env: [NOTES_FILE]}"

FUNCTIONS = '''\
"""Tools for tests."""

from pathlib import Path

HERE = Path(__file__).parent


def weather(city: str, days: int = 1) -> dict:
    """Tell the weather of a city.

    Args:
        city: Which city.
        days: How many days ahead.
    """
    if city == "Atlantis":
        raise LookupError("no such city")
    return {"city": city, "days": days}


def pay(amount: int, call_id: str) -> str:
    """Pay somebody."""
    with (HERE / "paid").open("a") as file:
        file.write(f"{call_id} {amount}\\n")
    return f"paid {amount}"


def interrupted() -> str:
    """Be interrupted by ctrl-C."""
    import _thread
    _thread.interrupt_main()
    import threading
    threading.Event().wait()


def endless() -> str:
    """Never end."""
    import threading
    threading.Event().wait()


def leave() -> None:
    """Try to end the process."""
    raise SystemExit("gone")


def strange(thing: complex) -> str:
    """Take what JSON has not."""


def many(*texts: str) -> str:
    """Take any number."""


async def later() -> str:
    """Be async."""


def silent(text: str) -> str:
    return text
'''


def folder(path: Path, *tools: str, **more: str) -> Path:
    """A folder with `tools` as lines of the tools section; the file of the architecture."""
    (path / "prompts").mkdir(exist_ok=True)
    (path / "prompts" / "main.jinja2").write_text(PROMPT)
    (path / "my_tools.py").write_text(FUNCTIONS)
    shutil.copy(HERE / "notes_server.py", path)
    for name, text in more.items():
        (path / f"{name}.py").write_text(text)
    file = path / "helper.yaml"
    file.write_text(HEAD.format(tools="\n".join(f"  {line}" for line in tools)))
    return file


def told(file: Path) -> list[errors.Problem]:
    return api.check(file)


def helper(file: Path, gateway: Any, path: Path | None = None) -> agents.Agent:
    agent = api.open_agent(file, path, seed=1, clock=clock.VirtualClock(START), gateway=gateway)
    gateway.db = agent.db
    return agent


def calls(agent: agents.Agent) -> list[tuple[str, bool, str]]:
    """Every call's tool, whether it went well, and its result."""
    steps = journal.steps(agent.db)
    return [(c.name, c.ok, c.result) for row in steps for c in journal.calls(agent.db, row.id)]
