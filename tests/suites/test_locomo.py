import json
import os
from pathlib import Path

import pytest

from archgraph import clock, errors
from archgraph.suites.datasets import locomo

CONVERSATION = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ann",
        "speaker_b": "Bob",
        "session_2_date_time": "10:37 am on 27 June, 2023",
        "session_2": [{"speaker": "Bob", "dia_id": "D2:1", "text": "Hello"}],
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": "D1:1", "text": "Hi"},
            {
                "speaker": "Bob",
                "dia_id": "D1:2",
                "text": "Look!",
                "blip_caption": "a photo of a dog",
                "query": "LEAK",
            },
        ],
        "session_3_date_time": "11:01 am on 28 June, 2023",
    },
    "observation": {"session_1_observation": "LEAK"},
    "qa": [
        {"question": "Who?", "answer": 2022, "evidence": ["D1:1; D02:1"], "category": 2},
        {"question": "Why?", "answer": "x", "evidence": ["D:1:2", "D", "D9:9"], "category": 1},
        {"question": "?", "adversarial_answer": "y", "evidence": ["D1:2"], "category": 5},
        {"question": "Yes?", "answer": "no", "category": 3},
    ],
}


@pytest.fixture
def loaded(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([CONVERSATION]))
    return locomo.load(path)


def test_sessions_are_in_order_and_turns_are_whole(loaded):
    [conversation] = loaded.conversations
    assert [item.id for item in conversation.items] == ["D1:1", "D1:2", "D2:1"]
    assert conversation.items[1].text == "Look! [shares a photo of a dog]"
    assert conversation.items[1].name == "Bob"
    assert clock.stamp(conversation.items[0].at) == "2023-05-08 13:56:00 Mon"
    assert conversation.items[0].at < conversation.items[1].at < conversation.items[2].at
    assert "LEAK" not in repr(conversation)


def test_cases_share_the_history_and_keep_integer_categories(loaded):
    [conversation] = loaded.conversations
    assert all(case.history is conversation.items for case in conversation.cases)
    assert [case.category for case in loaded.cases()] == [2, 1, 5, 3]
    assert [case.answers for case in loaded.cases()] == [("2022",), ("x",), (), ("no",)]
    assert {case.cluster for case in loaded.cases()} == {"conv-1"}


def test_evidence_is_repaired_or_dropped_and_counted(loaded):
    evidence = [case.evidence for case in loaded.cases()]
    assert evidence == [("D1:1", "D2:1"), ("D1:2",), ("D1:2",), ()]
    assert (loaded.repaired, loaded.dropped) == (2, 2)


def test_another_shape_is_the_users_fault(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}')
    with pytest.raises(errors.InputError, match="locomo"):
        locomo.load(path)
    with pytest.raises(errors.InputError, match="locomo"):
        locomo.load(tmp_path / "none.json")


def test_the_published_conversations():
    if "ARCHGRAPH_TEST_DATA" not in os.environ:
        pytest.skip("ARCHGRAPH_TEST_DATA is not set")
    path = Path(os.environ["ARCHGRAPH_TEST_DATA"]) / "locomo" / "locomo-dev.json"
    data = locomo.load(path)
    sizes = {c.id: (len(c.items), len(c.cases)) for c in data.conversations}
    assert sizes["conv-26"] == (419, 199)
    assert sizes["conv-43"] == (680, 242)
    # of these five: 'D8:6; D9:17' and 'D:11:26' can be read; 'D' and 'D10:19' cannot
    assert (data.repaired, data.dropped) == (2, 2)
    assert len(data.sha256) == 64


def dataset(path, **options):
    kind = locomo.LoCoMoDataset
    return kind(kind.Options(path=str(path), **{"unverified": True, **options}))


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.json"
    rows = [{**CONVERSATION, "sample_id": f"conv-{n}"} for n in (26, 44)]
    path.write_text(json.dumps(rows))
    return path


def test_category_5_is_asked_in_two_forms(mine):
    [open_form, _] = [c for each in dataset(mine).conversations() for c in each.cases
                      if c.category == 5]  # fmt: skip
    assert (open_form.question, open_form.answers, open_form.rejected) == ("?", (), ("y",))
    rights = set()
    for seed in range(8):
        for each in dataset(mine, adversarial="choice", seed=seed).conversations():
            [one] = [c for c in each.cases if c.category == 5]
            choices, right = one.details["choices"], one.details["right"]
            assert choices[right] == "Not mentioned in the conversation"
            assert set(choices.values()) == {choices[right], "y"}
            assert one.question == (
                f"? Select the correct answer: (a) {choices['a']} (b) {choices['b']}. "
            )
            rights.add(right)
    assert rights == {"a", "b"}
    again = [list(dataset(mine, adversarial="choice", seed=3).conversations()) for _ in range(2)]
    assert again[0] == again[1]


def test_a_bait_with_an_answer_beside_it_is_asked_as_the_authors_code_does(tmp_path):
    both = {"question": "?", "answer": "No", "adversarial_answer": "Yes", "category": 5}
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{**CONVERSATION, "qa": [both]}]))
    [found] = dataset(path, adversarial="choice").conversations()
    assert set(found.cases[0].details["choices"].values()) == {locomo.NOT_MENTIONED, "No"}


def test_dates_are_asked_for_as_the_authors_code_does(mine):
    def asked(**options):
        [found, _] = dataset(mine, **options).conversations()
        return {one.category: one.question for one in found.cases}

    assert asked()[2] == "Who? Use DATE of CONVERSATION to answer with an approximate date."
    assert asked(date_hint=False)[2] == "Who?"
    assert asked()[1] == "Why?"


def test_the_split_tells_which_conversations_were_looked_at(mine):
    assert dataset(mine).split == "dev (1), held out (1)"
    assert dataset(mine, conversations=1).split == "dev"
    told = dataset(mine).provenance()
    assert (told["dev"], told["held_out"]) == (["conv-26"], ["conv-44"])
    assert (told["references_repaired"], told["references_dropped"]) == (4, 4)
    assert told["verified"] is False
    with pytest.raises(errors.InputError, match="snap-research/locomo"):
        dataset(mine, unverified=False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"qa": [{"question": "?", "category": 4}]},
            r"\[0\]: qa\[0\]: a question of category 4 ne",
        ),
        ({"qa": [{"question": "?", "category": 6, "answer": "x"}]}, r"qa\[0\].category"),
        ({"conversation": {"session_1": []}}, "session_1_date_time must be like"),
        (
            {"conversation": {"session_1_date_time": "1:56 pm on 8 May, 2023", "session_1": [{}]}},
            r"session_1\[0\]: speaker: field required",
        ),
        ({"sample_id": 3}, "sample_id: input should be a valid string"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, told):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{**CONVERSATION, **change}]))
    with pytest.raises(errors.InputError, match=told):
        locomo.load(path)


def test_the_development_file_is_known(test_data):
    data = dataset(test_data / "locomo" / "locomo-dev.json", unverified=False)
    assert data.split == "dev"
    assert data.provenance()["published as"] == "dev: conversations 26, 30, 41, 42, 43"
    assert sum(len(each.cases) for each in data.conversations()) == 999
