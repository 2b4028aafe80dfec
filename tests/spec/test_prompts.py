"""Templates: where they are found, what they may do, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import errors, prompts


def test_render_is_strict_and_escapes_nothing() -> None:
    assert prompts.render("{{ a }} & {{ b }}", {"a": "<x>", "b": "é"}) == "<x> & é"
    with pytest.raises(errors.TemplateError, match="'c' is undefined"):
        prompts.render("{{ c }}", {})


def test_blocks_leave_no_empty_lines() -> None:
    source = "{% for n in tools %}\n- {{ n }}\n{% endfor %}\nend\n"
    assert prompts.render(source, {"tools": [1, 2]}) == "- 1\n- 2\nend"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ tools.append(1) }}",
        "{{ range(10**9) | list }}",
        "{{ 1 / 0 }}",
        "{% include 'x' %}",
        "{{ cycler.__init__.__globals__ }}",
        "{% if %}",
    ],
)
def test_a_template_cannot_do_harm(source: str) -> None:
    with pytest.raises(errors.TemplateError):
        prompts.render(source, {"tools": []})


def test_values_are_not_templates() -> None:
    assert prompts.render("{{ a }}", {"a": "{{ b }}"}) == "{{ b }}"


def test_variables_are_what_comes_from_outside() -> None:
    source = "{% set x = 1 %}{{ x }}{{ persona }}\n{% for t in tools %}{{ t.name }}{% endfor %}"
    assert prompts.variables(source) == {"persona", "tools"}
    assert [(each.name, each.line) for each in prompts.uses(source)] == [
        ("persona", 1),
        ("tools", 2),
    ]
    assert prompts.uses("{% if a is defined %}{{ a }}{% endif %}")[0].guarded


def test_shown_counts_what_is_printed() -> None:
    source = "{{ a }}{% if a %}{{ a | upper }}{% endif %}{{ b }}"
    assert prompts.shown(source) == {"a": 2, "b": 1}


def test_syntax_errors_have_a_line() -> None:
    found = prompts.syntax_error("one\n{% for %}")
    assert found is not None
    assert found[0] == 2
    assert prompts.syntax_error("fine") is None


def test_prose_is_what_is_not_an_expression() -> None:
    source = "Say {{ finish }} {# finish #}\nand finish"
    text = " ".join(each for _, each in prompts.prose(source))
    assert text.count("finish") == 1
    assert ("and finish" in text) and prompts.prose(source)[-1][0] == 2


def test_folders_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(folder: Path, text: str) -> None:
        (folder / "prompts" / "a").mkdir(parents=True)
        (folder / "prompts" / "a" / "x.jinja2").write_text(text)

    work, home = tmp_path / "work", tmp_path / "home"
    architectures = home / "architectures"
    architectures.mkdir(parents=True)
    work.mkdir()
    monkeypatch.chdir(work)
    put(work, "of the working folder")
    assert prompts.read(prompts.find("a/x.jinja2", [architectures])) == "of the working folder"
    put(home, "beside")
    assert prompts.read(prompts.find("a/x.jinja2", [architectures])) == "beside"
    put(architectures, "within")
    assert prompts.read(prompts.find("a/x.jinja2", [architectures])) == "within"
    assert prompts.find("memgpt/main.jinja2", [architectures]).is_file()


def test_a_missing_template_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(errors.TemplateError, match=r'did you mean "memgpt/main\.jinja2"'):
        prompts.find("memgpt/mian.jinja2", [tmp_path])


def test_nothing_outside_of_the_folders_is_found(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "secret.jinja2").write_text("x")
    with pytest.raises(errors.TemplateError, match="no template"):
        prompts.find("../secret.jinja2", [tmp_path])
    with pytest.raises(errors.TemplateError, match="no template"):
        prompts.find(str(tmp_path / "secret.jinja2"), [tmp_path])


def test_a_template_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x.jinja2").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.TemplateError, match="UTF-8"):
        prompts.read(tmp_path / "x.jinja2")


@pytest.mark.parametrize(
    "source", ["{% include 'x' %}", "{% extends 'x' %}", "{% from 'x' import y %}"]
)
def test_a_template_stands_alone(source: str) -> None:
    line, text, cure = prompts.syntax_error(f"one\n{source}") or (0, "", "")
    assert line == 2 and "of another template" in text and "stands alone" in cure


def test_what_breaks_while_rendering_has_a_line() -> None:
    with pytest.raises(errors.TemplateError, match=r"OverflowError.* \(line 3\)"):
        prompts.render("one\ntwo\n{% for i in range(100000000) %}x{% endfor %}", {})


def test_rules_are_printed_whole_or_line_by_line() -> None:
    rules = prompts.Lines("- a\n- b")
    assert prompts.render("{{ rules }}", {"rules": rules}) == "- a\n- b"
    looped = "{% for rule in rules %}{{ rule }};{% endfor %}{{ rules|length if rules }}"
    assert prompts.render(looped, {"rules": rules}) == "- a;- b;7"


def test_time_can_be_added_to_a_moment() -> None:
    """So that a pipeline can say when something is due, and compare it with now."""
    now = "2024-02-28 23:30:00 Wed"
    values = {"now": now, "item": {"days": 2, "due": "2024-02-28 09:00:00 Wed"}}
    assert prompts.evaluate("now|later(item.days ~ 'd')", values) == "2024-03-01 23:30:00 Fri"
    assert prompts.evaluate("now|later('-30m')", values) == "2024-02-28 23:00:00 Wed"
    assert prompts.evaluate("item.due <= now", values) is True
    for wrong in ("now|later('soon')", "now|later('')", "'x'|later('1d')", "now|later(2)"):
        with pytest.raises(errors.TemplateError):
            prompts.evaluate(wrong, values)
