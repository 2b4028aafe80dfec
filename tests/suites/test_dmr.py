from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.suites.datasets import case, dmr

DAY = 86_400.0
ROW = {
    "previous_dialogs": [
        {"dialog": [{"text": "I like jazz."}, {"text": "I do not."}],
         "time_back": "7 days 8 hours ago", "time_num": 7},
        {"dialog": [{"text": "Hi again."}], "time_back": "2 days ago"},
    ],
    "dialog": [{"text": "Well?", "id": "Speaker 2"}, {"text": " "}],
    "self_instruct": {"B": "What music did you like?", "A": "Jazz."},
    "personas": [["LEAK"]], "summary_speaker_1": "LEAK",
}  # fmt: skip


def loaded(tmp_path: Path, *rows: Any) -> list[case.Conversation]:
    path = tmp_path / "msc.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    kind = dmr.DeepMemoryRetrieval
    return list(kind(kind.Options(path=str(path), unverified=True)).conversations())


def test_five_sessions_and_a_question_become_a_case(tmp_path: Path) -> None:
    [found] = loaded(tmp_path, ROW)
    assert [(i.id, i.name, i.text) for i in found.items] == [
        ("1:1", "Speaker 1", "I like jazz."), ("1:2", "Speaker 2", "I do not."),
        ("2:1", "Speaker 1", "Hi again."), ("3:1", "Speaker 2", "Well?"),
    ]  # fmt: skip
    assert found.items[0].at == dmr.LAST_SESSION - 7 * DAY - 8 * 3_600
    assert found.items[-1].at == dmr.LAST_SESSION
    [one] = found.cases
    assert (one.question, one.answers) == ("What music did you like?", ("Jazz.",))
    assert (one.evidence, one.asked_at) == ((), dmr.LAST_SESSION)
    assert "LEAK" not in repr(found)


def test_times_that_run_backwards_are_laid_a_day_apart(tmp_path: Path) -> None:
    row = json.loads(json.dumps(ROW))
    row["previous_dialogs"][1]["time_back"] = "9 days ago"
    [found] = loaded(tmp_path, row)
    times = [item.at or 0 for item in found.items]
    assert times == sorted(times)
    assert times[0] == dmr.LAST_SESSION - 2 * DAY


def test_sessions_without_times_are_laid_a_day_apart(tmp_path: Path) -> None:
    row = json.loads(json.dumps(ROW))
    row["previous_dialogs"][1]["time_back"] = "some time ago"
    [found] = loaded(tmp_path, row)
    assert [dmr.LAST_SESSION - (item.at or 0) for item in found.items[::2]] == [2 * DAY, DAY]


def test_a_wrong_row_is_named_by_line_and_field(tmp_path: Path) -> None:
    wrong = {**ROW, "self_instruct": {"B": "?"}}
    with pytest.raises(errors.InputError, match=r"msc.jsonl:2: self_instruct.A: field required"):
        loaded(tmp_path, ROW, wrong)


def test_the_published_file_is_asked_for(tmp_path: Path) -> None:
    kind = dmr.DeepMemoryRetrieval
    with pytest.raises(errors.InputError, match="MemGPT/MSC-Self-Instruct"):
        kind(kind.Options(path=str(tmp_path / "none.jsonl")))
