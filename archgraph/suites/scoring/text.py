"""Scorers: functions from an output and a case's gold to a number between 0 and 1.

Called by the scorers beside this file and by benchmarks. Knows no agent and calls no model. What
counts as abstaining stands in `abstaining`, what is computed over ids in `ranking`.

`locomo` follows LoCoMo's published scoring (snap-research/locomo, task_eval/evaluation.py): Porter
stems, the F1 of tokens, and one rule for each category.
"""

from __future__ import annotations

import collections
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from archgraph.llm import porter

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the|and)\b")
_WORD = re.compile(r"[^\W_]+")
_ABSTAINED = ("no information available", "not mentioned")

MULTI_ANSWER, OPEN_DOMAIN, ADVERSARIAL = 1, 3, 5


def normalise(text: str) -> str:
    """Lower case without punctuation, articles and "and", single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(output: str, gold: str) -> float:
    """F1 of the stemmed tokens that output and gold share, as multisets."""
    found = [porter.stem(word) for word in normalise(output).split()]
    wanted = [porter.stem(word) for word in normalise(gold).split()]
    same = sum((collections.Counter(found) & collections.Counter(wanted)).values())
    if not same:
        return 0.0
    precision, recall = same / len(found), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def multi_answer_f1(output: str, gold: str) -> float:
    """Both split on commas: for each gold part the best F1 of an output part, averaged."""
    parts = output.split(",")
    scores = [max(token_f1(part, wanted) for part in parts) for wanted in gold.split(",")]
    return sum(scores) / len(scores)


def locomo(output: str, answers: Sequence[str], category: int) -> float:
    """LoCoMo's score of an output, by the question's category."""
    if category == ADVERSARIAL:
        return float(abstained(output))
    if category == MULTI_ANSWER:
        return _best(output, answers, multi_answer_f1)
    if category == OPEN_DOMAIN:
        answers = [answer.split(";")[0].strip() for answer in answers]
    return _best(output, answers, token_f1)


def abstained(output: str) -> bool:
    """Does the output say that there is no information, in the words that LoCoMo looks for."""
    return any(words in output.lower() for words in _ABSTAINED)


def f1(output: str, answers: Sequence[str]) -> float:
    """The best token F1 over the accepted answers."""
    return _best(output, answers, token_f1)


def exact(output: str, answers: Sequence[str]) -> float:
    """1 where the output, normalised, equals an accepted answer."""
    return _best(output, answers, lambda found, gold: float(normalise(found) == normalise(gold)))


def contains(output: str, answers: Sequence[str]) -> float:
    """1 where an accepted answer, normalised, stands in the output as whole words."""
    return _best(output, answers, _stands_in)


def rouge_l_recall(output: str, answers: Sequence[str]) -> float:
    """ROUGE-L recall (Lin, 2004): longest common subsequence of words over the gold's words.

    MemGPT's deep memory retrieval reports it (Packer et al., 2023), recall because replies are
    wordier than golds. Words are runs of letters and digits in lower case, with articles and
    without stems, as in Google's rouge_score without its stemmer. The best over the answers.
    """
    return _best(output, answers, _rouge_l)


def chosen(output: str, options: Mapping[str, str]) -> str:
    """The answer that a reply to LoCoMo's choice form of category 5 picks.

    As `get_cat_5_answer` of task_eval/gpt_utils.py has it: a reply of one character is a letter,
    one of three characters a letter in brackets, and what is not `a` is `b`; any other reply
    stands for itself, in lower case.
    """
    reply = output.strip().lower()
    if len(reply) == 1:
        return options["a" if reply == "a" else "b"]
    if len(reply) == len("(a)"):
        return options["a" if reply == "(a)" else "b"]
    return reply


def evidence_recall(evidence: Sequence[str], found: Sequence[str], k: int) -> float | None:
    """Share of the gold ids among the first `k` found; None where a case has no gold.

    LoCoMo counts a case without gold as 1.0, which flatters; here it does not count.
    """
    if not evidence:
        return None
    return len(set(evidence) & set(found[:k])) / len(set(evidence))


def reached(evidence: Iterable[str], window: Iterable[str]) -> float | None:
    """Share of the evidence texts that stand verbatim in one of the window's texts.

    White space and Unicode form do not count, everything else does. JSON-escaped window texts
    must be decoded by the caller. None where there is no evidence.
    """
    texts = [_flat(text) for text in window]
    hits = [any(wanted in text for text in texts) for wanted in map(_flat, evidence)]
    return sum(hits) / len(hits) if hits else None


def _rouge_l(output: str, gold: str) -> float:
    found, wanted = _WORD.findall(output.lower()), _WORD.findall(gold.lower())
    return _common(found, wanted) / len(wanted) if wanted else 0.0


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        corner = 0
        for place, other in enumerate(second, 1):
            corner, row[place] = (
                row[place],
                corner + 1 if word == other else max(row[place], row[place - 1]),
            )
    return row[-1]


def _stands_in(output: str, gold: str) -> float:
    wanted = normalise(gold)
    return float(bool(wanted) and f" {wanted} " in f" {normalise(output)} ")


def _best(output: str, answers: Sequence[str], score: Callable[[str, str], float]) -> float:
    return max((score(output, answer) for answer in answers), default=0.0)


def _flat(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
