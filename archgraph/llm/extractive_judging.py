"""Judges sentences for a typed answer: how important, how sure, of which kind.

Called by `extractive_typed` and `extractive_values`. Every rule is a heuristic over words and is
listed in docs/explanation/offline-policy.md. Knows no schemas beyond a field's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_fields as fields
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_fields import Field
from archgraph.llm.extractive_reading import Unit

_CHANGE = re.compile(
    r"\b(?:mov(?:ed?|ing) (?:to|in|out|away|from)|new (?:job|home|house|flat|baby)|hired|fired|"
    r"promot\w+|retir\w+|married|marry|wedding|engaged|divorc\w+|born|baby|pregnan\w+|died|death|funeral|"
    r"passed away|ill(?:ness)?|cancer|diagnos\w+|hospital|accident|surgery|operation|graduat\w+|"
    r"quit|broke up|adopt\w+|emergency|allerg\w+|bankrupt\w*|won|arrested|robbed|stolen|"
    r"lost (?:my|her|his|their)|bought a (?:house|home|flat|car)|started (?:a|my) (?:new )?job)\b",
    re.I,
)
_FEELING = re.compile(
    r"\b(?:love[sd]?|hate[sd]?|afraid|scared|terrified|happy|happiest|sad|angry|furious|proud|"
    r"excited|worried|anxious|depressed|devastated|heartbroken|thrilled|delighted|upset|grateful|"
    r"miss(?:es|ed)?|dreams?|passion\w*|favou?rite|fear\w*|grief|lonely|hurt|cried|crying)\b",
    re.I,
)
_MARKED = re.compile(
    r"\b(?:remember|important|never|always|must|password|deadline|promise\w*|birthday|secret|"
    r"don't forget|urgent|critical)\b",
    re.I,
)
_PLAN = re.compile(r"\b(?:will|going to|plan\w*|decid\w+|want to|hope to|goal|intend\w*)\b", re.I)
_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|might|probably|possibly|think|guess|unsure|seems?)\b", re.I
)
_NAME = re.compile(r"(?<=[\w,] )[^\W\d_a-z][\w'-]+")


def importance(units: Sequence[Unit]) -> float:
    """How much the weightiest sentence matters, 0 to 1.

    Small talk has 0; a statement starts at 0.1. A change of life adds 0.5, a feeling 0.2, a word
    such as `remember` or `deadline` 0.2, a plan 0.1, a number or date 0.1, a name 0.1.
    """
    return max((_matters(unit) for unit in units), default=0.0)


def _matters(unit: Unit) -> float:
    text = unit.text
    if len(materials.content(text)) < 2 and not _CHANGE.search(text):
        return 0.0
    score = 0.1 + 0.5 * bool(_CHANGE.search(text)) + 0.2 * bool(_FEELING.search(text))
    score += 0.2 * bool(_MARKED.search(text)) + 0.1 * bool(_PLAN.search(text))
    score += 0.1 * bool(re.search(r"\d", text) or dates.when(text, unit.at))
    score += 0.1 * bool(_NAME.search(text))
    if text.rstrip("\"')").endswith("?"):
        score *= 0.5
    return min(1.0, score)


def confidence(units: Sequence[Unit]) -> float:
    """How sure a statement is: 0.5 where it hedges, else 0.9; 0 where there is none."""
    if not units:
        return 0.0
    return 0.5 if all(_HEDGE.search(unit.text) for unit in units) else 0.9


# --- kinds ---------------------------------------------------------------------------------------

_PAST = re.compile(
    r"\b(?:yesterday|today|tonight|ago|last (?:week|month|year|night|\w+day)|this (?:morning|"
    r"afternoon|evening|week)|went|met|saw|visited|happened|attended|had|was|were|did|got|came|"
    r"bought|took|made|\w{3,}ed)\b",
    re.I,
)
_LASTING = re.compile(
    r"\b(?:is|are|am|has|have|works?|lives?|means|consists?|contains?|called|named|capital|"
    r"always|usually|likes?|loves?|owns?|speaks?|born|defined|belongs?|allergic)\b",
    re.I,
)
_HOW = re.compile(
    r"\b(?:first|then|next|finally|after that|step \d*|how to|in order to|to (?:make|fix|do|set up|"
    r"install|use|run|reset|cook|build|get)\b|click|press|open the|run the|always (?:check|use)|"
    r"make sure|whenever|you (?:need|have) to|instructions?|recipe|procedure|workflow)\b|^\d+[.)]",
    re.I,
)
_PAPER = re.compile(
    r"https?://|www\.|\b[\w-]+\.(?:pdf|docx?|txt|csv|xlsx?|md|html?|pptx?|png|jpe?g|py|json)\b|"
    r"\b(?:document|file|pdf|report|article|paper|spreadsheet|slides|manual|contract|attach\w+|"
    r"screenshot|book|chapter|website|link|invoice|essay|memo)\b",
    re.I,
)
_SECRET = re.compile(
    r"\b(?:pass(?:word|code|phrase|wd)|pin(?: code| number)?|api[ -]?keys?|secret|token|credential"
    r"\w*|phone(?: number)?|mobile number|account number|credit card|iban|ssn|social security|"
    r"licen[cs]e key|login|combination)\b|\+?\d[\d -]{7,}\d|\b[\w.]+@[\w-]+\.\w+",
    re.I,
)
_TASTE = re.compile(
    r"\b(?:like[sd]?|love[sd]?|prefer\w*|hate[sd]?|dislike[sd]?|enjoy\w*|favou?rite|fan of|"
    r"can't stand|rather|interested in|keen on|allergic|vegetarian|vegan|always order)\b",
    re.I,
)
_SELF = re.compile(
    r"\b(?:my name|i am|i'm|years old|my (?:job|wife|husband|partner|name|age|birthday|hometown|"
    r"family|sister|brother|mother|father|son|daughter)|i (?:live|work)|is called)\b",
    re.I,
)
_TODO = re.compile(
    r"\b(?:need to|have to|must|todo|to do|remind|deadline|due|tomorrow|next (?:week|month|\w+day)|"
    r"will|going to|plan\w*|want to|schedule\w*|appointment|goal)\b",
    re.I,
)
_CHAT = re.compile(
    r"^(?:hi|hello|hey|thanks?|thank you|ok(?:ay)?|bye|good \w+|nice|cool|great|lol)\b", re.I
)
_TOPICS = (
    (
        r"health\w*|medical|body",
        r"doctor|ill|sick|hospital|allerg\w+|pain|medicine|diet|surgery|gym",
    ),
    (
        r"work|job|career|profession\w*|business",
        r"work\w*|job|boss|office|company|colleague|hired",
    ),
    (
        r"family|relation\w*|social|people",
        r"sister|brother|mother|father|wife|husband|son|daughter|friend|cousin|aunt|uncle|"
        r"partner|parents|married|wedding",
    ),
    (
        r"travel\w*|trips?|place|location|home",
        r"trip|travel\w*|flight|hotel|visit\w*|moved|live[sd]?|city",
    ),
    (
        r"food|diet|drink\w*",
        r"eat\w*|food|cook\w*|restaurant|vegan|vegetarian|coffee|tea|bread|recipe",
    ),
    (
        r"hobb\w+|leisure|interest\w*|sport\w*",
        r"play\w*|hik\w+|paint\w*|music|guitar|football|chess|garden\w*",
    ),
    (r"emotion\w*|feeling\w*|mood", _FEELING.pattern),
)
_CONCEPTS: tuple[tuple[str, Callable[[Unit], float]], ...] = (
    (r"episod\w+|events?|experiences?|happen\w*|activit\w+|occurrences?|diary|dated",
     lambda u: 1.0 * bool(_PAST.search(u.text)) + bool(dates.when(u.text, u.at))),
    (r"semantic|facts?|knowledge|attributes?|information|concepts?|general|entit\w+|statements?",
     lambda u: 1.1 * bool(_LASTING.search(u.text)) + 0.1),
    (r"procedur\w+|how ?to|steps?|workflows?|skills?|guides?|recipes?",
     lambda u: 2.5 * bool(_HOW.search(u.text))),
    (r"resources?|documents?|files?|urls?|articles?|papers?|attachments?|links?",
     lambda u: 2.6 * bool(_PAPER.search(u.text))),
    (r"vault|secrets?|credentials?|passwords?|sensitive|contacts?|private|keys?",
     lambda u: 3.5 * bool(_SECRET.search(u.text))),
    (r"preferences?|likes?|tastes?|dislikes?|opinions?",
     lambda u: 2.2 * bool(_TASTE.search(u.text))),
    (r"core|persona\w*|identity|profile|user|human|biograph\w*",
     lambda u: 2.3 * bool(_SELF.search(u.text))),
    (r"goals?|plans?|tasks?|todos?|intentions?|future|reminders?|prospective",
     lambda u: 2.1 * bool(_TODO.search(u.text))),
    (r"questions?|asks?|quer\w+", lambda u: 3.0 * u.text.rstrip("\"')").endswith("?")),
    (r"chat\w*|small ?talk|greetings?|chit ?chat|casual",
     lambda u: 2.0 * bool(_CHAT.search(u.text)) + (len(u.stems) < 2)),
    *((name, lambda u, p=re.compile(rf"\b(?:{p})\b", re.I): 2.0 * bool(p.search(u.text)))
      for name, p in _TOPICS),
)  # fmt: skip
_DEFAULT = re.compile(r"^(?:other|general|misc\w*|unknown|neutral|none|chat|default)$", re.I)


def fits(topic: str, unit: Unit) -> float:
    """How well a sentence fits what a word such as `events` stands for; 1 and more is a fit."""
    return max((t(unit) for p, t in _CONCEPTS if re.fullmatch(p, topic)), default=0.0)


_SORTS = (
    (r"organi[sz]ation|compan|employer|group", r"(?:works?|worked|job|joined|hired|employed) (?:at|"
     r"by|for|with)? ?(?:the )?"),
    (r"place|location|city|country|geo", r"\b(?:in|to|from|near|at|through|visited|around) "),
)  # fmt: skip
_PERSON = r"person|people|human|individual|character"


def sort_of(name: str, units: Sequence[Unit]) -> str:
    """Words for what a name is, by what stands before it; a person where it acts or speaks."""
    text = re.escape(name)
    for words_of, before in _SORTS:
        if any(re.search(rf"{before}{text}\b", unit.text) for unit in units):
            return words_of
    acts = rf"\b{text}(?:['’]s)? [a-z]|\b(?:with|and|my \w+|met|by) {text}\b"  # noqa: RUF001
    if any(unit.speaker == name or re.search(acts, unit.text) for unit in units):
        return _PERSON
    return ""


def kinds(field: Field, units: Sequence[Unit]) -> list[tuple[float, str]]:
    """The values of an enumeration with their fit to the material, best first.

    A value fits by its own words in the material, by what its words commonly stand for, and by
    the words that the field's description sets beside it.
    """
    scored = [(_fit(str(value), field, units), value) for value in field.enum]
    order = sorted(
        range(len(scored)), key=lambda n: (-scored[n][0], not _is_default(scored[n][1]), n)
    )
    return [scored[n] for n in order]


def _is_default(value: str) -> bool:
    return bool(_DEFAULT.match(fields.spaced(str(value))))


def _fit(value: str, field: Field, units: Sequence[Unit]) -> float:
    name = fields.spaced(value)
    beside = _beside(name, field.said)
    score = 0.0
    for unit in units:
        stems = words.stems(unit.text)
        own = 3.0 * len(words.stems(name) & stems) + len(materials.content(beside) & stems)
        named = [test(unit) for p, test in _CONCEPTS if re.search(rf"\b(?:{p})\b", name)]
        told = [test(unit) / 2 for p, test in _CONCEPTS if re.search(rf"\b(?:{p})\b", beside)]
        score = max(score, own + max((*named, *told), default=0.0))
    return score


def _beside(value: str, said: str) -> str:
    """The clause of a description that explains a value: `episodic: what happened; ...`."""
    clauses = re.split(r"[;.\n]|,(?=\s*[\w\s-]{1,30}(?::|\s(?:for|is|are|means)\s))", said)
    for clause in clauses:
        match = re.search(rf"\b{re.escape(value)}\b\W*(.*)", clause)
        if match and match[1]:
            return match[1]
    return ""
