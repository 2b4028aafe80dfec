"""Every built-in store type keeps the contract, and the number of checks is what we say."""

from __future__ import annotations

import pytest

from archgraph import registry, testing
from archgraph.conformance import kit
from tests.conformance import contracts


class TestBlock(contracts.Block): ...


class TestSmallBlock(contracts.SmallBlock): ...


class TestLog(contracts.Log): ...


class TestQueue(contracts.Queue): ...


class TestCollection(contracts.Collection): ...


class TestTextCollection(contracts.TextCollection): ...


class TestVectorCollection(contracts.VectorCollection): ...


class TestFileCollection(contracts.FileCollection): ...


class TestTasks(contracts.Tasks): ...


class TestSkills(contracts.Skills): ...


class TestNotes(contracts.NotesContract): ...


def applying(contract: type[testing.StoreContract]) -> list[kit.Check]:
    return [c for c in contract.checks() if set(c.needs) <= contract.capabilities()]


def test_each_type_has_eighty_checks(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {c.__name__: len(applying(c)) for c in contracts.BUILT_IN}
    with capsys.disabled():
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        print(f"\nconformance: {len(testing.StoreContract.checks())} checks; applying to {told}")
    assert all(count >= 80 for count in counts.values()), counts


def test_no_built_in_type_is_left_out() -> None:
    covered = {c.store_type for c in contracts.BUILT_IN}
    ours = [e for e in registry.entries("stores").values() if e.package == "archgraph"]
    assert {e.load() for e in ours} <= covered


def test_every_check_says_what_to_do() -> None:
    checks = testing.StoreContract.checks()
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.promise and check.remedy and check.group, check.name
