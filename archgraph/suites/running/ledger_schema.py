"""The tables of a run's ledger, and how its file is opened: one writer, any number of readers.

Used by `ledger` and `reading` only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.storage import driver, writer_lock

FILE = "run.db"
"""The ledger's name in the folder of a run."""

APPLICATION_ID = 0x61726772
"""Marks the file as a ledger of archgraph (`argr`)."""

SCHEMA = 4
PENDING, CLAIMED, DONE = 0, 1, 2
"""States of a trial."""

_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE arm(n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, place INTEGER,
    body TEXT NOT NULL DEFAULT '{}', digest TEXT NOT NULL DEFAULT '',
    drawing TEXT NOT NULL DEFAULT '');
CREATE TABLE dataset(n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, place INTEGER,
    body TEXT NOT NULL DEFAULT '{}');
CREATE TABLE scorer(n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, place INTEGER,
    body TEXT NOT NULL DEFAULT '{}', plan TEXT NOT NULL DEFAULT '');
CREATE TABLE conversation(hash TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE history(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, arm INTEGER NOT NULL,
    dataset INTEGER NOT NULL, conversation TEXT NOT NULL, seed INTEGER NOT NULL, place INTEGER,
    state INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '', spent TEXT NOT NULL DEFAULT '{}',
    times TEXT NOT NULL DEFAULT '{}', store_bytes INTEGER NOT NULL DEFAULT 0, body TEXT,
    parts TEXT NOT NULL DEFAULT '{}', snapshot BLOB);
CREATE TABLE trial(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, history INTEGER NOT NULL,
    arm INTEGER NOT NULL, dataset INTEGER NOT NULL, "case" TEXT NOT NULL, cluster TEXT NOT NULL,
    category TEXT NOT NULL, ingest_seed INTEGER NOT NULL, answer_seed INTEGER NOT NULL,
    judge_seed INTEGER NOT NULL, place INTEGER, state INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', numbers BLOB,
    layout INTEGER, shares BLOB, parts TEXT NOT NULL DEFAULT '{}');
CREATE TABLE layout(n INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE INDEX trial_history ON trial(history);
CREATE INDEX trial_place ON trial(place) WHERE place IS NOT NULL;
CREATE TABLE score(trial INTEGER NOT NULL, scorer INTEGER NOT NULL, value REAL,
    note TEXT NOT NULL DEFAULT '', details TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (trial, scorer)) WITHOUT ROWID;
CREATE INDEX score_broke ON score(scorer) WHERE details = '{"broke": true}';
CREATE TABLE detail(trial INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE text(n INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE purchase(key TEXT PRIMARY KEY, model TEXT NOT NULL, scope TEXT NOT NULL,
    ordinal INTEGER NOT NULL, completion TEXT NOT NULL, cost REAL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, request BLOB NOT NULL);
CREATE TABLE used(purchase TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (purchase, user))
    WITHOUT ROWID;
CREATE TABLE failure(key TEXT NOT NULL, user TEXT NOT NULL, kind TEXT NOT NULL,
    text TEXT NOT NULL, request BLOB NOT NULL, PRIMARY KEY (key, user)) WITHOUT ROWID;
CREATE TABLE vector(n INTEGER PRIMARY KEY, embedder TEXT NOT NULL, text BLOB NOT NULL,
    request INTEGER NOT NULL, cost REAL, data BLOB NOT NULL, UNIQUE (embedder, text));
CREATE TABLE vector_use(vector INTEGER NOT NULL, user TEXT NOT NULL, PRIMARY KEY (vector, user))
    WITHOUT ROWID;
CREATE TABLE input(n INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '');
"""


def create(folder: Path) -> tuple[Any, writer_lock.WriterLock]:
    """Open a run's ledger for writing; a new one is made where there is none.

    Raises:
        InputError: another process runs in this folder, or it cannot be used.
        MachineError: the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    path = folder / FILE
    try:
        lock = writer_lock.acquire(str(path))
    except errors.AgentBusy as error:
        raise errors.InputError(
            f"{folder} is being run in by process {_holder(path)}; wait for it, or run in another "
            "folder"
        ) from error
    except errors.AgentFileError as error:
        raise errors.InputError(f"{folder} cannot be written to; name another folder") from error
    try:
        connection = _connect(path)
        _check(connection, path)
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            _make(connection)
    except driver.driver().module.Error as error:
        lock.release()
        raise _unusable(path, error) from error
    except BaseException:
        lock.release()
        raise
    return connection, lock


def read(folder: Path) -> Any:
    """Open a run's ledger for reading; a run may go on meanwhile.

    Raises:
        InputError: there is no run in the folder, or it cannot be read.
    """
    path = folder / FILE if folder.is_dir() else folder
    if not path.is_file():
        raise errors.InputError(
            f"there is no run in {folder}; name the folder that `archgraph run` wrote"
        )
    module = driver.driver().module
    address = path.absolute().as_uri()
    try:
        try:
            connection = _reader(f"{address}?mode=ro")
        except module.OperationalError:  # the folder cannot be written, so nobody writes either
            log = Path(f"{path}-wal")
            if log.exists() and log.stat().st_size:
                raise
            connection = _reader(f"{address}?mode=ro&immutable=1")
        _check(connection, path)
    except module.Error as error:
        raise _unusable(path, error) from error
    return connection


@contextlib.contextmanager
def writing(connection: Any, path: str) -> Iterator[None]:
    """One transaction: all of it or nothing.

    Raises:
        MachineError: it could not be written, most likely because the disk is full.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, driver.driver().module.OperationalError):
            raise errors.MachineError(
                f"{path} could not be written ({error}); all that was committed before is safe. "
                "Free some space on the disk and run again: it goes on from there"
            ) from error
        raise


def _connect(path: Path) -> Any:
    module = driver.driver().module
    connection = module.connect(
        str(path), isolation_level=None, check_same_thread=False, timeout=10
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    return connection


def _reader(address: str) -> Any:
    module = driver.driver().module
    connection = module.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _make(connection: Any) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


def _check(connection: Any, path: Path) -> None:
    ours = connection.execute("PRAGMA application_id").fetchone()[0]
    schema = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and ours != APPLICATION_ID:
        raise errors.InputError(f"{path} is not the ledger of a run; choose another folder")
    if schema > SCHEMA:
        raise errors.InputError(
            f"{path} was written by a newer archgraph (schema {schema}, this one knows {SCHEMA}); "
            "upgrade archgraph"
        )
    if 0 < schema < SCHEMA:
        raise errors.InputError(
            f"{path} was written by an earlier archgraph, whose numbers this one cannot read "
            f"(schema {schema}, this one knows {SCHEMA}); run in another folder, with --replay if "
            "it was recorded, or read it with the archgraph that wrote it"
        )


def _unusable(path: Path, error: Exception) -> errors.ArchgraphError:
    if "full" in str(error):
        return errors.MachineError(f"no room for {path}: the disk is full; free some space on it")
    return errors.InputError(f"{path} cannot be used as the ledger of a run: {error}")


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError):
        return Path(f"{path}-lock").read_text().strip() or "unknown"
    return "unknown"
