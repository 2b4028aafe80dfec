import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph.llm import extractive_answering
from archgraph.suites.scoring import abstaining, answers, text
from tests.suites import outcomes

UNKNOWN = "I don't know; there is no information available about that."
NONE = outcomes.case()  # a case without an answer
SCORERS = (answers.Exact, answers.Contains, answers.F1, answers.RougeL)


def score(kind, reply, of=None, **options):
    scorer = kind(kind.Options(**options))
    found = scorer.score(outcomes.outcome(reply, of), outcomes.nobody)
    return None if found is None else found.value


# Abstaining

ABSTAIN = [
    UNKNOWN,
    "I do not know.",
    "I don\u2019t know what her dog is called.",
    "Sorry. I don't recall.",
    "I searched my memory. There is no record of a trip to Rome.",
    "No information available",
    "Not mentioned in the conversation",
    "It was never mentioned.",
    "The conversation does not say when she left.",
    "You have not told me that yet.",
    "You never mentioned a sister.",
    "I cannot answer that from what I have.",
    "I have no information about her job, but I can tell you about her dog.",
    "There is not enough information to say.",
    "That can't be determined.",
    "Unknown.",
    "N/A",
    "I'm not sure when she went there.",
    "Evan did not specify when he went skiing.",
    "We were unable to find anything about it.",
]
ANSWER = [
    "",
    "blue",
    "I'm not sure, but I think it was blue.",
    "I do not know exactly, around 1990.",
    "She is single. There is no mention of a partner.",
    "Caroline does not know how to swim.",
    "No.",
    "None.",
    "Nobody came.",
    "He knows nothing about cars.",
    "I know: it is blue.",
    "The answer is that it is available.",
    "She told nobody.",
]


@pytest.mark.parametrize("reply", ABSTAIN)
def test_replies_that_abstain(reply):
    assert abstaining.abstains(reply)


@pytest.mark.parametrize("reply", ANSWER)
def test_replies_that_answer(reply):
    assert not abstaining.abstains(reply)


def test_the_offline_policy_abstains_in_words_that_count():
    assert abstaining.abstains(extractive_answering.UNKNOWN)
    assert text.abstained(extractive_answering.UNKNOWN)


@given(st.text(), st.sampled_from(["no information available", "not mentioned"]))
def test_locomos_own_phrases_are_in_the_rule(rest, phrase):
    reply = f"{phrase} {rest}"
    assert abstaining.abstains(reply) and text.abstained(reply)


# The rule that answer scorers share


@pytest.mark.parametrize("kind", SCORERS)
def test_abstaining_is_right_where_there_is_no_answer_and_wrong_where_there_is(kind):
    assert score(kind, UNKNOWN, NONE) == 1.0
    assert score(kind, "blue", NONE) == 0.0
    assert score(kind, "", NONE) == 0.0  # silence is no abstention
    assert score(kind, "blue") == 1.0
    # the answer's word in it does not help
    assert score(kind, "There is no information about the colour blue.") == 0.0


@pytest.mark.parametrize("kind", SCORERS)
def test_a_gold_answer_that_reads_as_abstaining_may_be_given(kind):
    assert score(kind, "It is not known.", outcomes.case("It is not known.")) == 1.0


def test_exact_contains_and_f1_differ():
    reply = "It is light blue, I think."
    assert score(answers.Exact, reply) == 0.0
    assert score(answers.Contains, reply) == 1.0
    assert score(answers.F1, reply) == pytest.approx(2 / 7)  # 1 of 6 tokens, 1 of 1
    assert score(answers.RougeL, reply) == 1.0


def test_any_of_several_answers_is_right():
    of = outcomes.case("azure", "blue")
    assert score(answers.Exact, "Blue!", of) == 1.0


def test_contains_can_refuse_a_reply_that_holds_a_known_wrong_answer_too():
    of = outcomes.case("blue", rejected=("red",))
    assert score(answers.Contains, "red, blue", of) == 1.0
    assert score(answers.Contains, "red, blue", of, rejected="wrong") == 0.0
    assert score(answers.Contains, "blue", of, rejected="wrong") == 1.0


# ROUGE-L


def test_rouge_l_recall_by_hand():
    # gold: police killed the gunman (4); reply: police kill the gunman: police the gunman = 3 / 4
    # (the example of Lin, 2004, section 3)
    gold = ["police killed the gunman"]
    assert text.rouge_l_recall("police kill the gunman", gold) == 0.75
    assert text.rouge_l_recall("the gunman kill police", gold) == 0.5
    assert text.rouge_l_recall("", gold) == 0.0
    assert text.rouge_l_recall("x", ["?"]) == 0.0


@given(
    st.lists(st.sampled_from("abc"), max_size=8),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=6),
)
def test_rouge_l_recall_has_the_properties_of_a_recall(reply, gold):
    value = text.rouge_l_recall(" ".join(reply), [" ".join(gold)])
    assert 0 <= value <= 1
    assert text.rouge_l_recall(" ".join([*reply, *gold]), [" ".join(gold)]) == 1.0
    assert value * len(gold) <= min(len(reply), len(gold)) + 1e-9


# LoCoMo


def test_locomo_follows_the_integer_category():
    of = outcomes.case("pottery, camping, painting", category=1)
    assert score(answers.LoCoMo, "painting, pottery", of) == pytest.approx(2 / 3)
    assert score(answers.LoCoMo, "Yes", outcomes.case("Yes; because", category=3)) == 1.0
    assert score(answers.LoCoMo, "It was not mentioned.", outcomes.case(category=5)) == 1.0
    # its rule for abstaining is narrower than ours, and it has none for the other categories
    assert score(answers.LoCoMo, "I don't know", outcomes.case(category=5)) == 0.0
    assert score(answers.LoCoMo, "no information: blue", outcomes.case("blue", category=4)) > 0


@pytest.mark.parametrize("category", [None, 0, 6, "4"])
def test_locomo_has_no_score_for_categories_that_its_code_does_not_know(category):
    assert score(answers.LoCoMo, "blue", outcomes.case("blue", category=category)) is None


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("a", 1), ("(a)", 1), (" (A) ", 1), ("b", 0), ("(b)", 0), ("c", 0),
        ("(a) Not mentioned in the conversation", 1), ("A necklace", 0), ("a.", 0),
        ("yes", 0), ("cat", 0),
    ],
)  # fmt: skip
def test_the_choice_form_is_read_as_locomos_code_reads_it(reply, value):
    options = {"a": "Not mentioned in the conversation", "b": "A necklace"}
    of = outcomes.case(category=5, details={"choices": options, "right": "a"})
    assert score(answers.LoCoMo, reply, of) == value


# Abstention


def test_abstention_scores_unanswerable_cases_only_unless_both():
    assert score(answers.Abstention, UNKNOWN, NONE) == 1.0
    assert score(answers.Abstention, "blue", NONE) == 0.0
    assert score(answers.Abstention, "blue") is None
    assert score(answers.Abstention, "red", both=True) == 1.0
    assert score(answers.Abstention, UNKNOWN, both=True) == 0.0
    assert score(answers.Abstention, "x", outcomes.case("not mentioned"), both=True) is None
