"""The whole suite: every group in one contract, and contracts made from a type alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.conformance import (
    apart,
    bounds,
    calling,
    describing,
    forks,
    history,
    keeping,
    kit,
    paging,
    repeating,
    texts,
)
from archgraph.stores import base


class StoreContract(
    describing.Describing,
    keeping.Keeping,
    history.History,
    history.Views,
    forks.Forks,
    repeating.Repeating,
    bounds.Bounds,
    texts.Texts,
    paging.Paging,
    paging.Finding,
    calling.Calling,
    calling.Events,
    calling.Measures,
    apart.Apart,
):
    """What a store type promises. Subclass it and set `store_type`; override `write` if needed.

    `options` are the store's options; `lost` names guarantees that a store outside the agent's
    file says that it cannot give: `rollback`, `versions`, `fork`, `blame`, `readers`. Checks of
    what the type does not have (pages, search, a limit) do not apply and are not collected.
    """


def contract_for(
    kind: type[base.Store],
    options: Mapping[str, Any] | None = None,
    lost: frozenset[str] = frozenset(),
) -> type[StoreContract]:
    """A contract for a type that can be written through one of its verbs."""
    given = dict(options or {})
    body = {
        "store_type": kind,
        "options": given,
        "lost": lost or kit.lost_of(kind, given),
        "made_here": True,
        "__module__": __name__,
    }
    return type(f"Test{kind.__name__}", (StoreContract,), body)
