"""What a transcript may say, and that all of its wrong lines are told at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.spec import transcript


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "talk.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": "a", "time": 1e20}, "in the years 1 to 9999"),
        ({"text": "a", "time": float("nan")}, "in the years 1 to 9999"),
        ('{"text": "a", "time": 1' + "0" * 400 + "}", "time must be ISO 8601 or seconds"),
        ({"text": "a", "time": True}, "time must be ISO 8601 or seconds"),
        ({"text": "a", "time": "soon"}, "time must be ISO 8601 or seconds"),
        ({"text": " "}, "its text is empty"),
        ({"text": "a", "name": 7}, "name must be a text, not 7"),
        ({"text": "a", "role": "bot"}, "role must be user or assistant"),
        ({"text": "a", "tme": 7}, 'did you mean "time"'),
        ("[]", "an object with a `text`"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_wrong_line_is_told(tmp_path: Path, row: Any, told: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        transcript.read(written(tmp_path, {"text": "fine"}, row))
    assert "talk.jsonl:2: " in str(caught.value) and told in str(caught.value)


def test_all_wrong_lines_are_told(tmp_path: Path) -> None:
    with pytest.raises(errors.InputError) as caught:
        transcript.read(written(tmp_path, "x", {"text": "fine"}, *["{}"] * 11))
    lines = str(caught.value).splitlines()
    assert "talk.jsonl:1: not JSON" in lines[0] and "talk.jsonl:3: " in lines[1]
    assert len(lines) == 11 and lines[-1] == "and 2 more lines"


def test_times_that_run_backwards_are_told(tmp_path: Path) -> None:
    rows = ({"text": "a", "time": "2024-03-02"}, {"text": "b"}, {"text": "c", "time": 0})
    with pytest.raises(errors.InputError, match=r"talk\.jsonl:3: time runs backwards"):
        transcript.read(written(tmp_path, *rows))


def test_a_good_transcript_is_read(tmp_path: Path) -> None:
    separated = "one\u2028message"
    path = written(tmp_path, {"text": separated, "time": "1970-01-02"}, "", {"text": "b"})
    first, second = transcript.read(path)
    assert (first.text, first.at, second.at) == (separated, 86400.0, None)
