"""`tasks`: who comes next, what waits, what closing one means for the others."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph import errors, testing
from archgraph.storage import database, rewind
from archgraph.stores import agenda, base, tasks
from tests.stores import shop


class TestTasks(testing.StoreContract):
    store_type = tasks.Tasks

    def write(self, store: Any, i: int) -> None:
        store.push(self.text(i))


class TestSmallTasks(TestTasks):
    options: ClassVar[dict[str, Any]] = {"capacity": 40, "cap": 80, "show": 2, "page_size": 3}


class List:
    """A task list whose every verb is a commit of its own; keeps the events."""

    def __init__(self, db: database.Database | None = None, **options: Any) -> None:
        self.db = db or shop.database_at()
        self.events: list[str] = []
        context = base.Context(
            self.db,
            testing.count_tokens,
            shop.Counting,
            lambda name: pytest.fail(f"asked for {name}"),
            emit=lambda store, event, payload: self.events.append(event),
        )
        self.store = tasks.Tasks("tasks", tasks.Tasks.Options.model_validate(options), context)

    def __getattr__(self, verb: str) -> Any:
        def call(*given: Any, **named: Any) -> str:
            with self.db.transaction():
                return str(getattr(self.store, verb)(*given, **named))

        return call

    def refuses(self, verb: str, *given: Any, **named: Any) -> str:
        before = self.state()
        with pytest.raises(errors.ToolError) as told:
            getattr(self, verb)(*given, **named)
        assert self.state() == before, "a refused call changes nothing"
        return str(told.value)

    def state(self) -> dict[str, str]:
        return {record.id: record.status for record in self.store.records.select(order="id")}

    def measures(self, *names: str) -> list[float]:
        return [self.store.measure(name) for name in names]


def taken(text: str) -> str:
    """The id of the task that was popped."""
    return text.removeprefix("Task ").partition(":")[0]


def listed(*texts: str, **options: Any) -> List:
    made = List(**options)
    for text in texts:
        made.push(text)
    return made


# Who comes next


def test_the_next_task_is_that_of_highest_priority_then_due_then_order() -> None:
    made = List()
    made.push("plain")
    made.push("late", due="2023-12-24")
    made.push("soon", due="2023-12-01 08:00")
    made.push("urgent", priority=2)
    made.push("plain too")
    assert [taken(made.pop()) for _ in range(5)] == ["t4", "t3", "t2", "t1", "t5"]


def test_a_popped_task_is_doing_and_is_not_popped_again() -> None:
    made = listed("a")
    assert made.pop().startswith("Task t1: a")
    assert made.measures("doing", "ready", "open") == [1, 0, 1]
    assert made.pop() == "No task is ready: t1 is being worked on; finish or fail what you began."


def test_an_empty_list_says_so_and_so_does_one_that_is_done() -> None:
    made = List()
    assert made.pop() == "No task is left: the list is empty."
    made.plan(["a", "b", "c"])
    made.finish("t1", "fine")
    made.drop("t2")
    assert made.fail("t3", "no paint") == (
        "Failed t3. No task is left: 1 done, 1 failed, 1 dropped."
    )
    assert made.measures("open", "done", "failed", "dropped") == [0, 1, 1, 1]


def test_a_task_waits_until_what_it_comes_after_is_done_and_is_told_the_result() -> None:
    made = listed("boil water")
    assert made.push("brew tea", after=["t1"]) == "Pushed t2. It waits for t1."
    assert made.measures("ready", "blocked", "open") == [1, 1, 2]
    made.pop()
    assert "being worked on" in made.pop()
    assert made.finish("t1", "at 96 degrees") == "Finished t1. 1 left."
    assert made.pop() == ("Task t2: brew tea\nCame before: [t1] (done) boil water -> at 96 degrees")


def test_start_takes_up_a_certain_task_unless_it_is_blocked() -> None:
    made = listed("a", "b")
    made.push("c", after=["t1"])
    assert made.start("t2").startswith("Task t2: b")
    assert made.refuses("start", "t3") == "t3 is blocked: it waits for t1"
    assert made.refuses("start", "t2") == "t2 is doing already"
    assert made.start() == "Task t1: a", "without an id, the next one"


def test_ids_count_on_and_are_never_given_twice_not_even_in_a_fork() -> None:
    made = listed("a", "b")
    made.drop("t2")
    assert made.push("c") == "Pushed t3."
    version = made.db.version
    made.push("d")
    other = List(database.copy(made.db, ":memory:"))
    other.db.clock = made.db.clock
    assert other.push("e") == "Pushed t5."
    rewind.rewind(other.db, version)
    assert List(other.db).push("f") == "Pushed t4.", "the fork never knew the first t4"
    assert made.push("g") == "Pushed t5."


# Parts


def test_a_task_comes_after_its_parts_and_is_told_what_came_of_them() -> None:
    made = listed("dinner")
    made.plan(["cook", "lay the table"], parent="t1")
    assert made.pop() == "Task t2: cook\nIt is a part of: [t1] dinner"
    assert made.refuses("finish", "t1") == "t1 cannot be finished: it waits for t2 and t3"
    made.finish("t2", "risotto")
    made.fail("t3", "no table")
    told = made.pop()
    assert told.startswith("Task t1: dinner")
    assert "[t2] (done, part of t1) cook -> risotto" in told
    assert "[t3] (failed, part of t1) lay the table -> no table" in told
    made.finish("t1")


def test_a_task_can_be_split_while_it_is_being_done() -> None:
    made = listed("move house")
    made.pop()
    made.push("pack", parent="t1")
    assert taken(made.pop()) == "t2"
    made.finish("t2")
    assert "t1 is being worked on" in made.pop()
    assert made.finish("t1") == "Finished t1. No task is left: 2 done."


@pytest.mark.parametrize("closing", ["fail", "drop"])
def test_giving_up_a_task_drops_its_open_parts(closing: str) -> None:
    made = listed("trip")
    made.push("book", parent="t1")
    made.push("pack", parent="t1")
    made.push("find bag", parent="t3")
    made.finish("t2")
    getattr(made, closing)("t1", "no money")
    state = {"fail": "failed", "drop": "dropped"}[closing]
    assert made.state() == {"t1": state, "t2": "done", "t3": "dropped", "t4": "dropped"}
    assert made.refuses("push", "tickets", parent="t1").startswith(f"t1 is {state} already")


# Failing, dropping, circles


def test_failing_leaves_dependents_stuck_until_it_is_started_again() -> None:
    made = listed("find paint")
    made.push("paint wall", after=["t1"])
    made.push("hang picture", after=["t2"])
    told = made.fail("t1", "shop closed")
    assert told == (
        "Failed t1. Blocked until it is started again: t2. No task is ready: all 2 open tasks "
        "are blocked (t2 waits for t1; t3 waits for t2)."
    )
    assert made.measures("open", "stuck", "blocked") == [0, 2, 2], "nothing can be worked on"
    assert made.refuses("push", "varnish", after=["t1"]) == (
        "t1 is failed, so nothing can come after it"
    )
    made.start("t1")
    assert made.measures("open", "stuck") == [3, 0]
    made.finish("t1", "blue")
    assert taken(made.pop()) == "t2"


def test_a_task_that_others_come_after_is_not_dropped_from_under_them() -> None:
    made = listed("a")
    made.push("b", after=["t1"])
    assert made.refuses("drop", "t1") == "t1 is not dropped: t2 come after it; drop those first"
    made.drop("t2")
    made.drop("t1")
    assert made.measures("open", "dropped") == [0, 2]


def test_nothing_can_be_made_to_wait_for_itself() -> None:
    made = listed("house")
    assert "a circle" in made.refuses("push", "roof", parent="t1", after=["t1"])
    made.push("garden", after=["t1"])
    made.push("walls", parent="t1")
    assert "a circle" in made.refuses("push", "bricks", parent="t3", after=["t2"])
    made.push("bricks", parent="t3")
    assert made.measures("stuck") == [0]


def test_a_failed_task_is_not_taken_up_before_what_it_comes_after_is_done() -> None:
    made = listed("a")
    made.push("b", after=["t1"])
    made.fail("t2", "cannot")
    assert made.refuses("start", "t2") == "t2 is blocked: it waits for t1"


@pytest.mark.parametrize("verb", ["finish", "drop", "start"])
def test_what_is_done_stays_done(verb: str) -> None:
    made = listed("a")
    made.finish("t1", "x")
    assert made.refuses(verb, "t1") == "t1 is done already"


# Limits, dates, lists


def test_limits_are_told_with_numbers_and_keep_the_list_as_it_was() -> None:
    made = listed("a", capacity=2, limit=10)
    assert "has 11 characters and may have 10" in made.refuses("push", "x" * 11)
    assert "full: 1 of at most 2" not in made.push("b")
    assert "full: 2 of at most 2 tasks are open" in made.refuses("plan", ["c"])
    made.finish("t1")
    assert "full" in made.refuses("plan", ["c", "d"]), "all of a plan or nothing"
    assert made.push("c") == "Pushed t3.", "closed tasks do not count"
    assert "has 11 characters" in made.refuses("finish", "t3", "y" * 11)
    assert "has no task 'nine'" in made.refuses("start", "nine")
    assert "empty" in made.refuses("push", " ")
    assert "half a character" in made.refuses("push", "\ud83d")


def test_due_times_are_read_and_told_and_a_day_ends_at_its_end() -> None:
    made = listed()
    made.push("today", due="2023-11-14")
    made.push("this evening", due="2023-11-14 22:13")
    assert made.measures("overdue") == [1], "it is 22:13:20"
    assert "due 2023-11-14 22:13:00 Tue, overdue" in made.list()
    made.db.clock.sleep(2 * 3600)
    assert made.measures("overdue") == [2]
    made.finish("t1")
    assert made.measures("overdue") == [1]
    assert "YYYY-MM-DD" in made.refuses("push", "x", due="next Tuesday")


def test_lists_are_paged_with_true_totals() -> None:
    made = listed(*(f"thing {n}" for n in range(12)), page_size=5)
    made.finish("t1", "found a coin")
    made.fail("t2", "too dark")
    made.push("last", after=["t3"])
    made.pop()
    assert made.list().startswith("Showing 5 of 11 results (page 0/2; ask for page 1")
    assert made.list("open", 2) == (
        "Showing 1 of 11 results (page 2/2):\n- [t13] (waits for t3) last"
    )
    assert made.list("doing").endswith("- [t3] (doing) thing 2")
    assert made.list("failed").endswith("- [t2] (failed) thing 1 -> too dark")
    assert made.list("all", 2).splitlines()[1:] == [
        "- [t11] thing 10", "- [t12] thing 11", "- [t13] (waits for t3) last",
    ]  # fmt: skip
    assert made.list("dropped") == "No results found."
    assert "pages run from 0 to 2" in made.refuses("list", "open", 3)


def test_search_finds_tasks_by_what_came_of_them_as_they_are_now() -> None:
    made = listed("visit the museum", "buy bread")
    made.finish("t1", "saw a Vermeer")
    assert made.search("vermeer").endswith("- [t1] (done) visit the museum -> saw a Vermeer")
    assert made.search("museum").startswith("Showing 1 of 1"), "former versions are not found"
    assert made.search("skis") == "No results found."


# The window and events


def test_a_window_shows_what_is_doing_what_is_next_and_what_was_closed_last() -> None:
    made = listed(*"abcdefgh", show=3)
    made.finish("t1", "A")
    made.pop()
    assert made.store.render(base.View()) == (
        '<tasks doing="1" ready="6" blocked="0" done="1">\n'
        "Doing:\n- [t2] (doing) b\n"
        "Next:\n- [t3] c\n- [t4] d\n- [t5] e\n"
        "Closed last:\n- [t1] (done) a -> A\n"
        "</tasks>"
    )


def test_what_does_not_fit_a_window_is_cut_with_a_mark() -> None:
    made = listed(*(f"{n} {'word ' * 30}" for n in range(9)), cap=100)
    for cap in (0, 40, 60, 90):
        text = made.store.render(base.View(cap=cap))
        assert testing.count_tokens(text) <= (cap or 100) and "[cut" in text
    counts = '<tasks doing="0" ready="9" blocked="0" done="0">'
    assert made.store.render(base.View(cap=20)) == counts, "no room for more"


def test_events_tell_what_happened() -> None:
    made = listed("a", "b")
    made.push("c", after=["t1"])
    made.events.clear()
    made.finish("t2")
    assert made.events == ["write", "done"]
    made.fail("t1", "no")
    assert made.events[2:] == ["write", "failed", "empty"], "c is stuck, so no work is left"
    made.drop("t3")
    assert made.events[5:] == ["write"], "it was empty before"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["push", "pop", "finish", "fail", "drop", "start"]), st.integers(1, 9)
    ),
    max_size=25,
)


@given(STEPS)
def test_whatever_is_called_the_list_can_always_be_brought_to_its_end(steps: list[Any]) -> None:
    made = List()
    for verb, n in steps:
        id, known = f"t{n}", len(made.state())
        given: dict[str, list[Any]] = {
            "push": [f"task {known}", n % 3, id if n < known else "", [f"t{n - 1}"] * (n % 2)],
            "pop": [], "fail": [id, "why"],
        }  # fmt: skip
        try:
            getattr(made, verb)(*given.get(verb, [id]))
        except errors.ToolError:
            continue
    for _ in range(100):
        now = made.store.outlook()
        assert set(now.waiting) == {t.id for t in now.tasks.values() if t.alive}
        if not now.workable():
            break
        made.pop()
        doing = [t for t in made.store.outlook().doing() if not made.store.outlook().waiting[t.id]]
        assert doing, "while `open` is not 0, there is something to do"
        made.finish(doing[0].id)
    assert made.store.measure("open") == 0
    assert {t.id for t in now.tasks.values() if t.alive} == now.stuck
    assert all(s in agenda.STATES for s in made.state().values())
