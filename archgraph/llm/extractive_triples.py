"""Cuts simple sentences into subject, predicate and object, and says how two of them stand.

Called by the offline policy for typed calls. There is no grammar here: the verb is the first word
after a subject that is an auxiliary, a common verb, or has a verb's ending where a verb must
stand. Sentences that do not fit give nothing. Knows no schemas.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from archgraph.llm import extractive_grammar as grammar
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_reading import Unit

USER = "user"

_SHORT = (
    (re.compile(r"\b(I)['’]m\b", re.I), r"\1 am"),  # noqa: RUF001
    (re.compile(r"\b(\w+)['’]re\b"), r"\1 are"),  # noqa: RUF001
    (re.compile(r"\b(\w+)['’]ve\b"), r"\1 have"),  # noqa: RUF001
    (re.compile(r"\b(\w+)['’]ll\b"), r"\1 will"),  # noqa: RUF001
    (re.compile(r"\b(I|we|he|she|they|you)['’]d\b", re.I), r"\1 would"),  # noqa: RUF001
    (re.compile(r"\b(he|she|it|that)['’]s\b", re.I), r"\1 is"),  # noqa: RUF001
    (re.compile(r"\b(\w+)n['’]t\b"), r"\1 not"),  # noqa: RUF001
)
_END = re.compile(
    r"[;:!?.](?=\s|$)|,\s|\s[-–—]\s|\s\(|\s(?:but|because|so|which|while|when|where|if|and (?:I|"  # noqa: RUF001
    r"he|she|they|we|it|now|then|\w+ed|have|has|am|is|are|was|work|works|live|lives))\s",
)
_TIME = re.compile(
    r"\s+(?:now|today|yesterday|tomorrow|tonight|recently|currently|anymore|any more|too|again|"
    r"these days|as well|(?:last|next|this|every|each|in|on|since|for) (?:\d{1,4}|week|month|year|"
    r"night|morning|weekend|summer|winter|spring|autumn|fall|(?:mon|tues|wednes|thurs|fri|satur|"
    r"sun)day|january|february|march|april|may|june|july|august|september|october|november|"
    r"december)(?: \d{1,4})?(?:st|nd|rd|th)?(?: (?:weeks?|months?|years?|days?))?|\w+ (?:days?|"
    r"weeks?|months?|years?) ago)$",
    re.I,
)
_TOKEN = re.compile(r"[^\s,;:.!?()\"]+(?:\.(?=\w)[^\s,;:.!?()\"]+)*")


@dataclass(frozen=True, slots=True)
class Triple:
    """A simple sentence, cut. `denied` says that it states the contrary."""

    subject: str
    predicate: str
    object: str
    denied: bool = False


_AND = re.compile(r",?\s+(?:and|but)\s+(?=(?:I|he|she|we|they|it|my|his|her|our)\b)")
_ALONE = re.compile(r",?\s+(?:and|but)\s+(?=(?:I|we|my|our)\b)")


def clauses(unit: Unit, join: re.Pattern[str] = _ALONE) -> list[Unit]:
    """The clauses of a sentence that can each stand alone, else the sentence.

    One that begins with `she` cannot: whom it means, the clause before says.
    """
    parts = join.split(unit.text)
    if len(parts) < 2 or not all(of_text(part, unit.speaker or USER, "X") for part in parts):
        return [unit]
    own = unit.stems - words.stems(unit.text)
    return [replace(unit, text=part, stems=words.stems(part) | own) for part in parts]


def of_units(units: Sequence[Unit]) -> list[tuple[Triple, Unit]]:
    """The triples of sentences; a pronoun stands for the last named subject."""
    found: list[tuple[Triple, Unit]] = []
    last = ""
    for unit in (clause for whole in units for clause in clauses(whole, _AND)):
        triple = of_text(unit.text, unit.speaker or USER, last)
        if triple:
            last = triple.subject
            found.append((triple, unit))
    return found


@functools.lru_cache(maxsize=8_000)
def of_text(text: str, speaker: str = USER, last: str = "") -> Triple | None:
    """The triple of one sentence, None where it has no simple shape."""
    if text.rstrip("\"')").endswith(("?", "？")):  # noqa: RUF001
        return None
    for short, full in _SHORT:
        text = short.sub(full, text)
    clause = _lead(text)
    tokens = list(_TOKEN.finditer(clause))
    place = next((n for n in range(1, len(tokens)) if _is_verb(tokens, n)), 0)
    if not place:
        return None
    start = place
    while start > 1 and grammar.flat(tokens[start - 1].group()) in grammar.ADVERBS | {
        "longer",
        "no",
    }:
        start -= 1
    begins = clause[: tokens[start - 1].end()]
    subject = _named(begins, speaker, last)
    predicate, after, denied = _predicate(clause, tokens, start)
    if grammar.flat(begins) in ("i", "we"):
        predicate = _third(predicate)
    predicate, rest = _related(predicate, clause[after:].strip(), speaker)
    predicate, rest = _arrived(predicate, _object(rest, speaker))
    if not subject or not predicate or not rest:
        return None
    return Triple(subject, predicate, rest, denied)


_LEADS = re.compile(
    r"^(?:(?:and|but|so|also|well|oh|yes|no|ok(?:ay)?|hey|hi|hello|please|then|by the way|actually|"
    r"btw|sorry|thanks|wow|today|yesterday|recently|remember|note|that)[,!:]?\s+)+",
    re.I,
)
_OPENING = re.compile(
    r"^(?:in|on|at|since|after|before|last|next|this|during|for|correction|update)\b[^,:]{0,40}"
    r"(?:[,:]\s+|\s+(?=(?:I|we|he|she|they|it|my|our|his|her|their)\b))",
    re.I,
)


def _lead(text: str) -> str:
    """A sentence without what may stand before its subject."""
    text = _LEADS.sub("", text.strip())
    text = _OPENING.sub("", text)
    return _LEADS.sub("", text)


def _is_verb(tokens: Sequence[re.Match[str]], place: int) -> bool:
    """Whether the word at a place is the verb of a sentence whose subject stands before it."""
    first = grammar.flat(tokens[0].group())
    if (
        first in grammar.NOT_SUBJECT
        or first in grammar.BE
        or first in grammar.AUXILIARY
        or place > 8
    ):
        return False
    word = tokens[place].group()
    flat = grammar.flat(word)
    if flat in grammar.ADVERBS:
        return False
    if flat in grammar.BE or flat in grammar.AUXILIARY:
        return True
    before = next((grammar.flat(t.group()) for t in reversed(tokens[:place])), "")
    if before in ("my", "our", "his", "her", "their", "the", "a", "an", "of", "no") or (
        before.endswith("'s")
    ):
        return False
    if before in grammar.LINKS:
        return False
    if word[:1].isupper():
        return False
    if words.root(flat) in grammar.VERBS:
        return True
    subject = [t.group() for t in tokens[:place] if grammar.flat(t.group()) not in grammar.ADVERBS]
    alone = len(subject) == 1 and grammar.flat(subject[0]) in grammar.PRONOUNS
    named = all(part[:1].isupper() for part in subject)
    return (alone and not words.is_stop(flat)) or (
        named and bool(re.search(r"[^s]s$|ed$", flat)) and not words.is_stop(flat)
    )


def _predicate(clause: str, tokens: Sequence[re.Match[str]], start: int) -> tuple[str, int, bool]:
    """The verb with its auxiliaries and particle, where the object starts, and if it is denied."""
    kept: list[str] = []
    denied, main, index = False, False, start
    while index < len(tokens):
        token, flat = tokens[index].group(), grammar.flat(tokens[index].group())
        if flat in ("not", "never", "no", "longer"):
            denied = True
            kept.append(token)
        elif flat in grammar.ADVERBS:
            pass
        elif flat in grammar.BE or flat in grammar.AUXILIARY:
            if main:
                break
            kept.append(token)
        elif not main and _is_main(flat, kept):
            kept.append(token)
            main = True
        elif flat in grammar.LINKS and (main or kept):
            kept.append(token)
            index += 1
            break
        else:
            break
        index += 1
    after = tokens[index].start() if index < len(tokens) else len(clause)
    said = (
        [k for k in kept if grammar.flat(k) not in grammar.AUXILIARY]
        if main and not denied
        else kept
    )
    denied = denied or any(words.root(k) in grammar.STOPPING for k in kept)
    return re.sub(r"^am\b", "is", " ".join(said)), after, denied


_QUALITY = re.compile(
    r"(?!(?:a|an|the|my|our|his|her|no|not)\b)(\w+ (?:to|of|at|about|with|in)) (?=\w)"
)
_GIVEN = re.compile(r"(?:me|us) (?=(?:a|an|the|my|some|his|her|their|our|two|three)\b)", re.I)


def _related(predicate: str, rest: str, speaker: str) -> tuple[str, str]:
    """A quality with its preposition, and who is given something, belong to the predicate."""
    quality = _QUALITY.match(rest) if grammar.flat(predicate) in grammar.BE else None
    if quality and not quality[1][0].isupper() and not quality[1][0].isdigit():
        return f"{predicate} {quality[1]}", rest[quality.end() :]
    given = _GIVEN.match(rest)
    if given:
        return f"{predicate} {speaker or USER}", rest[given.end() :]
    return predicate, rest


def _arrived(predicate: str, rest: str) -> tuple[str, str]:
    """A predicate and object without what was left: `moved from A to B` is `moved to B`."""
    verb, _, link = predicate.rpartition(" ")
    start, found, end = rest.partition(" to ")
    if not (found and start and link == "from") or words.root(verb) not in grammar.PASSING:
        return predicate, rest
    return f"{verb} to", end


def _third(predicate: str) -> str:
    """A predicate of the first person as of the third: `work at` is `works at`."""
    verb, _, rest = predicate.partition(" ")
    if verb in ("have", "do"):
        verb = {"have": "has", "do": "does"}[verb]
    elif verb == "are":
        verb = "is"
    elif verb in grammar.COMMON.split() and verb not in grammar.UNCHANGED:
        if re.search(r"[^aeiou]y$", verb):
            verb = f"{verb[:-1]}ies"
        else:
            verb += "es" if re.search(r"(?:s|x|z|ch|sh|o)$", verb) else "s"
    return f"{verb} {rest}".strip()


def _is_main(flat: str, kept: Sequence[str]) -> bool:
    if not kept or all(grammar.flat(k) in grammar.ADVERBS | {"no", "longer"} for k in kept):
        return True
    if any(grammar.flat(k) in grammar.BE for k in kept):
        return bool(re.search(r"ing$|ed$", flat)) or flat in ("born", "known", "made", "built")
    return words.root(flat) in grammar.VERBS or bool(re.search(r"ed$", flat))


def _named(subject: str, speaker: str, last: str) -> str:
    """A subject by name: the first person is the speaker."""
    speaker = USER if speaker in ("", "human", "memory") else speaker
    text = subject.strip(" ,\"'")
    flat = grammar.flat(text)
    if flat in ("i", "we", "me"):
        return speaker
    if flat in ("he", "she", "they", "it"):
        return last
    if flat in ("you", "there", "this", "that", "what", "who"):
        return ""
    return _owned(re.sub(r"^(?:the|a|an) ", "", text, flags=re.I), speaker)


def _owned(text: str, speaker: str) -> str:
    owner = "user" if speaker in ("", "human", "memory") else speaker
    return re.sub(r"\b(?:[Mm]y|[Oo]ur)\b", f"{owner}'s", text)


def _object(text: str, speaker: str) -> str:
    """The rest of a clause, without what says when, and without an article."""
    end = _END.search(text)
    rest = (text[: end.start()] if end else text).strip(" .,;:!?\"'")
    while True:
        cut = _TIME.sub("", rest)
        if cut == rest or not cut.strip():
            break
        rest = cut
    rest = re.sub(r"^(?:the|a|an)\s+", "", rest, flags=re.I)
    rest = re.sub(r"^(?:me|us|myself)$", speaker or USER, rest)
    return words.shorten(_owned(rest, speaker), 16)


# --- how two statements stand to each other ------------------------------------------------------

_GROUPS = {
    "home": "live move reside settle relocate base",
    "work": "work job join hire employ",
    "partner": "marry date engage divorce",
    "name": "name call",
}
_GROUP = {words.root(w): group for group, listed in _GROUPS.items() for w in listed.split()}
CORRECTION = re.compile(
    r"\b(?:no longer|not any ?more|anymore|any more|now|instead|actually|correction|moved|changed|"
    r"switched|became|becomes|used to|stopped|quit|left|renamed|replaced|from now on|rather than|"
    r"not .{1,40} but|new|updated|turns out|wrong|in fact)\b",
    re.I,
)
SAME, CHANGED, DENIED, EXTENDS, RELATED, APART = (
    *("same", "changed", "denied", "extends", "related", "apart"),
)
_ONE_PLACE = frozenset(("home", "work", "partner", "name"))


def stands(new: Unit, old: Unit) -> str:
    """How a new sentence stands to an older one."""
    one, other = materials.content(new.text), materials.content(old.text)
    first = of_text(new.text, new.speaker or USER)
    second = of_text(old.text, old.speaker or USER)
    if not one or not other:
        return APART
    if words.flat(new.text) == words.flat(old.text):
        return SAME
    if first and second:
        verdict = _compared(first, second, bool(CORRECTION.search(new.text)))
        if verdict:
            return verdict
    return _by_words(one, other, bool(CORRECTION.search(new.text)))


def _compared(new: Triple, old: Triple, corrects: bool) -> str:
    """The verdict of two triples, empty where they do not decide."""
    if not _alike(new.subject, old.subject):
        return ""
    relation, before = _relation(new), _relation(old)
    same_value = _alike(new.object, old.object)
    if new.denied != old.denied:
        return DENIED if relation & before and (same_value or not _value(new)) else ""
    if not relation & before:
        moved = corrects and _definite(new.subject) and _is_state(old)
        return CHANGED if moved and not same_value else ""
    if same_value:
        return SAME
    wider = _value(old) and _value(old) < _value(new)
    if wider:
        return EXTENDS
    if _value(new) and _value(new) < _value(old):
        return SAME
    single = bool(relation & _ONE_PLACE) or (_is_state(new) and _definite(new.subject))
    return CHANGED if single or corrects else ""


@functools.lru_cache(maxsize=8_000)
def _relation(triple: Triple) -> frozenset[str]:
    """The bases of a predicate, and the group of relations that it belongs to."""
    roots = {words.root(word) for word in words.WORD.findall(triple.predicate)}
    bare = (*(grammar.LINKS - {"like"}), *grammar.ADVERBS, *grammar.BE, "no", "longer")
    roots -= {words.root(word) for word in bare}
    roots = roots - {words.root(word) for word in grammar.AUXILIARY} or roots
    if _is_state(triple):
        held = {words.root(word) for word in words.WORD.findall(triple.object)[:1]}
        roots = {"be"} | {_GROUP[root] for root in held if root in _GROUP}
    stopped = roots & grammar.STOPPING
    if stopped:
        roots |= {words.root(word) for word in words.WORD.findall(triple.object)}
    return frozenset(roots | {_GROUP[root] for root in roots if root in _GROUP})


def _is_state(triple: Triple) -> bool:
    parts = [grammar.flat(word) for word in triple.predicate.split()]
    return bool(grammar.BE & set(parts)) and all(
        p in grammar.BE | grammar.LINKS | {"not", "no", "longer"} for p in parts
    )


def _definite(subject: str) -> bool:
    """Whether a subject names an attribute, of which there is one value: `Ann's favourite tea`."""
    named = subject[:1].isupper() or subject == USER
    return len(materials.content(subject)) > 1 or not named


def _value(triple: Triple) -> frozenset[str]:
    return materials.content(triple.object)


@functools.lru_cache(maxsize=8_000)
def _alike(one: str, other: str) -> bool:
    if words.flat(one) == words.flat(other):
        return True
    return bool(materials.content(one)) and materials.content(one) == materials.content(other)


def _by_words(new: frozenset[str], old: frozenset[str], corrects: bool) -> str:
    """The verdict by shared words alone."""
    shared = len(new & old)
    if new == old or new < old:
        return SAME
    if shared >= 2 and old < new:
        return EXTENDS
    if shared >= 2 and corrects and shared >= 0.4 * len(new | old):
        return CHANGED
    if shared >= 0.8 * len(new | old):
        return CHANGED
    if shared >= 2 or (shared and materials.likeness(new, old) >= 0.3):
        return RELATED
    return APART
