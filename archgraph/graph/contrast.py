"""Two scenes as one, in which what was added, removed or changed is marked.

Called by `draw` for `archgraph diff --format svg|mermaid`. Knows no plan and no picture format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archgraph.graph import scene

Keys = dict[tuple[str, str], tuple[str, str]]
"""From an end in one of the scenes to the same end in the common one."""

# Public functions


def contrast(before: scene.Scene, after: scene.Scene) -> scene.Scene:
    """One scene of both; what stands in one only, or differs, has a mark."""
    old_keys, new_keys = Keys(), Keys()
    old, new = ({card.name: card for card in each.cards} for each in (before, after))
    cards = []
    for name in _merged(list(old), list(new)):
        rows = _rows(name, old.get(name), new.get(name), old_keys, new_keys)
        cards.append(_card(old.get(name), new.get(name), rows))
    boxes = _boxes(before.boxes, after.boxes)
    for box in boxes:
        old_keys[box.name, ""] = new_keys[box.name, ""] = (box.name, "")
    links = _links([_moved(link, old_keys) for link in before.links],
                   [_moved(link, new_keys) for link in after.links])  # fmt: skip
    title = f"{before.name} → {after.name}"
    about = f"What changes from {before.name} to {after.name}."
    return scene.Scene(title, about, tuple(cards), boxes, links, compared=True)


# Private functions


def _merged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The names of both: the new order, each removed one after what it stood behind."""
    found = list(new)
    for number, name in enumerate(old):
        if name not in found:
            before = next((found.index(each) for each in old[:number][::-1] if each in found), -1)
            found.insert(before + 1, name)
    return found


def _mark(old: object, new: object, *, same: bool) -> str:
    if old is None:
        return "added"
    return "removed" if new is None else "" if same else "changed"


def _rows(
    name: str,
    old: scene.Card | None,
    new: scene.Card | None,
    old_keys: Keys,
    new_keys: Keys,
) -> tuple[scene.Row, ...]:
    """The rows of both cards; those with the same words are the same row."""
    mine, theirs = _by_words(old), _by_words(new)
    old_keys[name, ""] = new_keys[name, ""] = (name, "")
    rows = []
    for words in _merged(list(mine), list(theirs)):
        one, two = mine.get(words), theirs.get(words)
        shown = two or one
        assert shown is not None  # the words are those of one of them
        for row, keys in ((one, old_keys), (two, new_keys)):
            if row is not None:
                keys[name, row.key] = (name, words)
        same = one is not None and two is not None and replace(one, key="") == replace(two, key="")
        whole = old is not None and new is not None  # of a new thread only the card is marked
        mark = _mark(one, two, same=same) if whole else ""
        rows.append(replace(shown, key=words, mark=mark))
    return tuple(sorted(rows, key=lambda row: scene.SECTIONS.index(row.section)))


def _by_words(card: scene.Card | None) -> dict[str, scene.Row]:
    found: dict[str, scene.Row] = {}
    for row in card.rows if card else ():
        words = f"{row.section}: {row.text}"
        while words in found:
            words += "'"
        found[words] = row
    return found


def _card(
    old: scene.Card | None, new: scene.Card | None, rows: tuple[scene.Row, ...]
) -> scene.Card:
    shown = new or old
    assert shown is not None  # its name is that of one of them
    same = old is not None and new is not None and _head(old) == _head(new)
    return replace(shown, rows=rows, mark=_mark(old, new, same=same))


def _head(card: scene.Card) -> tuple[object, ...]:
    return card.notes, card.about, card.background


def _boxes(old: Sequence[scene.Box], new: Sequence[scene.Box]) -> tuple[scene.Box, ...]:
    mine, theirs = {box.name: box for box in old}, {box.name: box for box in new}
    found = []
    for name in _merged(list(mine), list(theirs)):
        one, two = mine.get(name), theirs.get(name)
        shown = two or one
        assert shown is not None  # its name is that of one of them
        found.append(replace(shown, mark=_mark(one, two, same=one == two)))
    return tuple(found)


def _moved(link: scene.Link, keys: Mapping[tuple[str, str], tuple[str, str]]) -> scene.Link:
    return replace(link, source=keys[link.source], target=keys[link.target])


def _links(old: Sequence[scene.Link], new: Sequence[scene.Link]) -> tuple[scene.Link, ...]:
    def key(link: scene.Link) -> tuple[object, ...]:
        return link.source, link.target, link.kind, link.background

    mine, theirs = {key(link) for link in old}, {key(link) for link in new}
    found = [replace(link, mark="" if key(link) in mine else "added") for link in new]
    gone = [replace(link, mark="removed") for link in old if key(link) not in theirs]
    return (*found, *gone)
