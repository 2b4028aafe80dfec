"""Reads a job out of a message: its steps, and what a single step asks for.

Called by `extractive_jobs`. A job is a list of things to do (numbered or with bullets), or a
sentence such as "do this, then that, then the other". Pure functions of the text.
"""

from __future__ import annotations

import functools
import re

_ITEM = re.compile(r"^[ \t]*(?:\(?\d{1,3}[.):]|[-*•]|step \d{1,3}[.:])[ \t]+(\S.*)$", re.I | re.M)
_INLINE = re.compile(r"(?:^|\s)\(?(\d{1,2})[.)]\s+")
_THEN = re.compile(
    r"\s*[,;.]?\s+(?:and\s+)?(?:then|after that|afterwards|finally|last(?:ly)?,)\b,?\s+", re.I
)
_LEAD = re.compile(
    r"^(?:please|now|first(?:ly)?|can you|could you|i (?:want|would like|need) you to|"
    r"you (?:should|must)|your (?:job|task) is to)\b[,:]?\s+",
    re.I,
)
_CUE = re.compile(
    r"\b(?:steps?|tasks?|jobs?|to-?dos?|chores?|do|please|work through|carry out|plan)\b", re.I
)
_IMPERATIVE = frozenset(
    """
    add answer arrange ask book bring build buy calculate call check choose clean close collect
    compare compute cook count decide deliver describe draft draw estimate explain fetch fill find
    finish fix get give go invite keep list look make measure memorise memorize move name note open
    order organise organize pack paint pay phone pick plan prepare print put read recall record
    remember remind repair reserve review save search select sell send set show sort start store
    summarise summarize take tell test think turn update verify visit wash water work write
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
_SAVE = re.compile(
    r"^(?:please\s+)?(?:remember|memori[sz]e|note(?: down)?|save|store|record|write down|"
    r"keep in mind|take a note)\b(?:\s+(?:that|of|the fact that))?:?\s+(?P<fact>.+)$",
    re.I | re.S,
)


@functools.lru_cache(maxsize=1_000)
def steps_in(message: str) -> tuple[str, ...]:
    """The steps of the job that a message sets, in order; empty where it sets none."""
    items = [_bare(item) for item in _ITEM.findall(message)] or _inline(message)
    if len(items) > 1:
        told = sum(_commands(item) for item in items)
        before = message[: message.find(items[0])]
        return tuple(items) if told * 2 > len(items) or (_CUE.search(before) and told) else ()
    parts = [_bare(part) for part in _THEN.split(message.strip())]
    return tuple(parts) if len(parts) > 1 and all(map(_commands, parts)) else ()


def fact_to_save(step: str) -> str:
    """What a step asks to remember; empty where it asks for something else."""
    found = _SAVE.match(step.strip())
    return found["fact"].strip().removesuffix(".") if found else ""


def _inline(message: str) -> list[str]:
    """Numbered steps within one line."""
    marks = list(_INLINE.finditer(message))
    if len(marks) < 2 or [int(m[1]) for m in marks] != list(range(1, len(marks) + 1)):
        return []
    ends = [*(m.start() for m in marks[1:]), len(message)]
    return [_bare(message[m.end() : end]) for m, end in zip(marks, ends, strict=True)]


def _bare(step: str) -> str:
    """A step without the courtesies before it and the marks after it."""
    step = step.strip()
    while (shorter := _LEAD.sub("", step)) != step:
        step = shorter
    return step.rstrip(" ,;.").strip()


def _commands(step: str) -> bool:
    """Whether a step begins as a command does, or asks a question."""
    first = re.match(r"[^\W\d_]+", step)
    return bool(first and first[0].lower() in _IMPERATIVE) or step.endswith("?")
