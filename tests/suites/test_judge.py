import dataclasses
import hashlib
import json

import pytest

from archgraph.suites.scoring import judge
from tests.suites import outcomes


class Judge:
    """Answers what it is told to, in turn, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, system, question):
        self.asked.append((system, question))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def score(ask, reply="It is blue.", of=None, **options):
    scorer = judge.Judge(judge.Judge.Options(**options))
    return scorer.score(outcomes.outcome(reply, of), ask)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("It fits.\nRIGHT", "right"),
        ("It is wrong about the year, though right about the place.\n**WRONG**", "wrong"),
        ('{"label": "CORRECT"}', "right"),
        ('{"label": "wrong"}', "wrong"),
        ("Verdict: RIGHT", "right"),
        ("INCORRECT", "wrong"),
        ("correct.", "right"),
        ("RIGHT or WRONG?", "unreadable"),
        ("The right answer would be blue.", "unreadable"),
        ("", "unreadable"),
    ],
)
def test_verdicts(answer, verdict):
    assert judge.verdict(answer) == verdict


def test_a_verdict_is_kept_with_its_prompt_and_raw_answer():
    ask = Judge("The colour fits.\nRIGHT")
    found = score(ask)
    assert found.value == 1.0
    assert found.details["prompt"] == "strict"
    told = judge.VARIANTS["strict"]
    assert found.details["sha256"] == hashlib.sha256(told.encode()).hexdigest()
    assert found.details["votes"] == [{"verdict": "right", "answers": ["The colour fits.\nRIGHT"]}]
    json.dumps(found.details)
    [(system, question)] = ask.asked
    assert system == told
    assert "What colour is it?" in question and "blue" in question and "It is blue." in question


def test_an_unreadable_answer_is_asked_for_once_more_and_then_wrong():
    ask = Judge("Hm.", "Well.\nRIGHT")
    found = score(ask)
    assert found.value == 1.0 and found.details["votes"][0]["answers"] == ["Hm.", "Well.\nRIGHT"]
    ask = Judge("Hm.")
    found = score(ask)
    assert (found.value, len(ask.asked)) == (0.0, 2)
    assert "1 of 1 verdicts unreadable" in found.note


def test_votes_are_shares_and_only_one_vote_is_binary():
    assert score(Judge("RIGHT", "WRONG", "RIGHT"), votes=3).value == pytest.approx(2 / 3)
    assert judge.Judge(judge.Judge.Options()).binary
    assert not judge.Judge(judge.Judge.Options(votes=3)).binary


def test_variants_have_different_prompts_and_unanswerable_cases_their_own():
    lenient = score(Judge("RIGHT"), variant="lenient")
    assert lenient.details["prompt"] == "lenient"
    assert lenient.details["sha256"] != score(Judge("RIGHT")).details["sha256"]
    ask = Judge("RIGHT")
    assert score(ask, "I do not know.", outcomes.case()).details["prompt"] == "unanswerable"
    assert "Gold answer: none" in ask.asked[0][1]


def test_no_reply_is_wrong_and_nobody_is_asked():
    assert score(outcomes.nobody, " ").value == 0.0


def test_a_rubric_is_shown():
    ask = Judge("RIGHT")
    score(ask, of=outcomes.case("blue", details={"rubric": ["name the shade", "say why"]}))
    assert "must also: name the shade" in ask.asked[0][1]
    assert "must also: say why" in ask.asked[0][1]


def test_longmemeval_has_rules_by_type_of_question():
    prompts = {
        kind: score(Judge("RIGHT"), of=outcomes.case("blue", category=kind), variant="longmemeval")
        for kind in ("multi-session", "temporal-reasoning", "knowledge-update", None)
    }
    named = {kind: found.details["prompt"] for kind, found in prompts.items()}
    assert named == {
        "multi-session": "longmemeval",
        "temporal-reasoning": "longmemeval temporal-reasoning",
        "knowledge-update": "longmemeval knowledge-update",
        None: "longmemeval",
    }
    assert "off by one" in judge.VARIANTS["longmemeval temporal-reasoning"]
    ask = Judge("RIGHT")
    of = outcomes.case(details={"explanation": "She never named it."})
    assert score(ask, of=of, variant="longmemeval").details["prompt"] == "unanswerable"
    assert "Why there is none: She never named it." in ask.asked[0][1]


def test_the_points_of_a_rubric_are_judged_apart():
    ask = Judge("RIGHT", "WRONG", "RIGHT", "WRONG")
    of = outcomes.case(details={"rubric": ["name the shade", "say why"]})
    found = score(ask, of=of, variant="rubric", votes=2)
    assert found.value == 0.5
    assert [vote["point"] for vote in found.details["votes"]] == [
        "name the shade", "name the shade", "say why", "say why",
    ]  # fmt: skip
    assert "Requirement: say why" in ask.asked[2][1] and "Gold answer" not in ask.asked[2][1]
    assert not judge.Judge(judge.Judge.Options(variant="rubric")).binary
    # without a rubric it is strict
    assert score(Judge("RIGHT"), variant="rubric").details["prompt"] == "strict"


# The probe

QUESTIONS = [
    outcomes.case("7 May 2023", question="When did Caroline go to the support group?"),
    outcomes.case("Three dogs", question="What pets does Ann have?"),
    outcomes.case("12", question="How many dogs are there?"),
    outcomes.case("Yes", question="Is she tall?"),
    outcomes.case(),
]


def test_vague_answers_never_hold_the_gold():
    found = [judge.vague_answer(each) for each in QUESTIONS[:4]]
    assert found == [
        "Some time around then, as far as they said.",
        "Something to do with pets Ann.",
        "A few, not very many.",
        "In some ways, it depends.",
    ]


def test_the_probe_tells_a_judge_that_takes_anything_from_one_that_does_not():
    found = judge.probe(Judge("RIGHT"), QUESTIONS, "lenient")
    assert (found.asked, found.accepted, found.share) == (4, 4, 1.0)
    assert found.sentence() == (
        "the lenient judge accepted 4 of 4 deliberately vague wrong answers "
        "(published for a lenient prompt: 62.8 %)"
    )
    ask = Judge("WRONG")
    found = judge.probe(ask, QUESTIONS)
    assert found.share == 0.0 and found.variant == "strict"
    assert {system for system, _ in ask.asked} == {judge.VARIANTS["strict"]}
    assert found.verdicts[1]["answer"] == "Something to do with pets Ann."
    assert "not probed" in judge.probe(ask, [outcomes.case()]).sentence()


def test_the_probe_takes_answers_made_elsewhere():
    ask = Judge("WRONG")
    judge.probe(ask, QUESTIONS[:1], vague=lambda case: "In spring.")
    assert ask.asked[0][1].endswith("Reply to grade:\nIn spring.")


def test_a_judge_is_probed_with_few_questions_that_stay_the_same():
    ask = Judge("WRONG")
    of = judge.Judge(judge.Judge.Options(probe=2))
    of_one = outcomes.case("blue")
    questions = [dataclasses.replace(of_one, id=f"q{n}") for n in range(9)]
    found = of.probe(questions, ask)
    assert (found["asked"], found["accepted"], found["prompt"]) == (2, 0, "strict")
    assert found["said"].startswith("the strict judge accepted 0 of 2 deliberately vague")
    chosen = [each["case"] for each in found["verdicts"]]
    again = of.probe(questions[::-1] + QUESTIONS[-1:], ask)
    assert [each["case"] for each in again["verdicts"]] == chosen
    json.dumps(found)


def test_a_judge_is_not_probed_when_nobody_wants_it():
    assert judge.Judge(judge.Judge.Options(probe=0)).probe(QUESTIONS, outcomes.nobody) is None


def test_the_probe_asks_with_the_prompt_of_each_case():
    ask = Judge("RIGHT")
    of = outcomes.case("blue", category="knowledge-update")
    judge.probe(ask, [of], "longmemeval")
    assert ask.asked[0][0] == judge.VARIANTS["longmemeval knowledge-update"]
    of = outcomes.case("blue", details={"rubric": ["name the shade", "say why"]})
    judge.probe(ask, [of], "rubric")
    assert ask.asked[1][0] == judge.VARIANTS["rubric"]
    assert "Requirement: name the shade" in ask.asked[1][1]
