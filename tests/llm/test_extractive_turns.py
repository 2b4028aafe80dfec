"""The offline policy in a small world with tools: whole turns, judged by what they came to."""

import json

import pytest

from archgraph import clock
from archgraph.suites.datasets import nested_kv
from tests.llm import agent_world as worlds

RENAMED = {
    "send_message": ("gamma", {"message": "p"}),
    "core_memory_append": ("x7", {"store": "which", "content": "t"}),
    "core_memory_replace": ("swap", {"store": "w", "old_content": "a", "new_content": "b"}),
    "conversation_search": ("omega", {"query": "t1", "page": "n"}),
    "archival_memory_insert": ("delta", {"content": "zz"}),
    "archival_memory_search": ("sigma", {"query": "s", "page": "m"}),
}


def renamed_tools():
    """The classic tools with every tool and every parameter under a name that says nothing."""
    found = []
    for tool in worlds.CLASSIC:
        function = tool["function"]
        name, parameters = RENAMED[function["name"]]
        properties = {
            parameters.get(key, key): value
            for key, value in function["parameters"]["properties"].items()
            if key != "request_heartbeat"
        }
        beats = function["name"] != "send_message"
        found.append(worlds.schema(name, function["description"], properties, beats))
    return found


@pytest.mark.parametrize("names", ["classic", "renamed"])
@pytest.mark.parametrize("keys", nested_kv.KINDS)
@pytest.mark.parametrize("store", ["log", "archive"])
def test_nested_keys_are_followed_by_searching(names, keys, store):
    for case in nested_kv.NestedKV((0, 1, 2, 3), 2, 5, keys).cases():
        tools = renamed_tools() if names == "renamed" else list(worlds.CLASSIC)
        world = worlds.World(tools)
        getattr(world, store).extend((0.0, "user", item.text) for item in case.history)
        assert world.send(case.question) == case.answers[0]
        searches = len(world.calls) - 1
        # one a value, one to see that the last is no key, one more where the first store is empty
        assert searches <= case.category + 2 + (store == "archive")


@pytest.mark.parametrize("keys", nested_kv.KINDS)
def test_nested_keys_that_were_told_are_saved_and_found(keys):
    [case] = nested_kv.NestedKV((2,), 1, 1, keys, 20).cases()
    world = worlds.World()
    for item in case.history:
        assert world.send(item.text) == "I'll remember that."
        del world.window[:-4]
    kept = world.blocks["human"] + str(world.archive)
    assert all(item.text in kept for item in case.history)
    assert len(world.blocks["human"]) <= world.limit
    assert world.archive
    world.window.clear()
    world.log.clear()
    assert world.send(case.question) == case.answers[0]


def test_without_heartbeats_a_search_gets_no_answer():
    [case] = nested_kv.NestedKV((1,), 1, 1).cases()
    world = worlds.World(heartbeats=False)
    world.log.extend((0.0, "user", item.text) for item in case.history)
    assert world.send(case.question) is None


def test_a_value_is_not_followed_unless_it_may_be_a_reference():
    world = worlds.World()
    world.archive += [(0.0, "memory", "colour = teal"), (0.0, "memory", "teal = a duck")]
    assert world.send("What is the value of the key colour?") == "teal"
    assert world.send(
        "What is the value of the key colour, and if it is itself a key, of that?"
    ) == ("a duck")


def test_a_reference_that_leads_back_ends():
    world = worlds.World()
    world.log += [(0.0, "user", "a1-b2-c3 = d4-e5-f6"), (0.0, "user", "d4-e5-f6 = a1-b2-c3")]
    assert world.send("What is the value of the key a1-b2-c3?") == "d4-e5-f6"


def test_nothing_found_is_admitted_after_bounded_searches():
    world = worlds.World()
    for question in ('What is the value of the key "zinc hill"?', "Where does Bob live?"):
        world.calls.clear()
        answer = world.send(question)
        assert "no information available" in answer
        assert 2 <= len(world.calls) - 1 <= 8
        made = [json.dumps(call) for call in world.calls]
        assert len(set(made)) == len(made)


def test_results_are_paged_through_until_the_answer_is_there():
    world = worlds.World()
    world.log += [
        (0.0, "user", f"Key-value pair: key = k{n}, value = blue moon") for n in range(12)
    ]
    world.log.append((0.0, "user", "Key-value pair: key = blue moon, value = found it"))
    answer = world.send('What is the value stored under the key "blue moon"?')
    assert answer == "found it"
    pages = [call[1].get("page", 0) for call in world.calls if call[0] == "conversation_search"]
    assert pages == [0, 1, 2]


def test_the_newer_of_two_values_wins():
    world = worlds.World()
    world.log += [
        (clock.parse_moment("2024-03-02"), "user", "door code = 9876"),
        (clock.parse_moment("2024-03-01"), "user", "door code = 1234"),
    ]
    assert world.send("What is the value of the door code?") == "9876"


@pytest.mark.parametrize(
    ("told", "asked", "answer"),
    [
        ("My dog is called Rex.", "What is my dog called?", "Rex"),
        ("My name is Zoë Ångström.", "What is my name?", "Zoë Ångström"),
        ("I went to Lisbon yesterday.", "When did I go to Lisbon?", "7 May 2023"),
        ("I painted a lake last year.", "When did I paint a lake?", "2022"),
        ("We moved to Oslo last week.", "When did we move to Oslo?", "the week before 8 May 2023"),
        ("I have 3 cats at home.", "How many cats do I have?", "3"),
        ("会議の鍵 = 東京", "What is the value of the key 会議の鍵?", "東京"),
    ],
)
def test_told_facts_are_answered_from_the_window(told, asked, answer):
    world = worlds.World()
    at = clock.parse_moment("2023-05-08T13:56")
    world.send(told, at)
    world.calls.clear()
    assert world.send(asked, at + 86400) == answer
    assert len(world.calls) <= 3


@pytest.mark.parametrize(("asked", "answer"), [("When did Ann go to Lisbon?", "7 May 2023")])
def test_an_evicted_fact_is_found_by_search(asked, answer):
    world = worlds.World()
    world.send("I went to Lisbon yesterday.", clock.parse_moment("2023-05-08"), "Ann")
    for number in range(9):
        world.log.append((1.0, "Bob", f"Remark number {number} about the weather."))
    world.window.clear()
    world.blocks["human"] = ""
    assert world.send(asked, clock.parse_moment("2024-01-01")) == answer
    assert [name for name, _ in world.calls if "search" in name]


def test_a_statement_is_saved_once_and_answered_shortly():
    world = worlds.World()
    assert world.send("I play the cello in an orchestra.") == "I'll remember that."
    assert [name for name, _ in world.calls] == ["core_memory_append", "send_message"]
    assert "cello" in world.blocks["human"]
    assert world.blocks["persona"] == "I am Sam."
    world.calls.clear()
    world.send("I play the cello in an orchestra.")
    assert [name for name, _ in world.calls] == ["send_message"]


def test_a_changed_fact_replaces_the_line_that_it_supersedes():
    world = worlds.World()
    world.blocks["human"] = "Favourite colour of Ann: blue\nLikes dogs"
    world.send("The favourite colour of Ann is green.")
    assert "blue" not in world.blocks["human"]
    assert "green" in world.blocks["human"]
    assert "Likes dogs" in world.blocks["human"]


def test_small_talk_is_neither_saved_nor_searched():
    world = worlds.World()
    world.send("Hi! How are you?")
    assert [name for name, _ in world.calls] == ["send_message"]


def test_a_full_block_error_moves_the_fact_to_another_tool():
    world = worlds.World(limit=30)
    world.system = lambda: {"role": "system", "content": "Memory is not shown to you."}
    world.send("My sister Eva studies marine biology in Bergen.")
    names = [name for name, _ in world.calls]
    assert names[0] == "core_memory_append"
    assert "archival_memory_insert" in names[1:]
    assert "Bergen" in world.archive[0][2]
    assert names.count("send_message") == 1


def test_a_meter_that_shows_no_room_spares_the_error():
    world = worlds.World(limit=30)
    world.blocks["human"] = "x" * 28
    world.blocks["persona"] = "y" * 28
    world.send("My sister Eva studies marine biology in Bergen.")
    assert [name for name, _ in world.calls] == ["archival_memory_insert", "send_message"]


def test_pressure_saves_what_was_told_and_does_not_disturb_the_user():
    world = worlds.World()
    say = json.dumps({"type": "user_message", "message": "I keep bees in Kent.", "time": "x"})
    world.window.append({"role": "user", "content": say})
    world.window.append({"role": "assistant", "content": ""})
    call = {"id": "1", "type": "function", "function": {"name": "send_message", "arguments": "{}"}}
    world.window[-1]["tool_calls"] = [call]
    world.window.append({"role": "tool", "tool_call_id": "1", "content": '{"status": "OK"}'})
    alert = "The context window will soon be full. Save what matters."
    packed = json.dumps({"type": "system_alert", "message": alert, "time": "x"})
    assert world.turn({"role": "user", "content": packed}) is None
    assert "bees" in world.blocks["human"]
    assert world.calls
    assert all(name != "send_message" for name, _ in world.calls)


def test_pressure_within_a_turn_is_handled_before_the_answer():
    world = worlds.World()
    world.log.append((0.0, "user", "The gate code is 4711."))
    alert = {"type": "system_alert", "message": "Memory pressure: trimming soon.", "time": "x"}
    world.window.append({"role": "user", "content": user("My aunt Ida grows roses.")})
    world.window.append({"role": "assistant", "content": "I see."})
    world.window.append({"role": "user", "content": user("What is the gate code?")})
    answer = world.turn({"role": "user", "content": json.dumps(alert)})
    assert answer == "4711"
    assert "roses" in world.blocks["human"]


def user(message):
    return json.dumps({"type": "user_message", "message": message, "time": "2024-01-01 10:00:00"})


def test_half_a_value_is_not_taken_for_one():
    world = worlds.World()
    world.blocks["human"] = "Key-value pair: key = 1a-2b-3c, value = 9f-8e …"
    world.log.append((0.0, "user", "Key-value pair: key = 1a-2b-3c, value = 9f-8e-7d"))
    assert world.send('What is the value stored under the key "1a-2b-3c"?') == "9f-8e-7d"


def test_a_question_that_is_evicted_in_mid_turn_is_recalled_from_the_own_thoughts():
    thought = {"inner_thoughts": worlds.text("Your private thoughts.")}
    search = worlds.schema("find", "Search earlier messages.", {**thought, "q": worlds.text("It.")})
    world = worlds.World([worlds.CLASSIC[0], search], {"send_message": "reply", "find": "recall"})
    world.perform_once = world.perform
    question = 'What is the value of the key "a1-b2"? If it is itself a key, look that up in turn.'
    pairs = [("a1-b2", "c3-d4"), ("c3-d4", "e5-f6")]
    world.log += [(0.0, "user", f"Key-value pair: key = {k}, value = {v}") for k, v in pairs]
    world.perform = lambda role, values, at: evicting(world, question, role, values, at)
    assert world.send(question) == "e5-f6"


def evicting(world, question, role, values, at):
    """Do a call, and lose the user's message as an eviction would."""
    world.window[:] = [m for m in world.window if m["role"] != "user"]
    texts = [value for value in values if isinstance(value, str)]
    return world.perform_once(role, [texts[-1]], at)


def test_a_value_in_prose_ends_where_the_next_clause_begins() -> None:
    from archgraph.llm import extractive_lookup

    told = "My name is Nadia and I keep bees."
    assert extractive_lookup.value_of("name", told, True) == "Nadia"
    listed = "The key is salt and pepper"
    assert extractive_lookup.value_of("key", listed, True) == "salt and pepper"
