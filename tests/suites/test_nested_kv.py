import gzip
import json
import os
from pathlib import Path

import pytest

from archgraph import errors
from archgraph.suites.datasets import nested_kv

PAIRS = [(f"k{n}", f"v{n}") for n in range(5)]


def test_a_chain_overwrites_all_values_but_the_last():
    case = nested_kv.build(PAIRS, [3, 0, 2], "one")
    records = {item.text for item in case.history}
    assert nested_kv.RECORD.format(key="k3", value="k0") in records
    assert nested_kv.RECORD.format(key="k0", value="k2") in records
    assert nested_kv.RECORD.format(key="k2", value="v2") in records
    assert nested_kv.RECORD.format(key="k1", value="v1") in records
    assert (case.answers, case.category) == (("v2",), 2)
    assert '"k3"' in case.question
    texts = {item.id: item.text for item in case.history}
    assert ["k3" in texts[case.evidence[0]], "v2" in texts[case.evidence[2]]] == [True, True]


@pytest.mark.parametrize("keys", nested_kv.KINDS)
def test_drawn_cases_are_solvable_seeded_and_of_the_asked_depth(keys):
    suite = nested_kv.NestedKV(depths=(0, 3), orderings=4, seed=7, keys=keys)
    cases = list(suite.cases())
    assert cases == list(suite.cases())
    assert cases != list(nested_kv.NestedKV((0, 3), 4, 8, keys).cases())
    assert [case.category for case in cases] == [0] * 4 + [3] * 4
    for case in cases:
        assert len(case.history) == 140
        assert follow(case) == (case.answers[0], case.category + 1)


def test_impossible_arguments_are_refused():
    with pytest.raises(errors.UnknownName, match="uuid"):
        nested_kv.NestedKV(keys="uuids")
    with pytest.raises(errors.InputError, match="more pairs"):
        nested_kv.NestedKV(depths=(3,), pairs=3)


def test_published_files_are_read(tmp_path):
    kv, orderings = tmp_path / "kv.json", tmp_path / "orderings-2.jsonl"
    kv.write_text(json.dumps({"ordered_kv_records": PAIRS}))
    orderings.write_text("[1, 4]\n[0, 2]\n")
    cases = list(nested_kv.from_files(kv, orderings))
    assert [case.id for case in cases] == ["orderings-2-000", "orderings-2-001"]
    assert [case.answers for case in cases] == [("v4",), ("v2",)]
    orderings.write_text("[1, 99]\n")
    with pytest.raises(errors.InputError, match="ordered_kv_records"):
        list(nested_kv.from_files(kv, orderings))


def test_memgpts_own_files():
    if "ARCHGRAPH_TEST_DATA" not in os.environ:
        pytest.skip("ARCHGRAPH_TEST_DATA is not set")
    folder = Path(os.environ["ARCHGRAPH_TEST_DATA"]) / "nested_kv"
    cases = list(nested_kv.from_files(folder / "kv-140.json", folder / "orderings-4.jsonl"))
    assert len(cases) == 100
    assert all(follow(case) == (case.answers[0], 4) for case in cases)


def follow(case):
    """Solve a case the plain way: the last value, and how many look-ups that took."""
    table = dict(
        item.text.removeprefix("Key-value pair: key = ").split(", value = ")
        for item in case.history
    )
    value, hops = case.question.split('"')[1], 0
    while value in table:
        value, hops = table[value], hops + 1
    return value, hops


def dataset(**options):
    kind = nested_kv.NestedKVDataset
    return kind(kind.Options(**options))


def test_each_case_of_the_dataset_is_a_history_of_its_own():
    found = list(dataset(depths=[0, 2], orderings=3, keys="words").conversations())
    assert [each.id for each in found] == [each.cases[0].id for each in found]
    assert [each.cases[0].category for each in found] == [0] * 3 + [2] * 3
    drawn = list(nested_kv.NestedKV((0, 2), 3, keys="words").cases())
    assert [each.cases[0] for each in found] == drawn


def test_the_dataset_reads_published_files_and_tells_their_digests(tmp_path):
    kv, orderings = tmp_path / "kv.jsonl.gz", tmp_path / "orderings-2.jsonl"
    record = json.dumps({"ordered_kv_records": PAIRS})
    kv.write_bytes(gzip.compress(f"{record}\n{{}}\n".encode()))
    orderings.write_text("[3]\n[1, 4]\n[0, 2]\n")
    named = {"pairs_file": str(kv), "orderings_file": str(orderings), "unverified": True}
    data = dataset(depths=[1], orderings=1, **named)
    [found] = data.conversations()
    assert found.cases[0].answers == ("v4",)
    assert data.split == "dev"
    assert data.provenance()["verified"] is False
    assert [each["file"] for each in data.provenance()["files"]] == [
        "kv.jsonl.gz", "orderings-2.jsonl",
    ]  # fmt: skip
    with pytest.raises(errors.InputError, match="unverified: true"):
        dataset(**{**named, "unverified": False})
    with pytest.raises(errors.InputError, match="belong together"):
        dataset(pairs_file=str(kv))


def test_memgpts_own_files_are_known(test_data):
    folder = test_data / "nested_kv"
    data = dataset(
        pairs_file=str(folder / "kv-140.json"),
        orderings_file=[str(folder / f"orderings-{n}.jsonl") for n in (1, 2)],
    )
    assert data.provenance()["verified"] is True
    assert [each.cases[0].category for each in data.conversations()] == [0] * 30 + [1] * 30
