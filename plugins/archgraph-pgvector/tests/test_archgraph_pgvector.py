"""The back-end keeps what it does not declare lost; `check` tells the user what is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest

import archgraph
from archgraph import errors, testing
from archgraph.stores import collection


class TestPgvector(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {"backend": "pgvector"}
    lost = frozenset({"rollback", "versions", "fork", "blame", "readers"})

    def open(self, db: Any, **rest: Any) -> Any:
        """Each agent has a schema of its own, as each has a folder."""
        server = os.environ["ARCHGRAPH_PGVECTOR"]
        folder = str(Path(db.path).parent)
        schema = f"t{hashlib.sha256(folder.encode()).hexdigest()[:20]}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        path = psycopg.conninfo.make_conninfo(server, options=f"-csearch_path={schema},public")
        self.options = {**type(self).options, "path": path}  # type: ignore[misc]
        return super().open(db, **rest)


class TestVectorsOnly(TestPgvector):
    options: ClassVar[dict[str, Any]] = {**TestPgvector.options, "index": ["vector"]}


def test_it_is_pgvector_that_answers(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        sql = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        row = connection.execute(sql).fetchone()
    assert row and tuple(map(int, row[0].split("."))) >= (0, 6)


def test_a_server_that_is_not_there_is_told(tmp_path: Any) -> None:
    contract: Any = TestPgvector()
    with contract._agent(tmp_path) as (_, store):
        options = store.options.model_copy(update={"path": "host=127.0.0.1 port=1"})
        with pytest.raises(errors.MachineError, match="cannot be reached"):
            type(store)("mine", options, store.context)


def test_links_stay_with_their_records(tmp_path: Any) -> None:
    contract: Any = TestPgvector()
    with contract._filled(tmp_path, 3) as (db, store):
        first, second, _ = store.backend.page(collection.Filter(), limit=3)
        with db.transaction():
            store.link(first.id, second.id, "follows")
            store.update(first.id, "changed")
        assert [link.kind for link in store.links(second.id)] == ["follows"]
        with db.transaction():
            store.remove(first.id)
        assert store.links(second.id) == [] and store.measure("count") == 2


USES_IT = """\
extends: memgpt
name: outside
stores:
  archival: {type: collection, backend: pgvector}
"""


def test_check_tells_what_is_lost(tmp_path: Any) -> None:
    file = tmp_path / "outside.yaml"
    file.write_text(USES_IT)
    told = [str(problem) for problem in archgraph.check(file)]
    assert any("without: roll-back with the commit, versions" in each for each in told), told
    assert all(problem.severity == "warning" for problem in archgraph.check(file))
