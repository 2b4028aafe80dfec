"""What of a pipeline goes with a removed node: `null` removes a node and every edge to it.

Called by `prune`. Operators name stores under a few keys (`operators.base` says which); a step that
works on a store that went goes too, and with it what only its value was for. What a step shows its
model besides (`of`) merely gets shorter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from archgraph.spec import tree

STORE_KEYS = ("store", "from", "to", "into", "in")
"""Options under which an operator names the stores that it works on."""
VALUE_KEYS = ("items", "ids", "query", "omit", "parents", "from", "to")
"""Options under which an operator names values that it cannot do without."""
CHOICES = ("one_of", "some_of")
"""Keys of a field of an answer that name records to choose from."""
_MODIFIERS = ("as", "when", "each")
_NAME = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])([A-Za-z_]\w*)")


def left(listed: tree.Node, stores: Collection[str]) -> tree.Node:
    """The steps of a pipeline without those that cannot be taken once stores are gone."""
    gone, kept = set(stores), []
    for step in listed.items:
        rest = _rest(step, gone)
        if rest is not None:
            kept.append(rest)
        else:
            made = tree.child(step, "as")
            gone |= {made.text} if made is not None and made.text else set()
    return replace(listed, value=kept)


def _rest(step: tree.Node, gone: set[str]) -> tree.Node | None:
    """A step without what is gone; None if it cannot be taken any more."""
    if _idle(step, gone):
        return None
    for name, options in step.mapping.items():
        if name in _MODIFIERS:
            continue
        if _lacks(options, gone):
            return None
        shown = tree.child(options, "of")
        if shown is not None:
            names = [shown] if shown.text else shown.items
            alive = [item for item in names if item.text not in gone]
            if names and not alive:
                return None
            if len(alive) < len(names):
                step = tree.put(step, (name, "of"), replace(shown, value=alive))
    return step


def _idle(step: tree.Node, gone: set[str]) -> bool:
    """Whether a step was for each of what is gone, or its condition was about it."""
    each, when = tree.child(step, "each"), tree.child(step, "when")
    if each is not None and each.text.partition(".")[0] in gone:
        return True
    return when is not None and bool(gone & set(_NAME.findall(when.text)))


def _lacks(options: tree.Node, gone: set[str]) -> bool:
    """Whether an operator cannot do without what is gone."""
    if options.text in gone:  # the short form: `read: recall`
        return True
    needed = [tree.child(options, key) for key in {*STORE_KEYS, *VALUE_KEYS}]
    if any(named is not None and named.text.partition(".")[0] in gone for named in needed):
        return True
    fields = tree.child(options, "fields")
    listed = fields.mapping.values() if fields is not None else ()
    chosen = [tree.child(field, key) for field in listed for key in CHOICES]
    return any(named is not None and named.text in gone for named in chosen)
