from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import clock, errors
from archgraph.suites.datasets import case, longmemeval

ROW = {
    "question_id": "q1",
    "question_type": "multi-session",
    "question": "How many?",
    "answer": 3,
    "question_date": "2023/06/01 (Thu) 09:00",
    "haystack_session_ids": ["late", "early"],
    "haystack_dates": ["2023/05/30 (Tue) 23:40", "2023/05/20 (Sat) 02:21"],
    "haystack_sessions": [
        [
            {"role": "user", "content": "Three.", "has_answer": True},
            {"role": "assistant", "content": "   "},
        ],
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Two.", "has_answer": True},
            {"role": "user", "content": "Bye", "has_answer": False},
        ],
    ],
    "answer_session_ids": ["early", "late"],
}


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ROW), **fields}


def loaded(tmp_path: Path, *rows: Any) -> list[case.Conversation]:
    path = tmp_path / "longmemeval_s.json"
    path.write_text(json.dumps(rows))
    kind = longmemeval.LongMemEval
    return list(kind(kind.Options(path=str(path), unverified=True)).conversations())


def test_sessions_are_in_the_order_of_their_dates_with_their_roles(tmp_path: Path) -> None:
    [found] = loaded(tmp_path, ROW)
    assert [(item.role, item.text) for item in found.items] == [
        ("user", "Hi"), ("assistant", "Two."), ("user", "Bye"), ("user", "Three."),
    ]  # fmt: skip
    assert clock.stamp(found.items[0].at or 0) == "2023-05-20 02:21:00 Sat"
    times = [item.at or 0 for item in found.items]
    assert times == sorted(times)
    [one] = found.cases
    held = {item.id: item.text for item in found.items}
    assert [held[id] for id in one.evidence] == ["Two.", "Three."]
    assert (one.answers, one.category, one.cluster) == (("3",), "multi-session", "q1")
    assert clock.stamp(one.asked_at or 0) == "2023-06-01 09:00:00 Thu"
    assert one.details["answer_sessions"] == ["early", "late"]


def test_abstention_questions_have_no_answer(tmp_path: Path) -> None:
    [found] = loaded(tmp_path, changed(question_id="q1_abs", answer="You did not say."))
    [one] = found.cases
    assert (one.answers, one.evidence) == ((), ())
    assert one.details["abstention"] and one.details["explanation"] == "You did not say."


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"question_date": "June"}, r"\[1\]: question_date: 'June' is not a time like"),
        ({"haystack_dates": ["2023/05/20 (Sat) 02:21"]}, "2 ids and 1 dates"),
        ({"haystack_sessions": [[{"role": "cat", "content": "x"}], []]}, r"haystack_sessions\[0\]"),
        ({"answer": None}, r"\[1\]: answer: input should"),
        ({"question_id": "q1"}, "same id: q1"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.InputError, match=told):
        loaded(tmp_path, ROW, changed(**{"question_id": "q2", **fields}))


def test_an_unknown_file_needs_to_be_accepted(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[]")
    kind = longmemeval.LongMemEval
    with pytest.raises(errors.InputError, match="longmemeval-cleaned"):
        kind(kind.Options(path=str(path)))
    made = kind(kind.Options(path=str(path), unverified=True))
    assert made.provenance()["verified"] is False
