import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph import clock, errors
from archgraph.suites import findings, plan, results, search, space
from archgraph.suites.datasets import case as cases

PARAMS = {"limit": 1000, "mode": "near", "rate": 0.5}
NODES = ("archival", "recall", "pause")


def made(written=None, remove=NODES):
    written = {"limit": [500, 2000], "mode": ["far"]} if written is None else written
    return space.made(written, PARAMS, remove, NODES)


class Arms:
    """A synthetic objective: `truth` gives an arm's real score, `noise` what luck adds on a case.

    The noise of a case depends on the arm and the case alone, as a model's luck does.
    """

    def __init__(self, truth, noise=0.0, clusters=30, calls=0, world=0):
        self.truth, self.noise, self.calls, self.world = truth, noise, calls, world
        self.clusters, self.asked = clusters, []

    def __call__(self, overrides, half):
        self.asked.append((overrides, half))
        scores, clusters = {}, {}
        for n in range(self.clusters):
            name = f"{half}{n}"
            dice = clock.derive_random(hash_of((*overrides, name)), self.world, 0)
            luck = self.noise * dice.uniform(-1, 1)
            scores[name] = min(1.0, max(0.0, self.truth(overrides) + luck))
            clusters[name] = name
        return search.Scores(scores, clusters, self.calls)


def hash_of(parts):
    return sum(ord(letter) * 131**n for n, letter in enumerate("|".join(parts))) % (2**48)


# The space


def test_a_space_has_the_defaults_in_their_places():
    found = made()
    assert found.choices == {"limit": (500, 1000, 2000), "mode": ("near", "far")}
    assert space.overrides(found, space.start(found)) == ()
    far = space.Candidate((0, 1), frozenset({"recall", "archival"}))
    assert space.overrides(found, far) == (
        "limit=500", "mode=far", "archival=null", "recall=null",
    )  # fmt: skip


def test_ranges_are_evenly_spaced_and_whole_where_their_ends_are():
    params = {"a": 10, "b": 0.5, "c": 100}
    found = space.made(
        {"a": {"low": 0, "high": 20}, "b": {"low": 0.0, "high": 1.0, "steps": 3},
         "c": {"low": 1, "high": 100, "steps": 3, "scale": "log"}}, params)  # fmt: skip
    assert found.choices == {"a": (0, 5, 10, 15, 20), "b": (0.0, 0.5, 1.0), "c": (1, 10, 100)}


@pytest.mark.parametrize(
    ("written", "remove", "told"),
    [
        ({"limt": [1]}, (), 'did you mean "limit"'),
        ({"limit": []}, (), "give a list"),
        ({"limit": 3}, (), "give a list"),
        ({"limit": {"low": 3}}, (), "numbers low and high"),
        ({"limit": {"low": 3, "high": 1}}, (), "low < high"),
        ({"limit": {"low": 0, "high": 1, "scale": "log"}}, (), "low > 0"),
        ({"limit": {"low": 0, "high": 1, "size": 3}}, (), "no key 'size'"),
        ({}, ("archivl",), 'did you mean "archival"'),
        ({}, (), "nothing to search"),
        ({"limit": [1000]}, (), "nothing to search"),
    ],
)
def test_a_space_that_makes_no_sense_is_told(written, remove, told):
    with pytest.raises(errors.InputError, match=told):
        made(written, remove)


def test_a_space_is_read_from_arguments():
    found = space.written(["limit=500,2000", "mode=far,near", "rate=0.25..0.75", "limits=[1, 2],3"])
    assert found == {
        "limit": [500, 2000], "mode": ["far", "near"], "rate": {"low": 0.25, "high": 0.75},
        "limits": [[1, 2], 3],
    }  # fmt: skip
    for wrong in ("limit", "=3", "limit={"):
        with pytest.raises(errors.InputError, match=r"limit|write NAME"):
            space.written([wrong])


@given(st.integers(0, 5), st.integers(0, 5))
def test_neighbours_are_one_step_away_and_go_both_ways(version, ordinal):
    found = made()
    here = space.draw(found, 1, version, ordinal)
    around = space.neighbours(found, here)
    assert len(set(around)) == len(around) and here not in around
    for each in around:
        steps = sum(abs(a - b) for a, b in zip(here.places, each.places, strict=True))
        assert steps + len(here.without ^ each.without) == 1
        assert here in space.neighbours(found, each)
    assert len(here.without) <= 2


# Halves


def run_plan(*sizes):
    """A plan of a dataset for each size, with so many conversations of two cases each."""
    conversations, histories, trials = {}, [], []
    for number, size in enumerate(sizes):
        for n in range(size):
            dataset, id = f"d{number}", f"c{n}"
            conversations[dataset, id] = cases.Conversation(id, (), ())
            histories.append(plan.History(f"h{number}-{n}", "arm", dataset, id, 0))
            trials += [
                plan.Trial(f"t{number}-{n}-{q}", f"h{number}-{n}", "arm", dataset, f"q{q}", id,
                           "", 0, 0, 0) for q in range(2)
            ]  # fmt: skip
    return plan.RunPlan(
        "s", {}, "x", (), {f"d{n}": None for n in range(len(sizes))}, tuple(histories),
        tuple(trials), conversations, (), {}, "arm",
    )  # fmt: skip


@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 3))
def test_halves_split_whole_conversations_of_each_dataset(first, second, seed):
    whole = run_plan(first, second)
    cut = space.halves(whole, seed)
    for part in ("histories", "trials"):
        both = [each for half in cut.values() for each in getattr(half, part)]
        assert sorted(both, key=lambda each: each.id) == sorted(
            getattr(whole, part), key=lambda each: each.id
        )
    for half in cut.values():
        assert {key[0] for key in half.conversations} == {"d0", "d1"}
        assert {(h.dataset, h.conversation) for h in half.histories} == set(half.conversations)
    assert cut == space.halves(whole, seed)


def test_halves_follow_the_seed_and_need_two_conversations():
    whole = run_plan(12)
    assert len({tuple(space.halves(whole, seed)["tune"].conversations) for seed in range(5)}) > 1
    with pytest.raises(errors.InputError, match="d0 has 1 conversation"):
        space.halves(run_plan(1), 0)


# The search


def worth(overrides):
    """The best arm has limit 2000 and no archival."""
    return 0.4 + 0.2 * ("limit=2000" in overrides) + 0.1 * ("archival=null" in overrides) - (
        0.3 * ("recall=null" in overrides)
    )  # fmt: skip


@pytest.mark.parametrize("method", ["climb", "random"])
def test_the_best_arm_is_found_and_better_held_out(method):
    evaluate = Arms(worth)
    found = search.search(made(), evaluate, search.How(method, evaluations=48))
    assert set(found.winner) >= {"limit=2000", "archival=null"}
    assert "recall=null" not in found.winner
    assert found.tuned == pytest.approx(0.7) and found.optimism == pytest.approx(0.0)
    assert found.difference.verdict == findings.A_BETTER
    assert found.difference.difference.value == pytest.approx(0.3)


@pytest.mark.parametrize("method", ["climb", "random"])
def test_a_winner_by_luck_is_shown_up_on_the_other_half(method):
    among = made({"limit": list(range(1, 20)), "mode": ["far"]})
    found = [
        search.search(
            among,
            Arms(lambda overrides: 0.5, noise=0.5, clusters=10, world=world),  # all arms are alike
            search.How(method, seed=world, evaluations=40),
        )
        for world in range(20)
    ]
    gains = [each.tuned - each.default_tuned for each in found]
    kept = [each.held_out - each.default_held_out for each in found]
    assert sum(gains) / 20 > 0.15  # on the tune half the winner looks far better
    assert abs(sum(kept) / 20) < 0.06  # held out it is not
    assert sum(each.optimism for each in found) / 20 > 0.1
    claims = [each for each in found if each.difference and each.difference.p <= 0.05]
    assert len(claims) <= 3


@pytest.mark.parametrize("method", ["climb", "random"])
def test_no_candidate_is_evaluated_twice_and_a_search_repeats(method):
    first, second = Arms(worth, noise=0.2), Arms(worth, noise=0.2)
    how = search.How(method, seed=3, evaluations=0)
    found = search.search(made(), first, how)
    assert found == search.search(made(), second, how)
    assert first.asked == second.asked
    assert len(first.asked) == len(set(first.asked))
    assert found.ended == "every candidate was evaluated"
    validated = [overrides for overrides, half in first.asked if half == "validate"]
    assert validated == [(), found.winner]


def test_limits_end_a_search_before_they_are_passed():
    evaluate = Arms(worth, calls=10)
    found = search.search(made(), evaluate, search.How(evaluations=5))
    assert len(found.path) == 5 and found.ended == "5 candidates were evaluated"
    evaluate = Arms(worth, calls=10)
    found = search.search(made(), evaluate, search.How(evaluations=0, max_calls=100))
    assert 10 * len(evaluate.asked) <= 100
    assert "100 calls" in found.ended
    assert len(search.search(made(), Arms(worth), search.How(evaluations=1)).path) == 1


def test_a_search_ends_where_nothing_can_be_better():
    found = search.search(made(), Arms(lambda overrides: 0.5 + 0.5 * ("limit=2000" in overrides)))
    assert found.tuned == 1.0 and found.path[-1].overrides == ("limit=2000",)
    assert found.ended == "no candidate can score more than 1"


def test_nodes_that_cannot_go_are_told_and_not_fatal():
    def evaluate(overrides, half):
        if "recall=null" in overrides:
            raise errors.SpecError([errors.Problem("dangling", "window needs recall")])
        return Arms(worth)(overrides, half)

    found = search.search(made(), evaluate, search.How(evaluations=0))
    assert {each.wrong for each in found.path} == {"", "window needs recall"}
    assert any("recall=null: window needs recall" in line for line in search.lines(found))
    broken = errors.SpecError([errors.Problem("x", "broken")])

    def never(overrides, half):
        raise broken

    with pytest.raises(errors.SpecError):
        search.search(made(), never)


def test_where_nothing_is_better_the_default_arm_wins_without_a_claim():
    found = search.search(made(), Arms(lambda overrides: 0.5 - 0.1 * len(overrides)),
                          search.How(evaluations=12))  # fmt: skip
    assert (found.winner, found.difference) == ((), None)
    assert "Nothing better than memgpt was found" in search.lines(found, "memgpt")[-1]


def test_a_search_does_not_wander_among_equals():
    found = search.search(made(), Arms(lambda overrides: 0.5), search.How(evaluations=6))
    assert [each.kept for each in found.path] == [True] + [False] * 5


def test_the_lines_tell_path_halves_and_verdict():
    told = "\n".join(search.lines(search.search(made(), Arms(worth), search.How(evaluations=30))))
    assert "limit=2000" in told and "Winner: " in told and "optimism +0.000" in told
    assert "Held out: the winner is better than the default arm by 30.0 points" in told


def test_a_small_difference_among_few_conversations_is_inconclusive():
    before = search.Scores({f"c{n}": 0.5 for n in range(4)}, {f"c{n}": f"k{n}" for n in range(4)})
    after = dataclasses.replace(before, scores={f"c{n}": 0.5 + 0.1 * n for n in range(4)})
    found = search.difference(after, before, search.How())
    assert found.verdict == findings.INCONCLUSIVE and found.needed > 4
    assert (found.wins, found.losses, found.n) == (3, 0, 4)
    assert found.p == pytest.approx(2 / 8)  # three signs count, all positive
    same = search.difference(before, before, search.How(margin=1.0))
    assert same.verdict == findings.INCONCLUSIVE  # four are too few for equivalence, too
    names = [f"c{n}" for n in range(60)]
    many = search.Scores(dict.fromkeys(names, 0.5), {name: name for name in names})
    alike = search.difference(many, many, search.How())
    assert alike.verdict == findings.EQUIVALENT and "90% interval [-4.9, +4.9]" in alike.sentence


def test_scores_of_rows_are_means_over_seeds_of_the_primary_scorer():
    def row(case, seed, dataset="d", **scores):
        return results.Row(f"t{case}{seed}", "a", dataset, case, "k", "", seed, 0, 0, "done", "",
                           scores, {"calls": 2, "paid": 0.5}, {}, {})  # fmt: skip

    rows = [row("q1", 0, exact=1.0, f1=0.3), row("q1", 1, exact=0.0), row("q2", 0, exact=None),
            row("q1", 0, "e", f1=0.25)]  # fmt: skip
    ingest = results.Ingest("h", "a", "d", "k", 0, "done", "", {"calls": 3, "paid": 1.0}, {}, 0)
    scorers = {"exact": {"primary_of": ["d"]}, "f1": {"primary_of": ["e"]}}
    found = search.scores_of(
        results.Results("r", {}, {}, {}, {}, scorers, rows, [ingest], planned=4)
    )
    assert found.scores == {"d/k/q1": 0.5, "e/k/q1": 0.25}
    assert found.clusters == {"d/k/q1": "d/k", "e/k/q1": "e/k"}
    assert (found.calls, found.cost) == (11, 3.0)


def test_no_scores_are_told():
    with pytest.raises(errors.InputError, match="no case of the tune half"):
        search.search(made(), lambda overrides, half: search.Scores({}, {}))
    assert math.isnan(search.Scores({}, {}).mean)
