import pytest

from archgraph.llm import porter
from archgraph.suites.scoring import text as scorers

# Stems as NLTK 3.9's PorterStemmer gives them (its default mode).
STEMS = {
    "caresses": "caress", "ponies": "poni", "ties": "tie", "died": "die", "skies": "sky",
    "agreed": "agre", "feed": "feed", "motoring": "motor", "sing": "sing", "hopping": "hop",
    "falling": "fall", "filing": "file", "happy": "happi", "enjoy": "enjoy", "spy": "spi",
    "relational": "relat", "hopefully": "hope", "geology": "geolog", "radically": "radic",
    "adoption": "adopt", "controlling": "control", "researching": "research", "news": "news",
    "cafés": "café", "2022": "2022", "yyyy": "yyyi", "possibly": "possibl", "it": "it",
}  # fmt: skip


@pytest.mark.parametrize(("word", "stem"), STEMS.items())
def test_porter_stems(word, stem):
    assert porter.stem(word) == stem


def test_token_f1_by_hand():
    # "adopt agenc" against "adopt agenc": articles, case, plural and punctuation do not count
    assert scorers.token_f1("The adoption agency!", "Adoption agencies") == 1.0
    # 2 of 3 output tokens, 2 of 2 gold tokens: 2 * (2/3) * 1 / (2/3 + 1) = 0.8
    assert scorers.token_f1("7 May probably", "7 May") == pytest.approx(0.8)
    assert scorers.token_f1("red", "blue") == 0.0
    assert scorers.token_f1("", "blue") == 0.0


def test_repeated_tokens_count_as_a_multiset():
    # one shared "run" of two in the output: precision 1/2, recall 1
    assert scorers.token_f1("run run", "run") == pytest.approx(2 / 3)


def test_category_1_averages_the_best_part_for_each_gold_part():
    # "pottery" matches fully, "camping" not at all, "painting" fully: 2 / 3
    score = scorers.locomo("painting, pottery", ["pottery, camping, painting"], 1)
    assert score == pytest.approx(2 / 3)
    assert scorers.locomo("painting, pottery", ["pottery, camping, painting"], 4) != score


def test_category_3_is_cut_at_the_semicolon():
    assert scorers.locomo("Yes", ["Yes; because she likes it"], 3) == 1.0
    assert scorers.locomo("Yes", ["Yes; because she likes it"], 4) < 1.0


@pytest.mark.parametrize(
    ("output", "score"),
    [
        ("There is NO INFORMATION available about that.", 1.0),
        ("It was not mentioned.", 1.0),
        ("I don't know", 0.0),
        ("blue", 0.0),
    ],
)
def test_category_5_wants_an_abstention(output, score):
    assert scorers.locomo(output, [], 5) == score


def test_exact_and_contains():
    assert scorers.exact("The Blue.", ["blue"]) == 1.0
    assert scorers.exact("light blue", ["blue"]) == 0.0
    assert scorers.contains("It is light blue, I think", ["red", "Light blue"]) == 1.0
    assert scorers.contains("a blueberry", ["blue"]) == 0.0
    assert scorers.contains("anything", [""]) == 0.0


def test_evidence_recall_counts_gold_once_and_skips_cases_without_gold():
    assert scorers.evidence_recall(["a", "b"], ["x", "a", "b"], 2) == 0.5
    assert scorers.evidence_recall(["a", "b"], ["x", "a", "b"], 3) == 1.0
    assert scorers.evidence_recall([], ["x"], 3) is None


def test_reached_is_verbatim_but_for_white_space_and_unicode_form():
    window = ["Caroline: I went to a cafe\u0301\nyesterday"]
    assert scorers.reached(["I went to a café yesterday", "never"], window) == 0.5
    assert scorers.reached(["i went to a café"], window) == 0.0
    assert scorers.reached([], window) is None
