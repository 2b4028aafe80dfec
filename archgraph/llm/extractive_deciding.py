"""Decides for a typed answer: whether something is so, and what to do with an older record.

Called by `extractive_typed`, `extractive_values` and `extractive_texts`. Every rule is a heuristic
over words and is listed in docs/explanation/offline-policy.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_judging as judging
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_triples as triples
from archgraph.llm.extractive_fields import Field
from archgraph.llm.extractive_materials import Materials, Record
from archgraph.llm.extractive_reading import AGENT, Unit

# --- verdicts ------------------------------------------------------------------------------------

_GOOD = re.compile(
    r"\b(?:thanks?|thank you|that works|works now|it works|perfect|great|correct|exactly|solved|"
    r"fixed|well done|success\w*|passed|all good|awesome|that's right|done)\b",
    re.I,
)
_BAD = re.compile(
    r"\b(?:wrong|incorrect|(?:does|did|is|was)(?:n't| not) (?:work|right|correct|what)\w*|"
    r"not (?:working|what i|correct|right)|errors?|fail\w*|exception|traceback|broken|still (?:not|"
    r"no|broken)|no such|denied|try again|mistake|not found|invalid|reward: 0|unsuccessful\w*)\b|"
    r"^no\b[,.! ]",
    re.I,
)


def succeeded(records: Sequence[Record]) -> bool:
    """Whether what was tried ended well: by the last line that reacts to it."""
    for record in reversed(records):
        if record.speaker == AGENT:
            continue
        if _BAD.search(record.text):
            return False
        if _GOOD.search(record.text):
            return True
    return False


def reaction(unit: Unit) -> bool:
    """Whether a sentence says that something went wrong."""
    return bool(_BAD.search(unit.text))


MOST_COMPARED = 100
"""The latest sentences or records that are compared with each other."""

ENOUGH = 0.45
"""Share of a question's weight that material must cover to answer it."""


def answers(question: answering.Question | None, units: Sequence[Unit]) -> bool:
    """Whether material holds the words that a question asks for."""
    if question is None:
        return False
    best = answering.weigh(question, units)[:1]
    return bool(best) and best[0].score >= ENOUGH


_VERDICTS = (
    ("failed", r"fail\w*|wrong|mistake|error|unsuccessful"),
    ("succeeded", r"success\w*|succeeded|solved|done|works?|worked|correct|passed|achieved|"
     r"complete\w*|finished|satisfied|resolved"),
    ("contradicts", r"contradict\w*|conflict\w*|disagree\w*|inconsistent|superseded?|invalidates?|"
     r"outdated|changed|changes"),
    ("lacks", r"missing|unanswerable|insufficient|lacks?"),
    ("answers", r"enough|sufficient|answerable|answers?|can answer|answered|helpful|useful"),
    ("needed", r"need\w*|required|necessary|more|search|retrieve|look ?up|recall|activate"),
    ("same", r"same|duplicates?|equal|identical|already|known|redundant"),
    ("related", r"continu\w*|related|relevant|similar|connected|belongs?|match\w*|linked|coherent|"
     r"fits?"),
    ("novel", r"new|novel|changed topic|different|topic shift|boundary|shift\w*|unrelated"),
    ("matters", r"important|worth\w*|memorable|keep|save|store|remember|significant|notable|"
     r"interesting|surprising"),
    ("asks", r"question|asks|is question"),
    ("lasts", r"fact|personal|about user|preference|lasting|statement"),
)  # fmt: skip


def verdict(field: Field, material: Materials, units: Sequence[Unit]) -> bool:
    """The value of a yes-or-no field."""
    name = _asked(field.words) or _asked(field.said)
    denied = bool(re.match(r"(?:not|no|un|is not)\b", field.words))
    old, new = material.old, material.new
    question = material.question
    shown = material.shown
    tests: dict[str, Callable[[], bool]] = {
        "failed": lambda: not succeeded(new) and any(reaction(u) for u in units),
        "succeeded": lambda: succeeded(new),
        "contradicts": lambda: _conflict(units, old),
        "lacks": lambda: question is not None and not answers(question, shown),
        "answers": lambda: answers(question, shown),
        "needed": lambda: _needed(field, material),
        "same": lambda: _standing(units, old) == triples.SAME,
        "related": lambda: _related(units, old, question),
        "novel": lambda: not _related(units, old, None),
        "matters": lambda: judging.importance(units) >= 0.3,
        "asks": lambda: question is not None,
        "lasts": lambda: any(len(materials.content(u.text)) > 1 for u in units),
    }
    return tests[name]() != denied if name else False


def _asked(text: str) -> str:
    return next((n for n, p in _VERDICTS if re.search(rf"\b(?:{p})\b", text)), "")


def _needed(field: Field, material: Materials) -> bool:
    """Whether more is needed to answer; of material that is spoken of, whether it helps."""
    if material.question is None:
        return False
    shown = material.shown
    held = answers(material.question, shown)
    spoken_of = re.search(
        r"\b(?:these|this|those|shown|above|help\w*|relevant|useful)\b", field.said
    )
    return held if spoken_of and shown else not held


def _conflict(units: Sequence[Unit], old: Sequence[Record]) -> bool:
    """Whether the new contradicts the old; with nothing old, whether it contradicts itself."""
    clash = (triples.CHANGED, triples.DENIED)
    if old:
        return _standing(units, old) in clash
    latest = units[-MOST_COMPARED:]
    pairs = ((new, held) for n, new in enumerate(latest) for held in latest[:n])
    return any(triples.stands(new, held) in clash for new, held in pairs)


def superseded(records: Sequence[Record]) -> list[Record]:
    """The records that a later one says again, changes or denies; time orders them, else place."""
    order = sorted(range(len(records)), key=lambda n: (records[n].at or 0.0, n))
    placed = [records[n] for n in order][-MOST_COMPARED:]
    gone = (triples.SAME, triples.CHANGED, triples.DENIED)
    found = []
    for place, record in enumerate(placed):
        later = materials.units_of(placed[place + 1 :])
        near = nearest(later, [record])
        if near and near[1] in gone:
            found.append(record)
    return [record for record in records if record in found]


def _standing(units: Sequence[Unit], old: Sequence[Record]) -> str:
    found = nearest(units, old)
    return found[1] if found else triples.APART


def _related(
    units: Sequence[Unit], old: Sequence[Record], question: answering.Question | None
) -> bool:
    if question is not None and old:
        return answers(question, materials.units_of(old))
    held = set[str]().union(*(record.content for record in old))
    told = set[str]().union(*(materials.content(unit.text) for unit in units))
    return len(held & told) >= 2 or materials.likeness(frozenset(held), frozenset(told)) >= 0.25


# --- decisions -----------------------------------------------------------------------------------

_CLOSENESS = (
    *(triples.SAME, triples.DENIED, triples.CHANGED, triples.EXTENDS, triples.RELATED),
    triples.APART,
)


def nearest(units: Sequence[Unit], candidates: Sequence[Record]) -> tuple[Record, str] | None:
    """The candidate that stands closest to new sentences, and how; None where all are apart.

    Candidates of equal standing are compared by shared words; of equals the later one wins.
    """
    best: tuple[int, float, int] | None = None
    found: tuple[Record, str] | None = None
    for order, record in enumerate(candidates):
        for unit in units:
            for held in record.units:
                how = triples.stands(unit, held)
                if how == triples.APART:
                    continue
                like = materials.likeness(materials.content(unit.text), record.content)
                rank = (-_CLOSENESS.index(how), like, order)
                if best is None or rank > best:
                    best, found = rank, (record, how)
    return found


_CHOICES = {
    triples.SAME: ("noop", "keep", "link", "merge", "update", "add"),
    triples.DENIED: ("invalidate", "delete", "update", "merge", "add"),
    triples.CHANGED: ("update", "invalidate", "delete", "merge", "add"),
    triples.EXTENDS: ("merge", "update", "link", "add", "keep"),
    triples.RELATED: ("link", "add", "keep", "merge", "noop"),
    triples.APART: ("add", "keep", "noop", "link"),
}
_OF_OLD = {
    triples.SAME: ("noop", "keep", "link"),
    triples.EXTENDS: ("merge", "update", "link", "keep", "noop"),
    triples.RELATED: ("link", "keep", "noop"),
    triples.APART: ("keep", "noop"),
}


def decide(field: Field, how: str, of_old: bool) -> str:
    """The allowed operation that suits how the new stands to the old.

    `of_old` says that the decision is over an old record; `keep` then means to leave it.
    """
    choices = {**_CHOICES, **_OF_OLD}[how] if of_old else _CHOICES[how]
    offered = {fields.operation(str(value)): str(value) for value in reversed(field.enum)}
    return next((offered[name] for name in choices if name in offered), str(field.enum[0]))
