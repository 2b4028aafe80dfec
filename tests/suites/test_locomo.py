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
