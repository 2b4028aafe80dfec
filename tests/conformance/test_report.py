"""The matrix of a type: what is kept, what is broken and why, what does not apply."""

from __future__ import annotations

import pytest

from archgraph.conformance import report


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str]:
    with pytest.raises(SystemExit) as ended:
        report.main(arguments)
    streams = capsys.readouterr()
    return ended.value.code, streams.out + streams.err


def test_a_sound_type_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    groups = ("--group", "search", "--group", "paging")
    small = ("--options", '{"keep": 3}')
    code, text = printed(capsys, "tests.conformance.contracts:Notes", *small, *groups)
    assert code == 0 and ", 0 broken," in text
    assert "  kept    The first line of a page says how many" in text
    assert "  -       " in text and "(it has no search)" in text


def test_a_broken_type_is_told_with_remedies(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed(capsys, "tests.conformance.faulty:Silent", "--group", "events")
    assert code == 1 and "  BROKEN  A write emits the event `write`." in text
    assert "Remedy: call `self.wrote()` once" in text


def test_an_unknown_group_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed(capsys, "tests.conformance.contracts:Notes", "--group", "pagin")
    assert code == 2 and "known: beginning, chance" in text


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("no_such_module:Mine", "No module named 'no_such_module'"),
        ("tests.conformance.faulty:Missing", "has no attribute 'Missing'"),
        ("tests.conformance.faulty", "write it as module:Class"),
        ("tests.conformance.contracts:Block", "it is no class over"),
    ],
)
def test_what_is_no_type_is_told(place: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed(capsys, place)
    assert code == 2 and why in text
