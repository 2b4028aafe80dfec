"""The one SQLite driver of this process, able to load extensions.

Many Pythons are built without `enable_load_extension`, so the `pysqlite3` wheel comes first, then
the standard library where it can, then the standard library with sqlite-vec registered through
SQLite's own auto-extension list. One driver per process: exceptions of two drivers are different
classes, and two copies of SQLite must never open the same file. Used by `storage` only.
"""

from __future__ import annotations

import functools
import importlib
import sys
from dataclasses import dataclass
from typing import Any

from archgraph import errors

_REMEDY = (
    "install the driver with `pip install pysqlite3`, or use a Python whose sqlite3 can load "
    "extensions (Debian's /usr/bin/python3 can); `archgraph doctor` tells what is there"
)


@dataclass(frozen=True, slots=True)
class Driver:
    """A DB-API module and how sqlite-vec gets into its connections."""

    name: str
    module: Any
    road: str

    @property
    def version(self) -> str:
        """The version of SQLite inside."""
        return str(self.module.sqlite_version)

    def load_vec(self, connection: Any) -> None:
        """Make `vec0` tables available on a connection."""
        if self.road != "extension":
            return
        sqlite_vec = importlib.import_module("sqlite_vec")
        connection.enable_load_extension(True)
        sqlite_vec.load(connection)
        connection.enable_load_extension(False)


@functools.cache
def driver() -> Driver:
    """The driver of this process.

    Raises:
        MachineError: no road to sqlite-vec on this Python; the message says how to mend it.
    """
    tried = []
    for candidate in (_pysqlite3, _standard, _auto_extension):
        try:
            found = candidate()
            _prove(found)
        except Exception as error:  # any failure of a road means: try the next one, tell at the end
            tried.append(f"{candidate.__name__.strip('_')}: {error}")
        else:
            return found
    raise errors.MachineError(f"no SQLite here can load sqlite-vec ({'; '.join(tried)}); {_REMEDY}")


def _prove(found: Driver) -> None:
    connection = found.module.connect(":memory:")
    try:
        found.load_vec(connection)
        connection.execute("SELECT vec_version()").fetchone()
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    finally:
        connection.close()


def _pysqlite3() -> Driver:
    module = importlib.import_module("pysqlite3.dbapi2")
    return Driver("pysqlite3", module, "extension")


def _standard() -> Driver:
    module = importlib.import_module("sqlite3")
    if not hasattr(module.Connection, "enable_load_extension"):
        raise errors.MachineError("this Python's sqlite3 was built without extension loading")
    return Driver("sqlite3", module, "extension")


def _auto_extension() -> Driver:
    ctypes = importlib.import_module("ctypes")
    sqlite_vec = importlib.import_module("sqlite_vec")
    if not sys.platform.startswith("linux"):
        raise errors.MachineError("only Linux shares one libsqlite3 between Python and ctypes")
    library = ctypes.CDLL("libsqlite3.so.0")
    vec = ctypes.CDLL(sqlite_vec.loadable_path() + ".so")
    library.sqlite3_auto_extension.argtypes = [ctypes.c_void_p]
    library.sqlite3_auto_extension(ctypes.cast(vec.sqlite3_vec_init, ctypes.c_void_p))
    return Driver("sqlite3", importlib.import_module("sqlite3"), "auto-extension")
