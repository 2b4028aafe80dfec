"""Take a copied file back to an earlier commit: the fork at a step has the memory of that step.

Works on a copy only. Search indexes are derived and are made again.
"""

from __future__ import annotations

from archgraph.storage import database

_FORGET = (
    "DELETE FROM record WHERE born > :v",
    "UPDATE record SET died = NULL WHERE died > :v",
    "DELETE FROM link WHERE born > :v",
    "UPDATE link SET died = NULL WHERE died > :v",
    "DELETE FROM access WHERE born > :v",
    "DELETE FROM tick WHERE born > :v",
    "UPDATE tick SET died = NULL WHERE died > :v",
    "DELETE FROM turn WHERE born > :v",
    "UPDATE turn SET status = 'open', reason = '', ended = NULL, closed = NULL WHERE closed > :v",
    "DELETE FROM call WHERE step IN (SELECT id FROM step WHERE closed > :v OR born > :v)",
    "DELETE FROM timing WHERE step IN (SELECT id FROM step WHERE closed > :v OR born > :v)",
    "DELETE FROM step WHERE born > :v",
    "UPDATE step SET status = 'replied', reason = '', closed = NULL WHERE closed > :v",
    "DELETE FROM event WHERE born > :v",
    "DELETE FROM prompt WHERE :v = :v AND id NOT IN"
    " (SELECT prompt FROM step WHERE prompt IS NOT NULL)",
    "DELETE FROM chunk WHERE :v = :v AND id NOT IN (SELECT request FROM step) AND id NOT IN"
    " (SELECT value FROM prompt, json_each(prompt.chunks))",
    "DELETE FROM state WHERE born > :v",
    "DELETE FROM indexed WHERE :v = :v",
)


def rewind(db: database.Database, version: int) -> None:
    """Forget every commit after `version`."""
    with db.transaction():
        for statement in _FORGET:
            db.execute(statement, {"v": version})
        for name in derived_tables(db):
            db.execute(f'DROP TABLE IF EXISTS "{name}"')
        db.version = version


def derived_tables(db: database.Database) -> list[str]:
    """The virtual tables of the search indexes."""
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'table' "
        "AND sql LIKE 'CREATE VIRTUAL TABLE%' AND (name LIKE 'fts\\_%' ESCAPE '\\' "
        "OR name LIKE 'vec\\_%' ESCAPE '\\')"
    )
    return [row[0] for row in db.all(sql)]
