"""An agent's file: one SQLite database, one writer, and the journal's clock.

Everything that is written carries the number of the commit (`version`) that wrote it, so that any
store can be read as of any commit and a fork at a step has the memory of that step. Opened by the
runtime; used by `records`, `journal` and the stores. Knows nothing of agents.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph import clock as clocks
from archgraph import errors
from archgraph.storage import driver, migrations, writer_lock

DURABILITY = {"normal": "NORMAL", "full": "FULL"}
"""`normal` survives a crash of the process; `full` also a power cut (an fsync per commit)."""

CHECKPOINT_PAGES = 4000
"""Pages (of 4 KiB) in the WAL before SQLite moves them into the file: fewer, longer pauses."""

_HEADER = 100
"""Bytes of a SQLite file's header."""

_CONNECTION: Any = {"isolation_level": None, "check_same_thread": False, "timeout": 10}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is writing: the thread, turn and step that the rows will carry."""

    thread: str | None = None
    turn: int | None = None
    step: int | None = None


class Database:
    """A connection to an agent's file.

    `version` is the number of the last commit. Inside `transaction()` it is the number that the
    commit in progress will have.
    """

    def __init__(self, connection: Any, path: str, *, writable: bool, lock: Any = None) -> None:
        self.connection = connection
        self.path = path
        self.writable = writable
        self.clock: clocks.Clock = clocks.WallClock()
        self.actor = Actor()
        self.saved_time = 0.0
        self.timings: list[tuple[int, float, float, float]] = []
        self.version = int(self.meta("version") or 0)
        self.seed = int(self.meta("seed") or 0)
        self._lock = lock
        self._ordinal = 0
        self.execute = connection.execute
        self.executemany = connection.executemany

    def meta(self, key: str) -> str | None:
        """A value of the `meta` table, or None."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Set a value of the `meta` table."""
        self.execute("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", (key, value))

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        return self.execute(sql, parameters).fetchone()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows."""
        rows: list[Any] = self.execute(sql, parameters).fetchall()
        return rows

    @property
    def session_open(self) -> bool:
        """Whether the last process that wrote here has not closed the file: it lives or died."""
        return self.meta("session") == "open"

    def mark_session(self, state: str) -> None:
        """Note in the file that it is `open` or `closed`."""
        self.set_meta("session", state)

    @property
    def in_transaction(self) -> bool:
        """Whether a commit is being prepared, and so the write lock held."""
        return bool(self.connection.in_transaction)

    @contextmanager
    def transaction(self) -> Iterator[int]:
        """One commit: all of it or nothing. Yields its version. May not be nested."""
        if not self.writable:
            raise errors.AgentFileError(f"{self.path} was opened for reading only")
        self.connection.execute("BEGIN IMMEDIATE")
        self.version += 1
        self._ordinal = 0
        try:
            yield self.version
            self.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(self.version),))
            self.connection.execute("COMMIT")
        except BaseException as error:
            self.version -= 1
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if isinstance(error, driver.driver().module.OperationalError):
                raise errors.MachineError(
                    f"{self.path} could not be written ({error}); nothing of this commit was "
                    "kept, all before it is safe. Free some space on the disk and open it again"
                ) from error
            raise

    def new_id(self, prefix: str = "") -> str:
        """An id that depends only on the agent's seed, the commit and the ordinal within it."""
        self._ordinal += 1
        return clocks.derive_id(self.seed, self.version, self._ordinal, prefix)

    def draws(self) -> Callable[[], float]:
        """Draws from [0, 1) that depend only on the seed, the commit and the ordinal in it."""
        self._ordinal += 1
        return clocks.derive_random(self.seed, self.version, self._ordinal).random

    def now(self) -> float:
        """The agent's time."""
        return self.clock.now()

    def close(self) -> None:
        """Close the file and let others write to it."""
        if self._lock is not None:
            self.mark_session("closed")
            self.connection.execute("PRAGMA optimize")
        self.connection.close()
        self.connection = closed = _Closed(self.path)
        self.execute = self.executemany = closed.execute
        if self._lock is not None:
            self._lock.release()
            self._lock = None


class _Closed:
    """Stands in for the connection of a closed file."""

    in_transaction = False

    def __init__(self, path: str) -> None:
        self._path = path

    def execute(self, *_: Any) -> Any:
        """Nothing can be read or written any more.

        Raises:
            AgentFileError: always.
        """
        raise errors.AgentFileError(f"{self._path} was closed here; open the agent again")

    def close(self) -> None:
        """It is closed already."""


def create(path: str, *, seed: int, durability: str = "normal") -> Database:
    """Make a new agent file; `:memory:` makes one that lives only in this process.

    A file whose making was interrupted is made anew.

    Raises:
        AgentFileError: the path exists already or cannot be written.
    """
    if not unfinished(path):
        _refuse_present(path)
    lock = None if path == ":memory:" else writer_lock.acquire(path)
    connection = None
    try:
        connection = _connect(path, durability)
        migrations.apply(connection)
        connection.execute("BEGIN IMMEDIATE")
        rows = [("version", "0"), ("seed", str(seed)), ("durability", durability)]
        connection.executemany("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    except driver.driver().module.Error as error:
        _undo(connection, path, lock)
        raise errors.AgentFileError(f"cannot make {path}: {error}; {remedy(error)}") from error
    return Database(connection, path, writable=True, lock=lock)


def unfinished(path: str) -> bool:
    """Whether a file is empty, or an agent's whose making was interrupted before a first commit."""
    if not Path(path).is_file() or not Path(path).stat().st_size:
        return Path(path).is_file()
    module = driver.driver().module
    try:
        connection = _connect_reader(path)
        try:
            ours = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
            if ours != migrations.APPLICATION_ID or "meta" not in tables:
                return ours == migrations.APPLICATION_ID or not tables
            sql = "SELECT value FROM meta WHERE key = 'version'"
            row = connection.execute(sql).fetchone()
            return row is None or int(row[0]) == 0
        finally:
            connection.close()
    except module.Error:
        return False


def open_file(path: str, *, readonly: bool = False) -> Database:
    """Open an existing agent file.

    Raises:
        AgentBusy: another process is writing to it.
        AgentFileError: there is no such file, it is no agent, or a newer archgraph wrote it.
    """
    if not Path(path).is_file():
        raise errors.AgentFileError(f"there is no agent file {path}")
    _refuse_foreign(path)
    lock = None if readonly else writer_lock.acquire(path)
    try:
        connection = _connect(path, "normal", readonly=readonly)
        _check_schema(connection, path, readonly)
        database = Database(connection, path, writable=not readonly, lock=lock)
        _set_durability(connection, database.meta("durability") or "normal")
    except driver.driver().module.Error as error:
        if lock:
            lock.release()
        raise _unreadable(path, error) from error
    except BaseException:
        if lock:
            lock.release()
        raise
    return database


def copy(source: Database, path: str) -> Database:
    """Copy a whole agent file through SQLite's online backup; readers and writers may go on.

    Raises:
        AgentFileError: the path exists already or cannot be written; nothing is left there.
    """
    _refuse_present(path)
    lock = None if path == ":memory:" else writer_lock.acquire(path)
    connection = None
    try:
        connection = _connect(path, source.meta("durability") or "normal")
        source.connection.backup(connection)
        if path != ":memory:":
            connection.execute("PRAGMA journal_mode = WAL")
        return Database(connection, path, writable=True, lock=lock)
    except driver.driver().module.Error as error:
        _undo(connection, path, lock)
        raise errors.AgentFileError(f"cannot copy to {path}: {error}; {remedy(error)}") from error


def remedy(error: Exception) -> str:
    """What to do about an error of the database."""
    if "full" in str(error):
        return "free some space on its disk; what was committed before is safe"
    if "malformed" in str(error) or "not a database" in str(error):
        return "it is damaged or was cut off, or is none; go back to a copy"
    return (
        "see that the disk has room and that its folder can be written; if the file is damaged, "
        "go back to a copy. `archgraph doctor` tells whether this machine is at fault"
    )


def dump(database: Database) -> dict[str, list[str]]:
    """Every table that counts, as JSON lines: what determinism and crash tests compare."""
    names = [row[0] for row in database.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
    kept = sorted(
        name
        for name in names
        if name not in migrations.BOOKKEEPING and not name.startswith(("sqlite_", "fts_", "vec_"))
    )
    return {
        name: [json.dumps(row, ensure_ascii=False) for row in database.all(f"SELECT * FROM {name}")]
        for name in kept
    }


def _connect(path: str, durability: str, *, readonly: bool = False) -> Any:
    found = driver.driver()
    connection = _connect_reader(path) if readonly else found.module.connect(path, **_CONNECTION)
    found.load_vec(connection)
    if not readonly:
        connection.execute("PRAGMA journal_mode = WAL")
        _set_durability(connection, durability)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return connection


def _set_durability(connection: Any, durability: str) -> None:
    connection.execute(f"PRAGMA synchronous = {DURABILITY[durability]}")


def _undo(connection: Any, path: str, lock: Any) -> None:
    """Leave nothing of a file whose making failed."""
    if connection is not None:
        connection.close()
    for rest in ("", "-wal", "-shm"):
        Path(f"{path}{rest}").unlink(missing_ok=True)
    if lock:
        lock.release()


def _connect_reader(path: str) -> Any:
    """A connection that changes nothing.

    Where the folder cannot be written, SQLite cannot share the file with a writer, and there can
    be none: then it is read as it lies.
    """
    module = driver.driver().module
    address = Path(path).absolute().as_uri()
    connection = module.connect(f"{address}?mode=ro", uri=True, **_CONNECTION)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except module.OperationalError:
        connection.close()
        log = Path(f"{path}-wal")
        if log.exists() and log.stat().st_size:
            raise  # commits that are not in the file yet would be missed
        connection = module.connect(f"{address}?mode=ro&immutable=1", uri=True, **_CONNECTION)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _refuse_present(path: str) -> None:
    """Refuse to make an agent where something is; never advise to remove what is none."""
    place = Path(path)
    if path == ":memory:" or not place.exists():
        return
    if place.is_dir():
        raise errors.AgentFileError(f"{path} is a folder; name a file in it, such as {path}/a.db")
    try:
        _refuse_foreign(path)
    except errors.AgentFileError as error:
        raise errors.AgentFileError(
            f"{path} exists already and is no agent's file; choose another name"
        ) from error
    raise errors.AgentFileError(f"{path} exists already; choose another name or remove it")


def _refuse_foreign(path: str) -> None:
    """Refuse a file that is not an agent's, before anything is written to it or beside it."""
    size = Path(path).stat().st_size  # not read: closing it would drop locks of this process
    if size < _HEADER:
        what = f"{size} bytes long; if it was longer, go back to a copy" if size else "empty"
        raise errors.AgentFileError(f"{path} is not an agent's file: it is {what}")
    module = driver.driver().module
    try:
        connection = _connect_reader(path)
        ours = connection.execute("PRAGMA application_id").fetchone()[0]
        connection.close()
    except module.Error as error:
        raise _unreadable(path, error) from error
    if ours != migrations.APPLICATION_ID:
        raise errors.AgentFileError(f"{path} is a SQLite file, but not an archgraph agent")


def _unreadable(path: str, error: Exception) -> errors.AgentFileError:
    return errors.AgentFileError(
        f"{path} cannot be read as an agent file: {error}; {remedy(error)}"
    )


def _check_schema(connection: Any, path: str, readonly: bool) -> None:
    schema = connection.execute("PRAGMA user_version").fetchone()[0]
    if schema > migrations.SCHEMA:
        raise errors.AgentFileError(
            f"{path} was written by a newer archgraph (file schema {schema}, this one knows "
            f"{migrations.SCHEMA}); upgrade archgraph"
        )
    if schema < migrations.SCHEMA:
        if readonly:
            raise errors.AgentFileError(f"{path} has an old schema; open it once for writing")
        migrations.apply(connection)
