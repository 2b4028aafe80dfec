import pytest

from archgraph import errors, registry
from archgraph.suites import plan
from archgraph.suites.scoring import base, run
from tests.suites import outcomes


class Raising(base.Scorer):
    """Raises what it was made with."""

    error: Exception = ValueError("no")
    wrong = 0.0

    def score(self, outcome, ask):
        raise self.error


def raising(error, wrong=0.0):
    scorer = Raising(base.Options())
    scorer.error, scorer.wrong = error, wrong
    return [(plan.ScorerPlan("mine", "x"), scorer)]


def giving(value):
    class Giving(base.Scorer):
        def score(self, outcome, ask):
            return value

    return [(plan.ScorerPlan("mine", "x"), Giving(base.Options()))]


def scored(scorers, of=None):
    return run.score_all(of or outcomes.outcome("blue"), "d", scorers, outcomes.nobody)


def test_every_registered_scorer_can_be_made_and_scores_any_outcome():
    names = registry.names("scorers")
    assert len(names) >= 12
    made = run.made([plan.ScorerPlan(name, name) for name in names])
    of = outcomes.outcome("blue")
    found = run.score_all(of, "d", made, lambda system, question: "RIGHT")
    assert list(found) == names
    assert found["exact"].value == found["judge"].value == 1.0
    assert found["evidence_recall"] is found["task_completion"] is None


def test_an_unknown_scorer_and_an_unknown_option_are_told():
    with pytest.raises(errors.UnknownName, match="contains"):
        run.made([plan.ScorerPlan("a", "contain")])
    with pytest.raises(errors.InputError, match=r"scorer a: no option 'kk'; .*k"):
        run.made([plan.ScorerPlan("a", "evidence_recall", {"kk": 3})])
    with pytest.raises(errors.InputError, match=r"scorer a: k: .*greater than 0"):
        run.made([plan.ScorerPlan("a", "evidence_recall", {"k": 0})])


def test_a_scorer_that_raises_is_wrong_with_a_note():
    [found] = scored(raising(ValueError("boom"))).values()
    assert found.value == 0.0
    assert "ValueError: boom (test_scoring_run.py:" in found.note
    assert found.broke and found.counted == 0.0
    [found] = scored(raising(ValueError("boom"), wrong=None)).values()
    assert found.broke and found.counted is None and "boom" in found.note


class Silent(base.Scorer):
    """Has no method `score`."""


class Picky(base.Scorer):
    """Cannot say what it applies to."""

    def applies(self, case):
        raise KeyError("boom")


@pytest.mark.parametrize(
    ("scorers", "note"),
    [
        (raising(SystemExit(3)), "SystemExit: 3"),
        (giving(7), "it gave back int, not a Score or None"),
        (giving(base.Score(7)), "its value is 7, not a number from 0 to 1"),
        (giving(base.Score("x")), "its value is 'x', not a number from 0 to 1"),
        ([(plan.ScorerPlan("mine", "x"), Silent(base.Options()))], "it has no method `score`"),
        ([(plan.ScorerPlan("mine", "x"), Picky(base.Options()))], "KeyError: 'boom'"),
    ],
)
def test_whatever_a_scorer_does_wrong_is_marked_as_broken(scorers, note):
    found = scored(scorers)["mine"]
    assert found.broke and found.value == 0.0
    assert note in found.note


def test_a_user_who_interrupts_is_heard():
    with pytest.raises(KeyboardInterrupt):
        scored(raising(KeyboardInterrupt()))


def test_a_sound_score_and_a_failed_trial_are_not_marked():
    assert not scored(giving(base.Score(1)))["mine"].broke
    failed = outcomes.outcome("blue", status="failed")
    assert not scored(giving(base.Score(1)), failed)["mine"].broke


class Unmade(base.Scorer):
    """Cannot be made."""

    def __init__(self, options):
        raise SystemExit("boom")


def test_a_scorer_that_cannot_be_made_is_told_with_the_place():
    each = plan.ScorerPlan("mine", f"{__name__}:Unmade")
    with pytest.raises(errors.PluginError, match=r"mine fails .*boom \(test_scoring_run\.py:\d+\)"):
        run.made([each])


@pytest.mark.parametrize(
    "error",
    [
        errors.ToolError("t"), errors.InputError("i"), errors.GatewayError("g"),
        errors.PluginError("p"), KeyError("k"),
    ],
)  # fmt: skip
def test_what_is_the_scorers_own_trouble_stops_nothing(error):
    assert scored(raising(error))["mine"].value == 0.0


class Spent(errors.ArchgraphError):
    """A limit on spending, as running has one."""


@pytest.mark.parametrize(
    "error", [errors.RecordingMissing("r"), errors.MachineError("m"), Spent("s")]
)
def test_what_must_stop_the_run_passes_through(error):
    with pytest.raises(type(error)):
        scored(raising(error))


@pytest.mark.parametrize("value", [1.0, base.Score(1.5), base.Score(float("nan"))])
def test_what_is_no_score_is_wrong_and_told(value):
    found = scored(giving(value))["mine"]
    assert found.value == 0.0 and found.broke


def test_a_broken_trial_is_wrong_without_being_shown():
    broken = outcomes.outcome("blue", status="broken", reason="disk full")
    [found] = scored(raising(AssertionError("shown")), broken).values()
    assert (found.value, found.note) == (0.0, "broken: disk full")


def test_a_failed_turn_is_wrong_but_what_it_found_counts():
    made = run.made([plan.ScorerPlan("c", "contains"), plan.ScorerPlan("e", "evidence_recall")])
    case = outcomes.case("blue", evidence=("a",))
    of = outcomes.outcome("blue", case, status="failed", searches=(("a",),))
    found = scored(made, of)
    assert (found["c"].value, found["e"].value) == (0.0, 1.0)
    # one that was cut by the budget is scored on what was replied
    assert scored(made, outcomes.outcome("blue", case, status="cut"))["c"].value == 1.0


def test_a_broken_trial_has_no_score_where_the_scorer_does_not_apply():
    made = run.made([plan.ScorerPlan("e", "evidence_recall"), plan.ScorerPlan("a", "abstention")])
    assert scored(made, outcomes.outcome("", status="broken")) == {"e": None, "a": None}


def test_a_scorer_of_other_datasets_is_left_out():
    made = run.made([plan.ScorerPlan("c", "contains", datasets=("other",))])
    assert scored(made) == {"c": None}


OWN = '''
import pydantic
from archgraph.suites.scoring import base


class Longer(base.Scorer):
    """The reply has more characters than asked for."""

    binary = True

    class Options(base.Options):
        than: int = 3

    def score(self, outcome, ask):
        return base.Score(float(len(outcome.reply) > self.options.than))


number = 3
'''


@pytest.mark.parametrize("name", ["longer.py:Longer", "longer:Longer"])
def test_a_scorer_of_ones_own_beside_the_suite(tmp_path, name):
    (tmp_path / "longer.py").write_text(OWN)
    each = plan.ScorerPlan("longer", name, {"than": 4}, folder=str(tmp_path))
    made = run.made([each])
    assert scored(made)["longer"].value == 0.0
    assert scored(made, outcomes.outcome("azure"))["longer"].value == 1.0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gone.py:Longer", "gone"),
        ("longer.py:Long", 'no such class; did you mean "Longer"'),
        ("longer.py:number", "does not inherit from archgraph.suites.scoring.base.Scorer"),
        ("longer.py", "name its class"),
    ],
)
def test_what_is_no_scorer_of_ones_own_is_told(tmp_path, name, told):
    (tmp_path / "longer.py").write_text(OWN)
    with pytest.raises(errors.InputError, match=told):
        run.kind(name, tmp_path)
