"""What of a run stays in view when its own messages outgrow the window.

A thread without a queue over its log sees all messages of its present run. Nothing evicts them
before the run ends, so here the oldest whole steps leave: what the run began with stays, and its
last step with what came after it. Pure functions; called by the renderer and by the step.
"""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.stores import base

_PORTION = 4
"""A fourth of the room is freed at a time, so that most steps repeat the last one's prefix."""


def kept(own: list[base.WindowMessage], room: int) -> list[base.WindowMessage]:
    """The messages of a run that are shown in `room` tokens, oldest first.

    A step leaves whole: no result is shown without its call. What the run was given before its
    first step, its last step and the newest message always stay.
    """
    excess = sum(message.tokens for message in own) - room
    if excess <= 0:
        return own
    groups = _groups(own)
    steps = [n for n, group in enumerate(groups) if group[0].wire["role"] == "assistant"]
    last = steps[-1] if steps else len(groups)
    stays = {len(groups) - 1, last, *(n - 1 for n in steps[:1])}
    may_go = [n for n in range(len(groups)) if n not in stays]
    sizes = [sum(message.tokens for message in group) for group in groups]
    portion = max(1, room // _PORTION)
    gone = _oldest([n for n in may_go if n < last], sizes, -(-excess // portion) * portion)
    excess -= sum(sizes[n] for n in gone)
    gone |= _oldest([n for n in may_go if n > last], sizes, excess)
    return [message for n, group in enumerate(groups) if n not in gone for message in group]


def further(messages: Sequence[base.WindowMessage], taken: int, excess: float) -> int:
    """How many of the oldest messages must go, `taken` or more, to free `excess` tokens beyond.

    For a step of many calls that stands across the last messages that a queue keeps.
    """
    groups = _groups(messages)
    count = 0
    for group in groups[:-1]:
        if count >= taken and excess <= 0:
            break
        excess -= sum(m.tokens for m in group) if count >= taken else 0
        count += len(group)
    return max(count, taken)


def share(sizes: Sequence[int], total: int) -> int:
    """The most tokens for each of several texts so that all of them take at most `total`.

    Texts below the share leave what they do not need to the others.
    """
    left, most = total, 0
    for number, size in enumerate(sorted(sizes)):
        most = left // (len(sizes) - number)
        if size > most:
            return max(1, most)
        left -= size
    return max(1, most)


def _oldest(numbers: Sequence[int], sizes: Sequence[int], wanted: int) -> set[int]:
    """The first of these groups that free as much as is wanted, or all of them."""
    taken = set[int]()
    for number in numbers:
        if wanted <= 0:
            break
        taken.add(number)
        wanted -= sizes[number]
    return taken


def _groups(own: Sequence[base.WindowMessage]) -> list[list[base.WindowMessage]]:
    """Single messages, and answers together with the results of their calls."""
    groups: list[list[base.WindowMessage]] = []
    for message in own:
        if message.wire["role"] == "tool" and groups:
            groups[-1].append(message)
        else:
            groups.append([message])
    return groups
