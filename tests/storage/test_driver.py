"""The road for a Python without the driver's wheel: the standard library's own SQLite."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_THE_WHEEL = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "pysqlite3":
            raise ImportError("not installed")

sys.meta_path.insert(0, Missing())
import archgraph
from archgraph.storage import driver

try:
    found = driver.driver()
except archgraph.errors.MachineError as error:
    print("none:", error)
    sys.exit()
assert found.name == "sqlite3", found
with archgraph.open_agent("memgpt", seed=1) as agent:
    agent.send("My dog is called Bruno.")
    print(agent.send("What is my dog called?").reply)
    print(agent.stores["recall"].search("dog").splitlines()[0])
    with agent.fork(":memory:", at=2) as fork:
        print(fork.stores["human"].text)
"""


def test_an_agent_runs_on_the_standard_librarys_sqlite() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_WHEEL], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("none:"):
        assert "pip install pysqlite3" in done.stdout
        pytest.skip("this Python has no road to sqlite-vec without the wheel")
    assert done.stdout.splitlines() == [
        "Bruno",
        "Showing 4 of 4 results (page 0/0):",
        "My dog is called Bruno.",
    ]
