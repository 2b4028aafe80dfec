"""The back-end keeps what it does not declare lost; `check` tells the user what is."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import archgraph
from archgraph import errors, testing
from archgraph.llm import embedders
from archgraph.stores import collection


class TestChroma(testing.StoreContract):
    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {"backend": "chroma", "path": "records.chroma"}
    lost = frozenset({"rollback", "versions", "fork", "blame", "readers"})


class TestVectorsOnly(TestChroma):
    options: ClassVar[dict[str, Any]] = {**TestChroma.options, "index": ["vector"]}


class Renamed(embedders.Hashed):
    def __init__(self) -> None:
        super().__init__()
        self.id = "another"


def test_another_embedder_is_refused(tmp_path: Any) -> None:
    contract: Any = TestChroma()
    with contract._filled(tmp_path, 1) as (_, store):
        store.context.embedder = Renamed
        with pytest.raises(errors.EmbedderMismatch, match="another"):
            type(store)("mine", store.options, store.context)


def test_links_stay_with_their_records(tmp_path: Any) -> None:
    contract: Any = TestChroma()
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
  archival: {type: collection, backend: chroma, path: facts.chroma}
"""


def test_check_tells_what_is_lost(tmp_path: Any) -> None:
    file = tmp_path / "outside.yaml"
    file.write_text(USES_IT)
    told = [str(problem) for problem in archgraph.check(file)]
    assert any("without: roll-back with the commit, versions" in each for each in told), told
    assert all(problem.severity == "warning" for problem in archgraph.check(file))
