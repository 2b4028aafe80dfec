"""The offline policy carries out jobs with a list of tasks, whatever its tools are called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archgraph.llm import base, extractive
from archgraph.llm import extractive_job_tools as roles
from archgraph.llm import extractive_steps as steps
from archgraph.llm import extractive_tools as tools
from archgraph.stores import base as stores
from archgraph.stores import tasks
from tests.llm.agent_world import schema, text

# Reading a job


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Please:\n1. buy milk\n2) Call Ana.\n3. Do Ana and Ben live there?",
         ("buy milk", "Call Ana", "Do Ana and Ben live there?")),
        ("To do today:\n- water the plants\n* post the letter",
         ("water the plants", "post the letter")),
        ("Can you do this: 1. Remember that Ana sails. 2. Look up where Ben is.",
         ("Remember that Ana sails", "Look up where Ben is")),
        ("Please look up where Ana lives, then write to her and then note the answer.",
         ("look up where Ana lives", "write to her", "note the answer")),
        ("First, clean the attic; after that paint it. Finally, invite Ben!",
         ("clean the attic", "paint it", "invite Ben!")),
    ],
)  # fmt: skip
def test_a_job_is_told_by_its_steps(message: str, found: tuple[str, ...]) -> None:
    assert steps.steps_in(message) == found


@pytest.mark.parametrize(
    "message",
    [
        "I went to Oslo, then to Bergen, and then home.",
        "Remember that Ana moved to Oslo.",
        "My three favourites:\n1. Oslo\n2. Lima\n3. Quito",
        "Where did Ana live then?",
        "She was 1. in the race and 2. in the final.",
        "",
    ],
)
def test_what_is_told_is_not_taken_for_a_job(message: str) -> None:
    assert steps.steps_in(message) == ()


@pytest.mark.parametrize(
    ("step", "fact"),
    [
        ("Remember that Ana sails.", "Ana sails"),
        ("note: the key is under the mat", "the key is under the mat"),
        ("Look up where Ana is", ""),
    ],
)
def test_a_step_may_ask_to_save_a_fact(step: str, fact: str) -> None:
    assert steps.fact_to_save(step) == fact


# Understanding tools


def test_the_verbs_of_the_task_store_are_understood() -> None:
    found = {}
    for name, verb in stores.verbs(tasks.Tasks).items():
        made = schema(name, verb.description, verb.parameters["properties"])
        made["function"]["parameters"]["required"] = [*verb.parameters["required"]]
        found[name] = tools.read([made]).tools[0].role
    assert found == {
        "push": roles.PUSH, "plan": roles.PLAN, "pop": roles.TAKE, "finish": roles.FINISH,
        "fail": roles.GIVE_UP, "drop": tools.OTHER, "start": tools.OTHER, "list": tools.OTHER,
        "search": tools.SEARCH,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("made", "role"),
    [
        (schema("todo_add", "", {"what": text("What to do.")}), roles.PUSH),
        (schema("next_job", "", {}), roles.TAKE),
        (schema("x", "Finish a chore.", {"id": text("Its id.")}), roles.FINISH),
        (schema("tick_off", "Close a to-do.", {"item_id": text("Which.")}), roles.FINISH),
        (schema("add_skill", "Add a way to solve tasks.", {"code": text("Text.")}), tools.WRITE),
        (schema("finish", "End your work for now.", {}), tools.FINISH),
        (schema("archive", "Store a text, for example of a task.", {"text": text("It.")}),
         tools.WRITE),
    ],
)  # fmt: skip
def test_tools_are_understood_by_their_words(made: dict[str, Any], role: str) -> None:
    assert tools.read([made]).tools[0].role == role


# Carrying one out, with a list that has neither ids nor states, as MemGPT's example had


class Queue:
    """First in, first out: what is popped is gone. Its tools have names of their own."""

    def __init__(self) -> None:
        self.held: list[str] = []
        self.calls: list[str] = []
        self.said: list[str] = []
        self.kept: list[str] = []
        self.schemas = [
            schema("say", "Send a message to the user.", {"message": text("The text.")}, False),
            schema("todo_push", "Add a to-do.", {"description": text("What to do.")}),
            schema("todo_pop", "Take the next to-do.", {}),
            schema("keep", "Keep a text in long-term memory.", {"content": text("The text.")}),
        ]

    def perform(self, name: str, given: dict[str, Any]) -> str:
        self.calls.append(name)
        if name == "todo_push":
            self.held.append(given["description"])
        elif name == "todo_pop":
            return self.held.pop(0) if self.held else "None"
        elif name == "say":
            self.said.append(given["message"])
        else:
            self.kept.append(given["content"])
        return "OK"

    def send(self, message: str, most: int = 40) -> None:
        window: list[dict[str, Any]] = [
            {"role": "system", "content": "You help."}, {"role": "user", "content": message},
        ]  # fmt: skip
        for _ in range(most):
            request = base.Request("offline/extractive", tuple(window), tuple(self.schemas))
            completion = extractive.Extractive().complete(request)
            if not completion.tool_calls:
                return
            calls = [call.wire() for call in completion.tool_calls]
            window.append({"role": "assistant", "content": None, "tool_calls": calls})
            for call in completion.tool_calls:
                told = self.perform(call.name, json.loads(call.arguments))
                window.append({"role": "tool", "tool_call_id": call.id, "content": told})
        raise AssertionError("it did not come to an end")


def test_a_plain_queue_of_texts_is_worked_off_and_the_user_is_told_once() -> None:
    queue = Queue()
    queue.send("Please remember that Ana sails, then remember that Ben dives, then wash the car.")
    assert queue.calls == [*["todo_push"] * 3, *["todo_pop", "keep"] * 2, *["todo_pop"] * 2, "say"]
    assert queue.kept == ["Ana sails", "Ben dives"] and len(queue.said) == 1


def test_seven_steps_are_pushed_in_two_steps_and_each_once() -> None:
    queue = Queue()
    queue.send("Do this:\n" + "\n".join(f"{n}. Wash car {n}" for n in range(1, 8)))
    assert queue.calls.count("todo_push") == 7 and queue.calls.count("todo_pop") == 8


def test_a_statement_is_answered_without_the_list() -> None:
    queue = Queue()
    queue.send("I moved to Oslo, then to Bergen.")
    assert not {"todo_push", "todo_pop"} & set(queue.calls) and len(queue.said) == 1
