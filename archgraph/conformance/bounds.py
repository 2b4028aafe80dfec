"""Checks of limits: what may be shown and stored, enforced before a write and told with numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.conformance import kit
from archgraph.storage import database
from archgraph.stores import base

_CUT = "cut with `base.cut(text, cap, self.context.count)`"
_BEFORE = "check every limit first and raise errors.ToolError, then write"
_ROOM = (
    "make room or refuse before the write; an option that bounds something else than records "
    "needs another name than `capacity`"
)
_NUMBERS = "say in the ToolError what was given and what the limit is, in numbers"
MANY = 60
"""Writes after which a store without a bound would be over its cap."""
LONG = 200_000
"""Characters that no store should take into a context window."""
SLACK = 4
"""Tokens by which the tags around a full text may be longer than those around an empty one."""


class Bounds(kit.Ground):
    """Limits hold, whatever is written."""

    @kit.check("limits", f"{_CUT}, or declare a larger `token_cap()`", "token cap", "text")
    def test_it_keeps_to_its_caps(self, tmp_path: Path) -> None:
        """Rendering stays within the declared cap after many writes."""
        with self._filled(tmp_path, MANY) as (_, store):
            self._within(store)

    @kit.check("limits", f"{_CUT}, or declare a larger `token_cap()`", "token cap", "text")
    def test_long_texts_keep_to_its_caps(self, tmp_path: Path) -> None:
        """Rendering stays within the declared cap after texts of every length."""
        with self._agent(tmp_path) as (db, store):
            for length in (10, 100, 1_000, 5_000, 50_000, LONG):
                self._write_text(db, store, "word " * (length // 5))
                self._within(store)

    @kit.check(
        "limits",
        f"{_CUT}: count tokens with `self.context.count`, not characters",
        "token cap",
        "text",
    )
    def test_dense_texts_keep_to_its_caps(self, tmp_path: Path) -> None:
        """Where each character is a token, rendering stays within the declared cap."""
        self.count = len  # type: ignore[method-assign, assignment]
        try:
            with self._agent(tmp_path) as (db, store):
                self._within(store)
                for length in (20, 200, 700, *range(1_500, 1_520), 7_000):
                    self._write_text(db, store, "x" * length)
                    self._within(store)
        finally:
            del self.count

    @kit.check("limits", f"{_CUT}: `view.cap` is the most that this reader can take", "text")
    def test_it_keeps_to_a_readers_cap(self, tmp_path: Path) -> None:
        """Rendering stays within a reader's own cap, a frame of tags aside."""
        with self._agent(tmp_path) as (db, store):
            frame = self.count(store.render(base.View())) if "<" in store.render(base.View()) else 0
            self._write(db, store, 12)
            for cap in (1, 5, 20, 60, 200):
                taken = self.count(store.render(base.View(cap=cap)))
                kit.must(
                    taken <= cap + frame + SLACK,
                    f"for a reader with room for {cap} tokens it renders {taken}",
                )

    @kit.check("limits", "let a larger cap show at least as much", "text")
    def test_a_larger_cap_shows_no_less(self, tmp_path: Path) -> None:
        """A reader with more room is shown no less."""
        with self._filled(tmp_path, 12) as (_, store):
            sizes = [len(store.render(base.View(cap=cap))) for cap in (10, 100, 1_000, 10_000)]
            kit.must(sizes[0] <= sizes[-1], f"a larger cap shows less: {sizes} characters")

    @kit.check("limits", "treat 0 as `no cap of the reader's own`", "text")
    def test_no_cap_is_not_none(self, tmp_path: Path) -> None:
        """A view without a cap shows the store, not nothing."""
        with self._filled(tmp_path, 2) as (_, store):
            roomy = store.render(base.View(cap=100_000))
            kit.must(store.render(base.View()) or not roomy, "without a cap it shows nothing")

    @kit.check("limits", f"{_BEFORE}, or cut the text")
    def test_a_huge_text_is_bounded(self, tmp_path: Path) -> None:
        """A text of 200,000 characters is refused, cut, or never shown whole."""
        with self._agent(tmp_path) as (db, store):
            self._write_text(db, store, "huge " * (LONG // 5))
            shown = max(map(len, (store.render(base.View()), *self._read(store).values())))
            fine = shown < LONG // 2 or store.shows_messages
            kit.must(fine, f"it shows {shown} characters of a text of {LONG}")

    @kit.check("limits", _BEFORE)
    def test_a_refusal_leaves_nothing(self, tmp_path: Path) -> None:
        """A refused write wrote nothing, even where the commit goes on."""
        with self._filled(tmp_path, 1) as (db, store):
            for text in ("", "   ", "huge " * (LONG // 5)):
                before, state = self._rows(db), self._state(store)
                if self._refused_within_a_commit(db, store, text):
                    kit.same(before, self._rows(db), "a refused write was written in part")
                    store.refresh()
                    kit.same(state, self._state(store), "a refused write shows in the store")

    @kit.check("limits", _NUMBERS)
    def test_a_refusal_tells_numbers(self, tmp_path: Path) -> None:
        """The refusal of a long text says how long it was or may be."""
        with self._agent(tmp_path) as (db, store):
            refusal = self._write_text(db, store, "huge " * (LONG // 5))
            if refusal is None:
                raise kit.NotApplicable("the type takes texts of any length")
            kit.must(re.search(r"\d", str(refusal)), f"a refusal without a number: {refusal}")

    @kit.check("limits", "quote at most the beginning of what was given")
    def test_a_refusal_is_short(self, tmp_path: Path) -> None:
        """A refusal does not send the long text back to the model."""
        with self._agent(tmp_path) as (db, store):
            refusal = str(self._write_text(db, store, "huge " * (LONG // 5)) or "")
            kit.must(len(refusal) < 2_000, f"a refusal of {len(refusal)} characters")

    @kit.check("limits", "take what is within the limit: compare with >, not with >=", "`limit`")
    def test_the_limit_itself_is_allowed(self, tmp_path: Path) -> None:
        """A text that is exactly as long as `limit` is taken."""
        with self._agent(tmp_path) as (db, store):
            refusal = self._write_text(db, store, _words(store.options.limit))
            kit.must(refusal is None, f"it refuses a text as long as its limit: {refusal}")

    @kit.check("limits", _BEFORE, "`limit`")
    def test_over_the_limit_is_refused(self, tmp_path: Path) -> None:
        """A text of one character more than `limit` is refused, with numbers."""
        with self._agent(tmp_path) as (db, store):
            limit = store.options.limit
            refusal = self._write_text(db, store, _words(limit + 1))
            kit.must(refusal is not None, f"it takes {limit + 1} characters; `limit` is {limit}")
            told = str(limit) in str(refusal).replace(",", "")
            kit.must(told, f"the refusal does not say the limit of {limit}: {refusal}")

    @kit.check("limits", _ROOM, "`capacity`")
    def test_its_capacity_holds(self, tmp_path: Path) -> None:
        """It never holds more than `capacity` records."""
        with self._agent(tmp_path) as (db, store):
            capacity = store.options.capacity
            for i in range(capacity + 4):
                self._write(db, store, 1, start=i)
                held = store.measure("count") if "count" in store.measures else 0
                kit.must(held <= capacity, f"it holds {held} records; its capacity is {capacity}")

    @kit.check("limits", f"let the oldest go, or refuse: {_NUMBERS}", "`capacity`")
    def test_a_full_store_says_so_or_makes_room(self, tmp_path: Path) -> None:
        """A write to a full store is refused with numbers, or is there afterwards."""
        with self._agent(tmp_path) as (db, store):
            self._write(db, store, store.options.capacity)
            refusal = self._write_text(db, store, "item overflowing")
            if refusal is None:
                fine = "overflowing" in self._shown(store)
                kit.must(fine, "a write to a full store is lost without a word")
            else:
                told = str(store.options.capacity) in str(refusal)
                kit.must(told, f"the refusal of a full store names no capacity: {refusal}")

    @kit.check("limits", "show at most `page_size` results on a page", "`page_size`", "pages")
    def test_a_page_has_its_size(self, tmp_path: Path) -> None:
        """A page has at most `page_size` results."""
        with self._filled(tmp_path, 13) as (_, store):
            for name, said in self._read(store).items():
                head = re.match(r"Showing (\d+) of", said)
                shown, size = int(head.group(1)) if head else 0, store.options.page_size
                kit.must(shown <= size, f"a page of {name!r} has {shown} results, not {size}")

    @kit.check(
        "limits", f"{_CUT}, each result at `result_cap`", "`page_size`", "`result_cap`", "pages"
    )
    def test_a_page_is_capped(self, tmp_path: Path) -> None:
        """A page of long results takes at most `page_size` times `result_cap`."""
        with self._agent(tmp_path) as (db, store):
            for i in range(8):
                self._write_text(db, store, f"item {i} " + "word " * 1_000)
            options = store.options
            most = options.page_size * (options.result_cap + 1) + 40
            for name, verb in self._reading(store).items():
                if "page" in verb.parameters["properties"]:
                    taken = self.count(self._ask(store, name, **self._given(verb)))
                    kit.must(
                        taken <= most,
                        f"a page of {name!r} takes {taken} tokens; {most} are "
                        "declared by page_size and result_cap",
                    )

    def _within(self, store: Any) -> None:
        cap, taken = store.options.token_cap(), self.count(store.render(base.View()))
        if not store.shows_messages:
            kit.must(taken <= cap, f"it renders {taken} tokens, its token_cap() is {cap}")

    def _refused_within_a_commit(self, db: database.Database, store: Any, text: str) -> bool:
        """Write a text in a commit that goes on after a refusal."""
        refusals: list[Any] = []

        def write() -> None:
            refusals.append(_refusal(lambda: self.write(store, 0)))

        self.text = lambda i: text  # type: ignore[method-assign]
        try:
            self._attempt(db, store, write)
        finally:
            del self.text
        return bool(refusals and refusals[0])


def _refusal(call: Callable[[], Any]) -> Any:
    try:
        call()
    except errors.ToolError as error:
        return error
    return None


def _words(length: int) -> str:
    """A text of exactly that many characters, in words."""
    return ("word " * (length // 5 + 1))[: length - 1] + "."
