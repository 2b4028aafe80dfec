import pytest

from archgraph.suites.scoring import completion
from tests.suites import outcomes

STEPS = ["Book the flight", "Reserve a hotel", "Pack the bags"]
JOB = outcomes.case(details={"steps": STEPS, "after": [[2, 1], [1, 0]]})


def score(state=None, steps=(), reply="", of=JOB, **options):
    scorer = completion.TaskCompletion(completion.TaskCompletion.Options(**options))
    made = outcomes.outcome(reply, of, state=state or {}, steps=tuple(steps))
    return scorer.score(made, outcomes.nobody)


def tasks(*states, texts=STEPS):
    held = [{"id": f"t{n}", "content": text, "status": state}
            for n, (text, state) in enumerate(zip(texts, states, strict=False), 1)]  # fmt: skip
    return {
        "jobs": held,
        "recall": [{"id": "m1", "content": "Book the flight", "status": "active"}],
    }


def finished(*ids, ok=True):
    return [outcomes.step(("finish", id), ok=ok) for id in ids]


def test_done_steps_count_by_the_state_of_the_list():
    found = score(tasks("done", "done", "open"), finished("t1", "t2"), reply="All is done.")
    assert found.value == pytest.approx(2 / 3)
    assert found.details == {
        "source": "task list",
        "missing": ["Pack the bags"],
        "too_early": [],
        "without_result": [],
    }


def test_a_step_before_what_it_depends_on_does_not_count():
    state = tasks("done", "done", "done")
    assert score(state, finished("t1", "t2", "t3")).value == 1.0
    found = score(state, finished("t3", "t1", "t2"))
    assert found.value == pytest.approx(2 / 3)
    assert found.details["too_early"] == ["Pack the bags"]
    assert score(state, finished("t3", "t1", "t2"), order=False).value == 1.0


def test_a_step_whose_dependency_was_never_done_does_not_count():
    assert score(tasks("open", "done", "open"), finished("t2")).value == 0.0


def test_failed_calls_finish_nothing():
    steps = [*finished("t3", ok=False), *finished("t1", "t2", "t3")]
    assert score(tasks("done", "done", "done"), steps).value == 1.0


def test_one_task_is_one_step_at_most():
    whole = "Book the flight, reserve a hotel, pack the bags"
    found = score(tasks("done", texts=[whole]), finished("t1"), order=False)
    assert found.value == pytest.approx(1 / 3)


def test_a_short_word_is_no_step_and_the_nearest_text_wins():
    assert score(tasks("done", texts=["bags"]), order=False).value == 0.0
    job = outcomes.case(details={"steps": ["Write tests for the API", "Write tests"]})
    state = tasks("done", texts=["write tests"])
    found = score(state, of=job)
    assert found.value == 0.5 and found.details["missing"] == ["Write tests for the API"]


def test_without_a_list_the_reply_tells_and_its_order_counts():
    reply = "I will book the flight, reserve a hotel and pack the bags."
    found = score(reply=reply)
    assert (found.value, found.details["source"]) == (1.0, "reply")
    assert score(reply="Reserve a hotel, then book the flight.").value == pytest.approx(1 / 3)


def test_the_order_of_closing_goes_over_that_of_the_calls():
    state = tasks("done", "done", "done")
    for task, seq in zip(state["jobs"], (5, 3, 9), strict=True):
        task["finished_seq"] = seq
    assert score(state).details["too_early"] == ["Reserve a hotel"]


def test_results_asks_for_what_a_step_should_have_found():
    job = outcomes.case(details={"steps": STEPS, "results": {"0": "AB 12", "2": "two bags"}})
    state = tasks("done", "done", "done")
    state["jobs"][0]["fields"] = {"result": "The flight is AB 12."}
    state["jobs"][2]["fields"] = {"result": "done"}
    assert score(state, of=job).value == 1.0
    found = score(state, of=job, results=True)
    assert found.value == pytest.approx(2 / 3)
    assert found.details["without_result"] == ["Pack the bags"]


def test_jobs_of_the_dataset_can_be_scored():
    from archgraph import registry

    kind = registry.get("datasets", "tasks")
    [first, *_] = kind(kind.Options(jobs=1)).conversations()
    steps = first.cases[0].details["steps"]
    state = tasks(*["done"] * len(steps), texts=steps)
    for number, task in enumerate(state["jobs"]):
        task["finished_seq"] = number
    assert score(state, of=first.cases[0]).value == 1.0
    for task in state["jobs"]:
        task["finished_seq"] *= -1
    assert score(state, of=first.cases[0]).value < 1.0


def test_whole_is_all_or_nothing_and_binary():
    state = tasks("done", "done", "open")
    assert score(state, finished("t1", "t2"), whole=True).value == 0.0
    full = tasks("done", "done", "done")
    assert score(full, finished("t1", "t2", "t3"), whole=True).value == 1.0
    assert completion.TaskCompletion(completion.TaskCompletion.Options(whole=True)).binary


def test_cases_without_steps_have_no_score():
    assert score(of=outcomes.case("blue")) is None
