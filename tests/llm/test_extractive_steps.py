"""The offline policy on single windows: background work, text tasks, odd windows, speed."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from archgraph import clock
from archgraph.llm import base, extractive
from tests.llm import agent_world as worlds

TRANSCRIPT = """- 2023-05-08 13:56:00 Mon | Ann: I adopted a cat named Miso yesterday.
- 2023-05-08 13:56:30 Mon | assistant: Lovely! What colour is it?
- 2023-05-08 13:57:00 Mon | Ann: It is a grey tabby, and my brother Leo built it a house.
- 2023-05-08 13:57:30 Mon | Ann: How are you?"""

INSERT = worlds.schema(
    "keep", "Keep a text in long-term memory.", {"content": worlds.text("Text.")}
)
RETHINK = worlds.schema(
    "rethink_block",
    "Write a memory block anew. Everything that it held before is replaced.",
    {"store": worlds.BLOCKS, "content": worlds.text("The whole new text.")},
)
GUIDE = worlds.schema(
    "leave_guidance", "Leave a note for the other thread.", {"t": worlds.text("It.")}
)
FINISH = worlds.schema("finish", "End your work for now.", {}, False)
SEARCH = worlds.CLASSIC[3]


def ask(messages, tools=(), **options):
    request = base.Request("offline/extractive", messages, tools, **options)
    return extractive.Extractive().complete(request)


def run(messages, tools, most=10):
    """Let a background thread work until it rests or finishes; all calls succeed."""
    messages, calls = list(messages), []
    for _ in range(most):
        done = ask(messages, tools)
        if not done.tool_calls:
            return calls, done.text
        messages.append(
            {"role": "assistant", "content": "", "tool_calls": [c.wire() for c in done.tool_calls]}
        )
        for call in done.tool_calls:
            calls.append((call.name, json.loads(call.arguments)))
            content = '{"status": "OK", "message": "Done."}'
            messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
        if calls[-1][0] == "finish":
            return calls, ""
    raise AssertionError("it did not end")


def system(text):
    return {"role": "system", "content": text}


def test_a_background_thread_consolidates_leaves_a_note_and_finishes():
    window = [system(f"You tend memory.\n\n<recall>\n{TRANSCRIPT}\n</recall>")]
    calls, _ = run(window, [INSERT, GUIDE, FINISH])
    assert [name for name, _ in calls] == ["keep", "leave_guidance", "finish"]
    kept = calls[0][1]["content"]
    assert "Miso" in kept
    assert "7 May 2023" in kept
    assert "Leo" in kept
    assert "How are you" not in kept
    assert "colour" not in kept


@pytest.mark.parametrize("where", ["section", "message"])
def test_a_background_thread_that_can_only_rewrite_keeps_what_was_there(where):
    body = "<human characters='12/2000'>\nName: Ann\n</human>"
    if where == "section":
        window = [system(f"Tend it.\n{body}\n<recall>\n{TRANSCRIPT}\n</recall>")]
    else:
        window = [system(f"Tend it.\n{body}"), {"role": "user", "content": TRANSCRIPT}]
    calls, _ = run(window, [RETHINK, FINISH])
    assert [name for name, _ in calls] == ["rethink_block", "finish"]
    assert calls[0][1]["store"] == "human"
    assert calls[0][1]["content"].startswith("Name: Ann\n")
    assert "Miso" in calls[0][1]["content"]


def test_nothing_to_consolidate_is_finished_at_once():
    calls, _ = run([system("You tend memory.\n<recall>\n\n</recall>")], [INSERT, FINISH])
    assert [name for name, _ in calls] == ["finish"]


def test_without_a_reply_tool_the_answer_is_text_after_the_search():
    window = [system("Answer."), {"role": "user", "content": "Where does Ivo live?"}]
    first = ask(window, [SEARCH])
    assert [call.name for call in first.tool_calls] == ["conversation_search"]
    assert "Ivo" in json.loads(first.tool_calls[0].arguments)["query"]
    window.append({"role": "assistant", "content": "", "tool_calls": [first.tool_calls[0].wire()]})
    found = (
        "Showing 1 of 1 results (page 0/0):\n- 2024-01-01 10:00:00 Mon | user: Ivo lives in Graz."
    )
    window.append({"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": found})
    second = ask(window, [SEARCH])
    assert (second.text, second.tool_calls) == ("Graz", ())


def test_without_tools_a_question_is_answered_from_the_window():
    window = [
        system("Answer.\n<retrieved>\n- 2023-05-08 10:00:00 Mon | Ann: I sing in a choir.\n"
               "- 2023-05-09 10:00:00 Tue | Ann: My bike was stolen.\n</retrieved>"),
        {"role": "user", "content": "When was Ann's bike stolen?"},
    ]  # fmt: skip
    assert ask(window).text == "9 May 2023"
    window[-1] = {"role": "user", "content": "Who painted the ceiling?"}
    assert "no information available" in ask(window).text


def test_prose_of_the_prompt_is_no_evidence():
    prompt = "Example: the user says that the capital of Freedonia is Fredville. Save it."
    window = [system(prompt), {"role": "user", "content": "What is the capital of Freedonia?"}]
    assert "no information available" in ask(window).text


@pytest.mark.parametrize("limit", [10, 25, 60])
def test_a_summary_is_extractive_and_within_the_words_asked_for(limit):
    window = [
        system(f"Summarise the conversation below in at most {limit} words, in first person."),
        {"role": "user", "content": TRANSCRIPT},
    ]
    text = ask(window).text
    assert 0 < len(text.split()) <= limit
    words = {*TRANSCRIPT.replace(":", " ").split(), "(7", "May", "2023).", "Ann:", "assistant:"}
    assert {word.rstrip(".,") for word in text.split()} <= {word.rstrip(".,") for word in words}


def test_an_instruction_in_the_message_is_not_part_of_its_summary():
    content = f"Write a summary of this in 30 words or fewer:\n\n{TRANSCRIPT}"
    text = ask([system("You help."), {"role": "user", "content": content}]).text
    assert "Miso" in text
    assert "summary" not in text


def test_a_summary_is_recursive():
    earlier = "Summary so far: Ann works as a luthier in Cremona."
    content = f"{earlier}\n{TRANSCRIPT}"
    text = ask([system("Summarise in 80 words."), {"role": "user", "content": content}]).text
    assert "luthier" in text
    assert "Miso" in text


def test_a_summary_of_a_summary_adds_no_words():
    prompt = system("Summarise in 80 words.")
    packed = json.dumps({"type": "user_message", "message": "I am a luthier in Cremona.",
                         "name": "Ann", "time": "2023-05-08 13:56:00 Mon"})  # fmt: skip
    alert = json.dumps({"type": "system_alert", "message": "The view is almost full. Save facts."})
    text = f"user: {packed}\nuser: {alert}\nassistant: calls send_message({{}})"
    first = ask([prompt, {"role": "user", "content": f"Summary so far:\n(none)\n\n{text}"}]).text
    assert first == "Ann: I am a luthier in Cremona."
    again = ask([prompt, {"role": "user", "content": f"Summary so far:\n{first}\n\nMessages:"}])
    assert again.text == first


def test_facts_are_extracted_as_the_json_that_was_shown():
    prompt = 'Extract the facts. Answer in JSON: {"facts": ["...", "..."]}'
    found = json.loads(ask([system(prompt), {"role": "user", "content": TRANSCRIPT}]).text)
    assert list(found) == ["facts"]
    assert any("Miso" in fact for fact in found["facts"])
    assert not any("How are you" in fact for fact in found["facts"])


def test_reflection_ranking_and_rating():
    reflect = [system("Reflect on this and give at most 2 insights."),
               {"role": "user", "content": TRANSCRIPT}]  # fmt: skip
    assert 1 <= len(ask(reflect).text.splitlines()) <= 2
    items = "1. The weather was fine.\n2. Leo built a house for the cat.\n3. Bread is cheap."
    ranked = [system("Rank the items by relevance to the query."),
              {"role": "user", "content": f"Query: who built the cat house?\n{items}"}]  # fmt: skip
    assert ask(ranked).text.startswith("2")
    rate = [system("Rate the importance of this from 1 to 10. Answer with a number."),
            {"role": "user", "content": "I adopted a cat named Miso."}]  # fmt: skip
    assert 1 <= int(ask(rate).text) <= 10


def test_thoughts_and_required_arguments_are_filled():
    tool = worlds.schema(
        "lookup",
        "Find earlier notes.",
        {
            "inner_thoughts": worlds.text("Your private thoughts before you act."),
            "scope": {"type": "string", "enum": ["human", "persona"]},
            "needle": worlds.text("What to look for."),
            "k": {"type": "integer", "description": "How many.", "minimum": 1},
        },
    )
    [call] = ask(
        [system("x"), {"role": "user", "content": "Where does Ivo live?"}], [tool]
    ).tool_calls
    arguments = json.loads(call.arguments)
    assert set(arguments) == {"inner_thoughts", "scope", "needle", "k", "request_heartbeat"}
    assert arguments["request_heartbeat"] is True
    assert arguments["inner_thoughts"]
    assert arguments["k"] == 1


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": ""}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": "{not json"}],
        [{"role": "user", "content": '{"type": "heartbeat", "reason": "timer", "time": "x"}'}],
        [{"role": "user", "content": [{"type": "text", "text": "Where is Bob?"}]}],
        [{"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "gone", "arguments": "{bad"}}]},
         {"role": "tool", "tool_call_id": "1", "content": "Error: no such tool"}],
        [{"role": "tool", "tool_call_id": "9", "content": "[1, 2"}],
        [{"role": "user", "content": "?" * 5000}],
        [{"role": "user", "content": "((((" * 500 + "\u202e🙂\u0000"}],
    ],
)  # fmt: skip
@pytest.mark.parametrize("tools", [(), worlds.CLASSIC, [FINISH], [INSERT]])
def test_no_window_breaks_it(messages, tools):
    done = ask(messages, tools)
    assert done == ask(messages, tools)
    names = {tool["function"]["name"] for tool in tools}
    assert {call.name for call in done.tool_calls} <= names


def test_a_login_is_greeted_once_and_a_timer_is_ignored():
    login = {"role": "user", "content": json.dumps({"type": "login", "time": "x"})}
    first = ask([system("x"), login], worlds.CLASSIC)
    assert [call.name for call in first.tool_calls] == ["send_message"]
    said = {"role": "assistant", "content": "", "tool_calls": [first.tool_calls[0].wire()]}
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": '{"status": "OK"}'}
    timer = {"role": "user", "content": json.dumps({"type": "heartbeat", "reason": "timer"})}
    assert ask([system("x"), login, said, result, timer], worlds.CLASSIC).tool_calls == ()


@pytest.mark.parametrize("tools", [worlds.CLASSIC, [SEARCH], [FINISH, SEARCH]])
def test_where_a_call_is_required_there_is_one_that_changes_nothing(tools):
    window = [system("x"), {"role": "user", "content": '{"type": "heartbeat", "reason": "timer"}'}]
    [call] = ask(window, tools, tool_choice="required").tool_calls
    assert call.name in ("conversation_search", "finish")
    assert not json.loads(call.arguments).get("request_heartbeat")


def test_a_demand_to_call_a_tool_is_obeyed():
    window = [
        system("x"),
        {"role": "user", "content": '{"type": "user_message", "message": "Ida grows roses."}'},
        {"role": "assistant", "content": "I see."},
        {"role": "user", "content": '{"type": "system_alert", "message": "Before you end you must '
         'call: archival_memory_insert."}'},
    ]  # fmt: skip
    [call] = ask(window, worlds.CLASSIC).tool_calls
    assert call.name == "archival_memory_insert"
    assert "roses" in call.arguments


def test_every_process_decides_alike():
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.llm import agent_world as w\n"
        "world = w.World()\n"
        "world.blocks['human'] = 'Colour of Ann: blue\\nColour of Bob: red\\nColour of Eve: tan'\n"
        "world.log += [(float(n), 'Ann', f'Trip {n} to Rome with Bo') for n in range(20)]\n"
        "world.send('The colour of Ann is green. I met Bo yesterday.', 9e8)\n"
        "world.send('Who went to Rome with Ann?', 9e8)\n"
        "print(world.calls, world.replies, world.blocks)\n"
    )
    root = pathlib.Path(__file__).parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(outputs) == 1
    assert "green" in outputs.pop()


def test_the_answer_keeps_to_max_tokens_and_counts_usage():
    window = [system("Summarise in 90 words."), {"role": "user", "content": TRANSCRIPT * 3}]
    done = ask(window, max_tokens=12)
    assert done.usage.completion_tokens <= 12
    assert done.usage.prompt_tokens > 50
    assert done.finish_reason == "stop"


def test_streaming_ends_with_the_same_answer():
    request = base.Request("offline/extractive", [{"role": "user", "content": "Hi!"}])
    stream = extractive.Extractive().stream(request)
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as stop:
            done = stop.value
            break
    assert "".join(piece.text for piece in pieces) == done.text
    assert done == extractive.Extractive().complete(request)


def test_a_step_on_a_long_window_is_fast():
    window = [system("You keep memory.\n<human characters='0/2000'>\n</human>")]
    for number in range(260):
        text = f"On trip {number} we saw {number * 7} birds near the old mill and had tea there."
        packed = {"type": "user_message", "message": text, "time": clock.stamp(number * 60.0)}
        window.append({"role": "user", "content": json.dumps(packed)})
    ask([*window, {"role": "user", "content": "Where is the harbour?"}], worlds.CLASSIC)
    best = 1.0
    for number in range(5):
        question = {"role": "user", "content": f"Who sailed the boat {number}?"}
        start = clock.elapsed()
        ask([*window, question], worlds.CLASSIC)
        best = min(best, clock.elapsed() - start)
    assert best < 0.02  # 3 ms is usual; a slow, shared machine is allowed for
