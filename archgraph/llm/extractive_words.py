"""Words, sentences and verbatim look-ups: the reading skills of the offline policy.

Called by the other `extractive_*` modules. Knows no messages and no tools. All functions are pure
and the expensive ones are cached by their text, because a window is read again at every step.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from archgraph.llm import porter

WORD = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W_]+(?:['’][^\W_]+)*")  # noqa: RUF001
"""A word; scripts that are written without spaces are read by the character."""

_STOP = """
    a about above after again all also always am an and any anybody anyone anything are as at be
    because been before being below between both but by can cannot could did do does doing done
    down during each either else ever every everyone everything few for from further get gets got
    had has have having he her here hers herself him himself his how i if in into is it its itself
    just let lets me more most much my myself no nor not now of off on once one only or other our
    ours out over own please really same shall she should since so some somebody someone something
    such than that the their theirs them then there these they this those through to too under
    until up upon us very via was we were what when where whether which while who whom whose why
    will with would yes you your yours yourself may might must i'm i've i'd i'll it's that's
    what's who's where's how's when's let's don't didn't doesn't isn't wasn't aren't weren't
    haven't hasn't hadn't won't wouldn't can't couldn't you're you've you'd you'll he's she's
    we're we've they're they've there's many lot lots oh hey hi hello thanks thank well yeah yep
    wow ok okay sure great good nice cool awesome glad
"""
STOP = frozenset(_STOP.split())
"""Words that carry no content."""

_META = """
    answer ask asked call called correspond corresponding entry find give given hold information
    item keep kept key known know last listed look lookup map mapped maps memory mention mentioned
    name named need question recall record recorded remember remembered reply respond return said
    save saved say says search store stored tell told think value want word
"""
META = frozenset(_META.split())
"""Words of asking and of record keeping: content only when nothing else is there."""

_IRREGULAR = {
    form: base
    for base, forms in {
        "go": "went gone goes going",
        "buy": "bought", "eat": "ate eaten", "make": "made", "take": "took taken",
        "see": "saw seen", "give": "gave given", "get": "got gotten", "write": "wrote written",
        "meet": "met", "find": "found", "lose": "lost", "win": "won", "run": "ran",
        "begin": "began begun", "come": "came", "become": "became", "teach": "taught",
        "think": "thought", "bring": "brought", "feel": "felt", "leave": "left", "tell": "told",
        "say": "said", "speak": "spoke spoken", "sing": "sang sung", "swim": "swam swum",
        "drive": "drove driven", "ride": "rode ridden", "choose": "chose chosen", "grow": "grew",
        "draw": "drew drawn", "fly": "flew flown", "break": "broke broken", "send": "sent",
        "sell": "sold", "build": "built", "spend": "spent", "keep": "kept", "hold": "held",
        "child": "children kids kid", "person": "people", "wife": "wives", 
        "paint": "painting paintings painted", "mother": "mom mum", "father": "dad",
        "live": "living lived", "start": "started", "movie": "film films",
        "job": "work works worked working",
    }.items()
    for form in forms.split()
}  # fmt: skip

_SENTENCE = re.compile(r"(?<=[.!?。！？])[\"'”’)]*\s+(?=\S)|\n+|(?<=[。！？])")  # noqa: RUF001
_ABBREVIATION = re.compile(r"(?:^|\s)(?:[A-Z]|Mr|Mrs|Ms|Dr|St|vs|etc|e\.g|i\.e)\.$")


@functools.lru_cache(maxsize=50_000)
def root(word: str) -> str:
    """A word's base: irregular forms are looked up, others stemmed; possessives are cut."""
    word = word.lower().replace("’", "'").removesuffix("'s").removesuffix("'")  # noqa: RUF001
    word = _IRREGULAR.get(word, word)
    return porter.stem(word)


@functools.lru_cache(maxsize=8_000)
def stems(text: str) -> frozenset[str]:
    """The bases of the words that carry content."""
    return frozenset(root(word) for word in WORD.findall(text) if not is_stop(word))


def is_stop(word: str) -> bool:
    """Whether a word carries no content."""
    return word.lower().replace("’", "'") in STOP  # noqa: RUF001


@functools.lru_cache(maxsize=4_000)
def terms(text: str) -> tuple[str, ...]:
    """The content words of a question as written, each once; asking words only if need be."""
    content = list(dict.fromkeys(word for word in WORD.findall(text) if not is_stop(word)))
    plain = [word for word in content if word.lower() not in META]
    return tuple(plain or content)


@functools.lru_cache(maxsize=4_000)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text; a line break ends a sentence."""
    found: list[str] = []
    for part in _SENTENCE.split(text):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += f" {part}"
        elif part and part.strip():
            found.append(part.strip())
    return tuple(found)


@functools.lru_cache(maxsize=8_000)
def flat(text: str) -> str:
    """The form in which texts are compared: case, white space and Unicode form do not count."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def opaque(term: str) -> bool:
    """Whether a term is an identifier rather than language: long, unspaced, digits and more."""
    return (
        len(term) >= 6
        and not re.search(r"\s", term)
        and any(letter.isdigit() for letter in term)
        and any(not letter.isdigit() for letter in term)
    )


def shorten(text: str, words: int) -> str:
    """The first `words` words of a text, with a mark where it was cut."""
    parts = text.split()
    return text if len(parts) <= words else " ".join(parts[:words]) + " …"
