"""Collections with policies keep the same contract as plain ones."""

from __future__ import annotations

from typing import Any, ClassVar

from archgraph import testing
from archgraph.stores import collection


class TestFacts(testing.StoreContract):
    """One truth at a time; each record is a fact of its own key."""

    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {
        "index": ["text"],
        "fields": {"subject": "text", "valid_from": "date"},
        "key": ["subject"],
        "conflict": "newest_valid",
        "dates": "valid",
        "show": ["subject"],
        "duplicates": "drop",
    }


class TestStream(testing.StoreContract):
    """Ranked by declared features, with accesses that count."""

    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {
        "standing": {"features": {"frequency": 1, "tokens": 1}},
        "retrieval": {
            "normalise": "minmax",
            "features": {"vector": 1, "text": 1, "recency": 1},
            "recency": {"per_rank": 0.99},
            "effects": ["strengthen"],
        },
    }


class TestBounded(testing.StoreContract):
    """Full at ten; the least recently used go, as history."""

    store_type = collection.Collection
    options: ClassVar[dict[str, Any]] = {
        "index": ["text"],
        "capacity": 10,
        "overflow": {"victim": "lru", "action": "invalidate"},
        "links": "chain",
    }
