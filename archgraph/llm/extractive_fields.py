"""Understands the fields of a JSON Schema: what each one asks for, by the words it is given.

Called by the offline policy for typed calls and for tools with many arguments. A field means what
its name says, else what its description says; the fields beside it decide where a word has two
senses (`target` of a link, `target` of a change). Knows no material.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

(STATEMENT, SUMMARY, TITLE, KEYWORDS, ENTITIES, QUESTION, QUERY, SUBJECT, PREDICATE, OBJECT) = (
    *("statement", "summary", "title", "keywords", "entities", "question", "query", "subject"),
    *("predicate", "object"),
)
(ID, DATE, SPEAKER, WHOLE, REPLY, GUIDANCE, STEPS, REASON, CODE, KIND, DECISION) = (
    *("id", "date", "speaker", "whole", "reply", "guidance", "steps", "reason", "code", "kind"),
    *("decision",),
)
IMPORTANCE, RELEVANCE, CONFIDENCE, NUMBER, VERDICT, OTHER = (
    *("importance", "relevance", "confidence", "number", "verdict", "other"),
)

_TEXTS = {
    CODE: r"code|program|script|implementation|source code",
    QUESTION: r"questions?|focal points?",
    QUERY: r"query|queries|search (?:terms?|words?)|look for",
    PREDICATE: r"predicate|relations?|relationship|relation type|property|attribute|edge|verb",
    SUBJECT: r"subject|head|entity 1|first entity",
    OBJECT: r"object|tail|entity 2|second entity",
    DATE: r"date|day|when|time|occurred|happened|(?:valid )?(?:from|to|until|since)|valid|"
    r"timestamp|due|deadline|started|ended|expires|expired|invalid at|created|at",
    ID: r"ids?|target|of|page|pages|record|ref|reference|references|candidates?|neighbou?rs?|"
    r"supersedes|replaces|parent|duplicates?|duplicate of|evidence|links?|related|sources?|cites|"
    r"merge with|superseded|node|nodes|link to|linked|based on|supports?",
    SUMMARY: r"summary|gist|gists|abstract|synopsis|digest|context|description|overview|recap|"
    r"about|short form|aggregate|abstraction",
    KEYWORDS: r"keywords?|key words|tags?|terms|topics|themes|labels|categories|key phrases",
    TITLE: r"title|topic|name|label|heading|headline|theme|caption",
    ENTITIES: r"entity|entities|people|persons|places|names|nouns|mentions|participants",
    SPEAKER: r"speaker|author|who|person|by|said by|owner",
    WHOLE: r"profile|persona|human|beliefs?|document|block|state|updated \w+|merged \w+|merged|"
    r"rewritten|combined|consolidated|whole|whole text|traits?|portrait|personality|prompt",
    REPLY: r"reply|answer|response|utterance|final answer",
    REASON: r"reason|reasoning|why|rationale|explanation|justification|because|critique|feedback",
    GUIDANCE: r"guidance|advice|hint|plan|strategy|next steps?|suggestion|directive|instruction",
    STEPS: r"steps?|actions|sequence",
    STATEMENT: r"facts?|memory|memories|observations?|notes?|episodes?|events?|lessons?|insights?|"
    r"thoughts?|reflections?|workflows?|preferences?|procedures?|statements?|contents?|text|items?|"
    r"claims?|propositions?|knowledge|information|value|details?|message|rules?|takeaways?|"
    r"learned|experience|skill|behaviou?r|constraint|sentence|body|findings?|new text",
}
_NUMBERS = {
    ID: r"id|index|page|target|record|number of the (?:page|record)",
    RELEVANCE: r"relevance|relevant|similarity|match|overlap|related|closeness|fit",
    CONFIDENCE: r"confidence|certainty|probability|sure|likelihood|certain|belief",
    IMPORTANCE: r"importance|poignancy|score|rating|significance|salience|weight|priority|value|"
    r"strength|worth|surprise|novelty|impact|heat",
}
_OPERATIONS = {
    "add": r"add|insert|create|new|append|store|save|write",
    "update": r"update|modify|replace|revise|edit|change|rewrite|overwrite|correct|evolve|"
    r"supersede",
    "merge": r"merge|combine|consolidate|fuse|extend|enrich",
    "invalidate": r"invalidate|expire|retire|close|end|outdate|deprecate|archive",
    "delete": r"delete|remove|drop|forget|discard|reject|erase",
    "noop": r"noop|no op|none|ignore|skip|nothing|no change|same|unchanged|pass|duplicate|leave",
    "keep": r"keep|retain|accept|preserve",
    "link": r"link|connect|relate|strengthen|associate|attach",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A property of the answer, understood.

    `type` is `string`, `integer`, `number`, `boolean`, `array` or `object`. `said` is its name and
    description in small letters. `enum` holds the allowed values of it, or of its items. `most` is
    the most items or characters, 0 where there is no bound.
    """

    name: str
    type: str
    meaning: str
    words: str
    said: str
    enum: tuple[Any, ...] = ()
    required: bool = False
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    most: int = 0
    fewest: int = 0
    format: str = ""

    @property
    def plural(self) -> bool:
        """Whether the name speaks of several."""
        return bool(re.search(r"(?:[^s]s|ies)$", self.words))


def read(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of an object schema, in their order."""
    needed = set(schema.get("required") or ())
    properties: Mapping[str, Any] = schema.get("properties") or {}
    found = [_field(name, given or {}, name in needed) for name, given in properties.items()]
    return tuple(_beside(field, found) for field in found)


def spaced(name: str) -> str:
    """A name as words in small letters."""
    return re.sub(r"[_\-.\s]+|(?<=[a-z])(?=[A-Z])", " ", name).strip().lower()


def operation(value: str) -> str:
    """What a value of an enumeration would have done to a record; empty if it is no such word."""
    text = spaced(value)
    for name, pattern in _OPERATIONS.items():
        if re.fullmatch(rf"(?:{pattern})(?:s|d|ed|e?ing)?", text):
            return name
    first = text.split(" ")[0]
    for name, pattern in _OPERATIONS.items():
        if re.fullmatch(pattern, first):
            return name
    return ""


def _field(name: str, given: Mapping[str, Any], required: bool) -> Field:
    kinds = given.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    options = given.get("anyOf") or ()
    nullable = "null" in kinds or any(option.get("type") == "null" for option in options)
    plain = next((o for o in options if o.get("type") != "null"), None)
    if plain is not None and "type" not in given:
        return replace(_field(name, {**given, **plain, "anyOf": ()}, required), nullable=nullable)
    kind = next((kind for kind in kinds if kind != "null"), "string")
    items: Mapping[str, Any] = (given.get("items") or {}) if kind == "array" else {}
    enum = tuple(items.get("enum") or given.get("enum") or ())
    about = str(given.get("description") or "").lower()
    bounds = ("maxItems", "minItems") if kind == "array" else ("maxLength", "minLength")
    field = Field(
        name=name, type=kind, meaning="", words=spaced(name), said=f"{spaced(name)} {about}",
        enum=enum, required=required, nullable=nullable, low=_low(given), high=_high(given),
        most=int(given.get(bounds[0]) or 0), fewest=int(given.get(bounds[1]) or 0),
        format=str(given.get("format") or ""),
    )  # fmt: skip
    return replace(field, meaning=_meaning(field, about))


def _low(given: Mapping[str, Any]) -> float | None:
    if "exclusiveMinimum" in given:
        return float(given["exclusiveMinimum"]) + (1 if given.get("type") == "integer" else 1e-6)
    return given.get("minimum")


def _high(given: Mapping[str, Any]) -> float | None:
    if "exclusiveMaximum" in given:
        return float(given["exclusiveMaximum"]) - (1 if given.get("type") == "integer" else 1e-6)
    return given.get("maximum")


def _meaning(field: Field, about: str) -> str:
    if field.type == "boolean":
        return VERDICT
    if field.type in ("integer", "number"):
        return _by_words(field.words, _NUMBERS) or _by_words(about, _NUMBERS) or NUMBER
    if field.format in ("date", "date-time"):
        return DATE
    if field.enum:
        operations = {operation(str(value)) for value in field.enum} - {""}
        return DECISION if len(operations) > 1 else KIND
    return _by_words(field.words, _TEXTS) or _by_description(about) or OTHER


def _by_words(text: str, patterns: Mapping[str, str]) -> str:
    """The meaning of a name: the whole of it, else its last word, else its first one."""
    parts = text.split(" ")
    for part in (text, " ".join(parts[-2:]), parts[-1], parts[0]):
        for meaning, pattern in patterns.items():
            if part and re.fullmatch(pattern, part):
                return meaning
    return ""


def _by_description(about: str) -> str:
    """The meaning of the first telling word in a description."""
    found = {}
    for meaning, pattern in _TEXTS.items():
        clear = "|".join(p for p in pattern.split("|") if len(p) > 3)
        match = re.search(rf"\b(?:{clear})\b", about) if clear else None
        if match:
            found[meaning] = match.start()
    return min(found, key=lambda meaning: found[meaning], default="")


def _beside(field: Field, fields: Sequence[Field]) -> Field:
    """The field with its meaning settled by those beside it: ends of a link, or of a change."""
    meanings = {other.meaning for other in fields if other is not field}
    if PREDICATE in meanings and field.type == "string" and not field.enum:
        if re.fullmatch(r"(?:source|from|head|entity|subject)(?: \w+)?", field.words):
            return replace(field, meaning=SUBJECT)
        if re.fullmatch(r"(?:target|to|tail|destination|value|object)(?: \w+)?", field.words):
            return replace(field, meaning=OBJECT)
    if field.meaning == PREDICATE and not meanings & {SUBJECT, OBJECT, ENTITIES, ID}:
        return replace(field, meaning=KEYWORDS if field.type == "array" else OTHER)
    return field
