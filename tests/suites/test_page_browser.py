"""The page in a real browser: quick from a file, without requests, from a score to a window."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from archgraph.suites.reporting import page
from tests.suites import browser
from tests.suites import made_findings as made

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not browser.PROGRAM, reason="no Chromium here"),
]
ROWS = made.rows(conversations=4)
STUDY = made.study(ROWS)
WIDTHS = (375, 768, 1280)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    with browser.Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page.html(STUDY, made.run(STUDY, ROWS), made.details(ROWS, steps=5)), "utf-8")
    return file.as_uri()


def test_it_asks_for_nothing_but_itself(tab: browser.Browser, report: str) -> None:
    tab.open(report)
    tab.run("location.hash = '#/trials'")
    tab.until("document.querySelector('.trials a')")
    assert tab.requested == [report] and tab.complaints == []


def test_the_policy_stops_what_would_leave(tab: browser.Browser, report: str) -> None:
    tab.open(report)
    for script in ("fetch('http://127.0.0.1:9/x')", "import('data:text/javascript,1')"):
        assert tab.run(f"{script}.then(() => 'left', () => 'stopped')") == "stopped"
    tab.run("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/y'}))")
    assert any("Content Security Policy" in each for each in tab.complaints)


def test_texts_of_a_run_never_run(tab: browser.Browser, tmp_path: Path) -> None:
    nasty = made.nasty()
    rows = made.rows(list(nasty.arms), ("nested_kv",), 2, 1)
    told = made.details(rows, extra=made.BAD_TEXT)
    (tmp_path / "nasty.html").write_text(page.html(nasty, made.run(nasty, rows), told), "utf-8")
    tab.open((tmp_path / "nasty.html").as_uri())
    tab.run("location.hash = '#/trials'")
    tab.until("document.querySelector('.trials a')")
    tab.run("document.querySelector('.trials a').click()")
    tab.until("document.querySelector('.step')")
    tab.run("document.querySelector('.step').open = true")
    tab.until("document.querySelector('.step[open] .message')")
    assert made.BAD_TEXT.split("&")[0] in tab.run("document.querySelector('.asked').textContent")
    assert "owned" not in tab.run("document.title") and tab.run("document.images.length") == 0
    assert tab.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(tab: browser.Browser, report: str, width: int) -> None:
    tab.resize(width, 900)
    for place in ("", "#/trials", f"#/trial?id={ROWS[0].trial}&step=2",
                  f"#/pair?a={ROWS[0].trial}&b={ROWS[20].trial}"):  # fmt: skip
        tab.open("about:blank")
        tab.open(report + place)
        tab.until(
            "document.getElementById('viewer').hidden || document.querySelector('#viewer h1')"
        )
        assert tab.run("document.documentElement.scrollWidth") <= width, place
    tab.resize(1280, 900)


def test_from_a_score_to_the_exact_window(tab: browser.Browser, report: str) -> None:
    tab.open("about:blank")
    tab.open(report)
    tab.run("document.querySelector('a[href=\"#/trials?arm=memgpt&dataset=nested_kv\"]').click()")
    tab.until("document.querySelectorAll('.trials a').length === 20")
    tab.run("document.querySelector('.trials a').click()")
    tab.until("document.querySelectorAll('.step').length === 5")
    trial = str(tab.run("document.querySelector('.asked code').textContent"))
    tab.run("document.querySelectorAll('.step')[3].open = true")
    tab.until("document.querySelector('.step[open] .message')")
    shown = tab.run("[...document.querySelectorAll('.step[open] .body .message pre')]"
                    ".map((each) => each.textContent)")  # fmt: skip
    window = made.details(ROWS, steps=5)(trial)["steps"][3]["messages"]
    assert len(shown) == len(window) + 2
    for text, message in zip(shown, window, strict=False):
        assert text == (message["content"] or text)
    gold = tab.run("document.querySelector('.step[open] mark.gold').textContent")
    assert gold == made.details(ROWS)(trial)["case"]["history"][0]["text"]
    assert "as in step 3" in tab.run("document.querySelector('.step[open] .same').textContent")
    tab.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
    tab.until("document.getElementById('viewer').hidden")


def test_filters_stand_in_the_address(tab: browser.Browser, report: str) -> None:
    tab.open("about:blank")
    tab.open(f"{report}#/trials?result=wrong&dataset=persona_chat")
    tab.until("document.querySelector('.trials')")
    wrong = sum(r.scores["exact"] == 0 and r.dataset == "persona_chat" for r in ROWS)
    assert tab.run("document.querySelector('#found p').textContent").startswith(f"{wrong} of ")
    tab.run("const box = document.querySelector('[name=q]'); box.value = 'no_memory';"
            "box.dispatchEvent(new Event('input'))")  # fmt: skip
    assert "q=no_memory" in tab.run("location.hash")
    assert tab.run("document.querySelectorAll('.trials a').length") == 20


def test_two_arms_stand_side_by_side(tab: browser.Browser, report: str) -> None:
    tab.open("about:blank")
    tab.open(f"{report}#/pair?a={ROWS[0].trial}&b={ROWS[20].trial}")
    tab.until("document.querySelectorAll('.pair .step').length === 10")
    assert tab.run("document.querySelectorAll('.pair select').length") == 2


def test_a_thousand_trials_of_200_steps_open_in_two_seconds(
    tab: browser.Browser, tmp_path: Path
) -> None:
    arms = [f"arm {i:02d}" for i in range(20)]
    rows = made.rows(arms, ("nested_kv",), 10, 5)
    study = made.study(rows, arms)
    cells = [dataclasses.replace(c, axis="position", group=str(g)) for c in study.cells
             if c.axis == "all" and c.scorer == "exact" for g in range(42)]  # fmt: skip
    study = dataclasses.replace(study, cells=[*study.cells, *cells])
    assert len(rows) == 1000 and len(study.cells) >= 1000
    whole = page.html(study, made.run(study, rows), made.long_details(rows, 200))
    assert len(whole) <= 10_000_000 and "There was no room" not in whole
    (tmp_path / "large.html").write_text(whole, "utf-8")
    tab.open("about:blank")
    tab.open((tmp_path / "large.html").as_uri())
    loaded = tab.run("performance.getEntriesByType('navigation')[0].loadEventEnd")
    tab.run(f"location.hash = '#/trial?id={rows[700].trial}'")
    opened = tab.until("document.querySelectorAll('.step').length === 200")
    assert loaded <= 2000 and opened <= 2000
