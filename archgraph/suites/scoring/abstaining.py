"""Does a reply say that it does not know: one wide rule for every scorer but LoCoMo's own.

Called by the scorers of answers. Pure functions of a text; knows no case. The rule is wider than
LoCoMo's two phrases (task_eval/evaluation.py: "no information available", "not mentioned"), which
are in it, so that a model is not marked down for its wording. It reads English only.
"""

from __future__ import annotations

import re

_KNOWING = "know|recall|remember|find|answer|say|tell|determine|confirm|identify"
_SOURCE = (
    "information|info|records?|mentions?|details?|data|memory|memories|knowledge|evidence|"
    "indication|context|answer"
)
_PLACES = (
    "conversations?|contexts?|memory|memories|texts?|chats?|history|records?|logs?|messages?|"
    "transcripts?|dialogues?|passages?|archive|results?"
)
_TELLING = (
    "say|mention|specify|state|provide|include|contain|indicate|discuss|tell|share|give|reveal|"
    "record"
)
_TOLD = (
    "mentioned|specified|stated|provided|discussed|given|recorded|disclosed|indicated|shared|"
    "available|known|answerable"
)
_CERTAIN = r"(?! (?:\w+ ){0,2}(?:exactly|precisely|for sure|for certain)\b)"

PHRASES = tuple(
    re.compile(pattern)
    for pattern in (
        # I do not know; we cannot find that; I have not been able to determine it
        rf"\b(?:i|we) (?:\w+ly |just |still |also )?(?:do not|did not|cannot|could not|was not able"
        rf" to|am not able to|am unable to|was unable to|were unable to|have not been able to)"
        rf" (?:\w+ly )?(?:{_KNOWING})\b{_CERTAIN}",
        # I have no record of it; I do not have enough information
        rf"\b(?:i|we) (?:\w+ly )?(?:have no|do not (?:\w+ly )?have|did not have|lack)"
        rf" (?:\w+ ){{0,4}}?(?:{_SOURCE}|idea|way of knowing)\b",
        # no information available; there is no specific mention; not enough context
        rf"\b(?:no|not enough|insufficient) (?:\w+ ){{0,2}}?(?:{_SOURCE})\b",
        # it was not mentioned; has never been specified
        rf"\b(?:not|never) (?:\w+ly |been |yet )*(?:{_TOLD})\b",
        # the conversation does not say; you did not tell me; you have never mentioned
        rf"\b(?:{_PLACES}|you) (?:\w+ly )?(?:do|does|did) not (?:\w+ly )?(?:{_TELLING})\b",
        r"\b(?:do|does|did) not (?:\w+ly )?(?:specify|mention)\b",
        rf"\byou (?:have )?(?:not|never) (?:yet )?(?:told|said|{_TOLD})\b",
        # it cannot be determined; that could not be found
        r"\b(?:cannot|could not|can not) be"
        r" (?:determined|answered|inferred|found|known|confirmed)\b",
        r"\b(?:unable to|not possible to) (?:answer|determine|say|tell|find|confirm)\b",
        r"\bunanswerable\b|\bno (?:\w+ )?way (?:of knowing|to know|to tell)\b",
        # whole replies only
        r"^\W*(?:(?:it|that|this) is )?(?:unknown|n/?a|no idea|no answer)\W*$",
        r"\bi am not (?:sure|certain)\b[^,;.!?]*[.!?]*$",
    )
)
"""What counts as abstaining; each is looked for in the reply as `plain` makes it."""

_END = re.compile(r"(?<=[.!?])\s+")
_PRELUDE = re.compile(
    r"\W*(?:sorry|i am (?:so |very )?sorry|i apologi[sz]e|apologies|unfortunately|hello|hi|hey|"
    r"thanks|thank you|let me|i (?:have )?(?:searched|looked|checked|went through))\b[^,;:]*[.!?]*$"
)


def plain(reply: str) -> str:
    """Lower case, straight apostrophes, single spaces, "not" written out."""
    text = " ".join(reply.lower().replace("\u2019", "'").replace("`", "'").split())
    for short, long in (("can't", "cannot"), ("won't", "will not"), ("n't", " not"),
                        ("i'm", "i am"), ("'ve", " have")):  # fmt: skip
        text = text.replace(short, long)
    return text


def opening(text: str) -> str:
    """The first sentence that says something: no apology, greeting or tale of a search."""
    sentences = [each for each in _END.split(text) if each]
    return next((each for each in sentences if not _PRELUDE.match(each)), "")


def abstains(reply: str) -> bool:
    """Does the reply say that it does not know, or that nothing was said about it.

    One phrase in its opening sentence is enough, whatever it says besides; a caveat further on
    ("She is single. There is no mention of a partner.") is none. Nor is a hedge: "I am not sure,
    but I think it was blue" and "I do not know exactly" go on to an answer. An empty reply does
    not abstain: a turn that failed must not be right about a question without an answer.
    """
    sentence = opening(plain(reply))
    return any(phrase.search(sentence) for phrase in PHRASES)
