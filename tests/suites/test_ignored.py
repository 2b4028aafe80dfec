"""What stood in the window and was not made use of counts as ignored, by the primary score."""

from __future__ import annotations

from archgraph.suites import record
from archgraph.suites.running import rows

REACHED, IGNORED = record.REACHED, record.LOSSES[-1]


def test_a_wrong_answer_ignored_what_reached_the_window() -> None:
    assert rows.judged({REACHED: 2}, 0.0) == {IGNORED: 2}


def test_a_right_answer_and_an_unscored_one_leave_it_reached() -> None:
    assert rows.judged({REACHED: 2}, 1.0) == {REACHED: 2}
    assert rows.judged({REACHED: 2}, None) == {REACHED: 2}


def test_where_a_part_was_lost_before_the_rest_is_not_blamed_on_the_model() -> None:
    assert rows.judged({REACHED: 1, "evicted": 1}, 0.0) == {REACHED: 1, "evicted": 1}
