"""The tables of an agent's file, as numbered steps.

Each step runs once, in a transaction, and is noted in the file. Add a step at the end; never
change one that has been released. Called by `database` when a file is opened for writing.
"""

from __future__ import annotations

from typing import Any

SCHEMA = 2
"""The newest step's number; kept in the file as `PRAGMA user_version`."""

APPLICATION_ID = 0x41524347
"""`ARCG`: marks a SQLite file as an archgraph agent."""

TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE record(
  seq INTEGER PRIMARY KEY, store TEXT NOT NULL, id TEXT NOT NULL,
  content TEXT NOT NULL, fields TEXT NOT NULL DEFAULT '{}',
  created REAL NOT NULL, expired REAL, valid_from REAL, valid_to REAL,
  thread TEXT, turn INTEGER, step INTEGER,
  importance REAL, strength REAL, status TEXT NOT NULL DEFAULT 'active', derived_from TEXT,
  tokens INTEGER NOT NULL DEFAULT 0, born INTEGER NOT NULL, died INTEGER);
CREATE INDEX record_by_store ON record(store, seq);
CREATE UNIQUE INDEX record_live ON record(store, id) WHERE died IS NULL;

CREATE TABLE link(
  seq INTEGER PRIMARY KEY, store TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
  kind TEXT NOT NULL, weight REAL NOT NULL DEFAULT 1, created REAL NOT NULL, expired REAL,
  valid_from REAL, valid_to REAL, born INTEGER NOT NULL, died INTEGER);
CREATE INDEX link_source ON link(store, source);
CREATE INDEX link_target ON link(store, target);

CREATE TABLE access(
  seq INTEGER PRIMARY KEY, store TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL,
  born INTEGER NOT NULL);
CREATE INDEX access_by_record ON access(store, id);

CREATE TABLE indexed(
  store TEXT PRIMARY KEY, upto INTEGER NOT NULL, embedder TEXT NOT NULL, dimension INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE tick(
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, thread TEXT NOT NULL,
  due REAL NOT NULL,
  background INTEGER NOT NULL, turn INTEGER, payload TEXT NOT NULL, key TEXT,
  born INTEGER NOT NULL, died INTEGER);
CREATE UNIQUE INDEX tick_key ON tick(key) WHERE key IS NOT NULL;
CREATE INDEX tick_pending ON tick(background, due, seq) WHERE died IS NULL;

CREATE TABLE turn(
  id INTEGER PRIMARY KEY, cause TEXT NOT NULL, started REAL NOT NULL, ended REAL,
  status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', born INTEGER NOT NULL, closed INTEGER);

CREATE TABLE step(
  id INTEGER PRIMARY KEY, turn INTEGER, thread TEXT NOT NULL, run INTEGER NOT NULL,
  kind TEXT NOT NULL, tick INTEGER NOT NULL, at REAL NOT NULL, prompt INTEGER, window TEXT NOT NULL,
  request INTEGER NOT NULL, reply TEXT, status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
  prompt_tokens INTEGER, completion_tokens INTEGER, cached_tokens INTEGER, cost REAL,
  window_tokens INTEGER NOT NULL, prefix REAL NOT NULL, born INTEGER NOT NULL, closed INTEGER);
CREATE INDEX step_open ON step(thread, run) WHERE status = 'replied';

CREATE TABLE call(
  step INTEGER NOT NULL, ordinal INTEGER NOT NULL, name TEXT NOT NULL, ok INTEGER NOT NULL,
  result TEXT NOT NULL, PRIMARY KEY(step, ordinal)) WITHOUT ROWID;

CREATE TABLE event(
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, name TEXT NOT NULL, turn INTEGER, step INTEGER,
  thread TEXT, payload TEXT NOT NULL DEFAULT '{}', born INTEGER NOT NULL);

CREATE TABLE chunk(id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE prompt(id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, chunks TEXT NOT NULL);

CREATE TABLE state(
  key TEXT NOT NULL, born INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY(key, born)
) WITHOUT ROWID;

CREATE TABLE timing(
  step INTEGER PRIMARY KEY, render REAL NOT NULL, model REAL NOT NULL, tools REAL NOT NULL);
"""

RECALL = """
ALTER TABLE access ADD COLUMN gain REAL NOT NULL DEFAULT 0;
CREATE INDEX record_inactive ON record(store) WHERE status <> 'active'
"""
"""What an access adds to a record's strength; and a quick answer where nothing is superseded."""

BOOKKEEPING = {
    "timing": "measures this machine, not the agent; written some steps later",
    "_sqlite_migrations": "says when this file was made, in the machine's time",
    "indexed": "how far the derived search indexes have come; they are caught up at each search",
}
"""Tables that two equal runs may differ in, with the reason (DESIGN 13)."""


def apply(connection: Any) -> None:
    """Bring a file up to `SCHEMA`; every step in a transaction of its own."""
    import sqlite_utils  # costs 0.2 s: only when a file is made or outgrown
    from sqlite_utils import migrations

    steps = migrations.Migrations("archgraph")

    def m001_tables(db: sqlite_utils.Database) -> None:
        _run(db.conn, TABLES)

    def m002_recall(db: sqlite_utils.Database) -> None:
        _run(db.conn, RECALL)

    steps()(m001_tables)
    steps()(m002_recall)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database = sqlite_utils.Database(connection)
    steps.apply(database)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _run(connection: Any, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)
