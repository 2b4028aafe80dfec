"""A second process that does what a check does, and then is killed: for determinism and crashes.

`of` starts it once for each contract and keeps what it left; `main` is what it runs.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.conformance import kit
from archgraph.storage import database

WRITES = 4
"""Writes of the run whose rows are compared."""
BEFORE = 3
"""Commits that are acknowledged before the kill."""
_DIED = 9
_CODE = "from archgraph.conformance import child; child.main()"


@dataclass(frozen=True, slots=True)
class Life:
    """What a child left: what it told before, and the folder of the agent that it died in."""

    told: dict[str, Any]
    killed: Path


_LIVES: dict[Any, Life] = {}


def of(contract: kit.Ground) -> Life:
    """The life of a child that runs this contract's writes; one for each class of contracts."""
    kind = type(contract)
    if kind not in _LIVES:
        _LIVES[kind] = _live(kind)
    return _LIVES[kind]


def _live(kind: type[kit.Ground]) -> Life:
    folder = Path(tempfile.mkdtemp(prefix="archgraph-contract-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    order = {"path": sys.path, "folder": str(folder), **_address(kind)}
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        input=json.dumps(order),
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    kit.must(
        done.returncode == _DIED,
        f"a second process could not do the writes of the suite: {done.stderr[-600:]}",
    )
    return Life(json.loads(done.stdout), folder / "killed")


def _address(kind: type[kit.Ground]) -> dict[str, Any]:
    """How the child finds the contract."""
    if vars(kind).get("made_here"):
        made = kind.store_type
        given = {"options": dict(kind.options), "lost": sorted(kind.lost)}
        return {"maker": f"{kind.__module__}:contract_for", "store": _place(made), **given}
    return {"contract": _place(kind)}


def _place(kind: type) -> str:
    module = sys.modules.get(kind.__module__)
    if kind.__module__ == "__main__" or getattr(module, kind.__name__, None) is not kind:
        raise kit.NotApplicable(f"{kind.__qualname__} cannot be imported by a second process")
    return f"{kind.__module__}:{kind.__qualname__}"


def find(place: str) -> Any:
    """The thing at `module:name`."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def main() -> None:
    """Do the writes, tell what came of them, then die within a commit."""
    order = json.loads(sys.stdin.read())
    sys.path[:] = order["path"]
    contract = _contract(order)
    folder = Path(order["folder"])
    with contract._filled(folder / "whole", WRITES) as (db, store):
        told = {"state": contract._state(store), "dump": database.dump(db)}
    with contract._filled(folder / "killed", BEFORE) as (db, store), db.transaction():
        contract.write(store, BEFORE)
        print(json.dumps(told), flush=True)
        os._exit(_DIED)


def _contract(order: dict[str, Any]) -> Any:
    if "contract" in order:
        return find(order["contract"])()
    lost = frozenset(order["lost"])
    return find(order["maker"])(find(order["store"]), order["options"], lost)()
