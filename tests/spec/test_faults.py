"""Every fault is answered with its line, column, code and a remedy, in one pass, alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import errors
from archgraph.graph import check
from archgraph.spec import codes
from tests.spec import faults, good

WHOLE = ("yaml-syntax", "rule-deadlock", "trigger-cycle", "budget")
"""Told only of files whose parts are right."""
TABLE = [(kind, fault) for kind, each in faults.ALL.items() for fault in each]


def test_the_good_file_has_no_problem(tmp_path: Path) -> None:
    assert check.check(good.write(tmp_path)) == []


def test_there_are_faults_of_every_class() -> None:
    assert len(TABLE) >= 60
    assert all(len(each) >= 3 for each in faults.ALL.values())


@pytest.mark.parametrize(
    ("kind", "fault"),
    TABLE,
    ids=[f"{kind}-{fault.name.replace(' ', '-')}" for kind, fault in TABLE],
)
def test_fault(kind: str, fault: good.Fault, tmp_path: Path) -> None:
    marked = good.MARK in fault.new
    if not marked:  # the place is not where something was written, but where it is missing
        replaced = good.Fault(fault.name, fault.old, fault.new + good.MARK, fault.code, "")
        file, _, _, _ = good.broken(tmp_path, replaced)
    else:
        file, name, line, column = good.broken(tmp_path, fault)
    found = check.check(file)
    told = [each for each in found if each.code == fault.code]
    assert told, f"not told: {[str(each) for each in found]}"
    problem = told[0]
    assert problem.severity == fault.severity
    assert fault.remedy in problem.remedy
    assert problem.remedy
    assert problem.line and problem.column
    assert problem.code in codes.CODES
    if marked:
        assert Path(problem.file).name == name
        assert (problem.line, problem.column) == (line, column)
    if fault.alone:
        assert len(found) == 1, [str(each) for each in found]


def test_all_faults_of_one_file_in_one_pass(tmp_path: Path) -> None:
    chosen = [
        fault
        for kind, fault in TABLE
        if kind != "F1"
        and fault.code not in WHOLE
        and fault.severity == "error"
        and not fault.template
    ]
    text, expected, touched = good.GOOD, [], set()
    for fault in chosen:
        line = good.GOOD[: good.GOOD.index(fault.old)].count("\n")
        if fault.alone and line not in touched and text.count(fault.old) == 1:
            text = text.replace(fault.old, fault.new.replace(good.MARK, ""))
            expected.append(fault)
            touched.add(line)
    found = check.check(good.write(tmp_path, text))
    told = [each.code for each in found]
    missing = [f.name for f in expected if f.code not in told or not _told(found, f)]
    assert len(expected) >= 20
    assert missing == []


def _told(found: list[errors.Problem], fault: good.Fault) -> bool:
    return any(each.code == fault.code and fault.remedy in each.remedy for each in found)
