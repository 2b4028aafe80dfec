"""The matrix of a type: what is kept, what is broken and why, what does not apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.conformance import report

CONTRACT = """
from archgraph import testing
from tests.conformance import faulty


class TestWayless(testing.StoreContract):
    store_type = faulty.Wayless

    def write(self, store, i):
        store.note(self.text(i), "Ann")
"""


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


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Wayless", "override write(): the type has no writing verb with one required text"),
        ("Refusing", "its first write is refused: not a number"),
        ("Failing", "its first write raises KeyError: 'no such key' ("),
    ],
)
def test_what_cannot_be_written_to_is_told_once(
    name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = ("--group", "beginning", "--group", "durability", "--group", "events")
    code, text = printed(capsys, f"tests.conformance.faulty:{name}", *groups)
    said = " ".join(text.split())
    assert code == 1 and ", 1 broken," in said and why in said
    assert "override `write(self, store, i)`" in said
    assert "  -       A write shows in what the store renders, says or measures." in text
    assert "  kept    Events can be named by triggers." in text


def test_a_contract_is_run_as_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "its_contract.py").write_text(CONTRACT)
    place = f"{tmp_path / 'its_contract.py'}:TestWayless"
    code, text = printed(capsys, place, "--group", "durability")
    assert code == 0 and "Wayless: " in text and ", 0 broken," in text


def test_a_page_that_finds_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = printed(capsys, "tests.conformance.faulty:Picky", "--group", "paging")
    said = " ".join(text.split())
    assert "'list' is refused after 13 writes with {'of': 'item'}: ToolError: nobody 'item'" in said
    assert "override argument()" in said


def test_an_unknown_group_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed(capsys, "tests.conformance.contracts:Notes", "--group", "pagin")
    assert code == 2 and "known: beginning, chance" in text


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("no_such_module:Mine", "No module named 'no_such_module'"),
        ("tests.conformance.faulty:Missing", "has no attribute 'Missing'"),
        ("tests.conformance.faulty", "write it as module:Class"),
        ("tests.conformance.contracts:BUILT_IN", "it is no class over"),
    ],
)
def test_what_is_no_type_is_told(place: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed(capsys, place)
    assert code == 2 and why in text
