"""Checks of lists and searches: pages with true totals, and finding what was written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.conformance import kit
from archgraph.stores import base, indexes

_LISTING = "make pages with `base.pages` and `base.listing`"
_ORDER = "order by something that is different for each record, such as `seq`"
_SEARCH = "search with `stores.indexes.SearchIndex`, which versions and forks keep true"
_HEAD = re.compile(r"Showing (\d+) of (\d+) results \(page (\d+)/(\d+)")
HELD = 13
"""Writes before pages are turned."""
QUERIES = (
    '"',
    "'",
    "*",
    "(",
    "NEAR(",
    "a AND",
    "NOT",
    "a:b",
    "-x",
    "^",
    "%_",
    "\\",
    "{",
    "\x00",
    "é\u0301",
    "x" * 5_000,
    "\U0001f469",
    "SELECT 1; --",
    "a OR OR b",
    "'\"'\"'",
    "\n",
    "+",
    "item AND NOT item",
)
"""What people type and query languages choke on."""


class Paging(kit.Ground):
    """Pages together hold every result, once."""

    @kit.check("paging", _LISTING, "pages")
    def test_pages_tell_their_total(self, tmp_path: Path) -> None:
        """The first line of a page says how many results there are in all."""
        for store, name, given in self._paged(tmp_path):
            self._all(store, name, given)

    @kit.check("paging", _LISTING, "pages")
    def test_pages_are_complete(self, tmp_path: Path) -> None:
        """Pages of a listing together hold as many different results as the total says."""
        for store, name, given in self._paged(tmp_path):
            total, pages = self._all(store, name, given)
            lines = [line for page in pages for line in page]
            kit.must(
                len(lines) == len(set(lines)) == total,
                f"{name!r} says {total} results; its {len(pages)} pages hold {len(lines)} lines, "
                f"{len(set(lines))} of them different",
            )

    @kit.check("paging", _LISTING, "pages")
    def test_pages_are_full(self, tmp_path: Path) -> None:
        """Every page but the last is as long as the first, and none is empty."""
        for store, name, given in self._paged(tmp_path):
            _, pages = self._all(store, name, given)
            sizes = [len(page) for page in pages]
            fine = all(size == sizes[0] for size in sizes[:-1]) and 0 < sizes[-1] <= sizes[0]
            kit.must(fine, f"the pages of {name!r} have {sizes} results")

    @kit.check("paging", _LISTING, "pages")
    def test_pages_count_themselves(self, tmp_path: Path) -> None:
        """The number of results that a page tells is the number that it shows."""
        for store, name, given in self._paged(tmp_path):
            said = self._ask(store, name, **given)
            head = _HEAD.match(said)
            shown = len(said.split("\n")) - 1
            fine = head and int(head.group(1)) == shown and head.group(3) == "0"
            kit.must(
                fine, f"{name!r} shows {shown} results under the line {said.split(chr(10))[0]!r}"
            )

    @kit.check("paging", _ORDER, "pages")
    def test_pages_are_stable(self, tmp_path: Path) -> None:
        """Turning pages back and forth shows the same."""
        for store, name, given in self._paged(tmp_path):
            _, first = self._all(store, name, given)
            _, again = self._all(store, name, given)
            kit.same(first, again, f"the pages of {name!r} change between two readings")

    @kit.check("paging", _ORDER, "pages")
    def test_pages_are_stable_after_reopening(self, tmp_path: Path) -> None:
        """Pages are the same after the file was closed and opened."""
        before = {n: self._all(s, n, g) for s, n, g in self._paged(tmp_path)}
        with self._reopened(tmp_path) as (_, store):
            for name, pages in before.items():
                given = self._given(base.verbs(self.store_type)[name])
                again = self._all(store, name, given)
                kit.same(pages, again, f"the pages of {name!r} change with reopening")

    @kit.check("paging", _LISTING, "pages")
    def test_there_is_no_page_beyond_the_last(self, tmp_path: Path) -> None:
        """A page after the last is refused, with numbers."""
        for store, name, given in self._paged(tmp_path):
            _, pages = self._all(store, name, given)
            for page in (len(pages), len(pages) + 7, 10**9):
                self._refused(store, name, given, page)

    @kit.check("paging", _LISTING, "pages")
    def test_there_is_no_page_before_the_first(self, tmp_path: Path) -> None:
        """A negative page is refused, with numbers."""
        for store, name, given in self._paged(tmp_path):
            for page in (-1, -(10**9)):
                self._refused(store, name, given, page)

    @kit.check("paging", "count what can be read now, at each call", "pages")
    def test_the_total_follows_writes(self, tmp_path: Path) -> None:
        """A write changes the total at once, where there is room for it."""
        for store, name, given in self._paged(tmp_path):
            before, _ = self._all(store, name, given)
            held = store.measure("count")
            self._write(store.context.db, store, 1, start=HELD)
            after, _ = self._all(store, name, given)
            grown = store.measure("count") - held
            kit.must(
                after - before == grown,
                f"the total of {name!r} went from {before} to "
                f"{after} with {grown:.0f} more records",
            )

    @kit.check("paging", "keep all state in `self.records`", "pages", "versions")
    def test_pages_of_the_past(self, tmp_path: Path) -> None:
        """As of an earlier commit, pages hold what there was."""
        for store, name, given in self._paged(tmp_path):
            db = store.context.db
            then, version = self._all(store, name, given), db.version
            self._write(db, store, 4, start=HELD)
            earlier = self._all(self.open(db, as_of=version), name, given)
            kit.same(then, earlier, f"the pages of {name!r}, as of earlier, differ from then")

    def _paged(self, folder: Path) -> Iterator[tuple[Any, str, dict[str, Any]]]:
        """A filled store and each of its paged verbs with what it needs."""
        with self._filled(folder, HELD) as (_, store):
            for name, verb in self._reading(store).items():
                if "page" in verb.parameters["properties"]:
                    given = self._given(verb)
                    said = self._ask(store, name, **given)
                    kit.must(
                        not said.startswith("ToolError"),
                        f"{name!r} is refused after {HELD} writes with {given}: {said:.120}; "
                        "override argument(), which gives required arguments, so that it finds "
                        "what write() wrote",
                    )
                    yield store, name, given

    def _all(self, store: Any, name: str, given: dict[str, Any]) -> tuple[int, list[list[str]]]:
        """The total, and the lines of every page."""
        said = self._ask(store, name, **given)
        head = _HEAD.match(said)
        if head is None:
            raise kit.Fault(f"{name!r} takes a page, but its first line tells no total: {said:.80}")
        pages = [said] + [
            self._ask(store, name, **given, page=page) for page in range(1, int(head.group(4)) + 1)
        ]
        return int(head.group(2)), [page.split("\n")[1:] for page in pages]

    def _refused(self, store: Any, name: str, given: dict[str, Any], page: int) -> None:
        said = self._ask(store, name, **given, page=page)
        refused = said.startswith("ToolError") and re.search(r"\d", said)
        kit.must(refused, f"{name!r} takes page {page}, which there is not: {said:.80}")


class Finding(kit.Ground):
    """What was written can be found, by whoever may see it."""

    @kit.check("search", _SEARCH, "search")
    def test_it_finds_what_was_written(self, tmp_path: Path) -> None:
        """The words of a record find it, at once and after reopening."""
        with self._filled(tmp_path, 6) as (db, store):
            if self._write_text(db, store, "item of the quetzalcoatl expedition"):
                raise kit.NotApplicable("the type refuses plain texts")
            self._finds(store, "quetzalcoatl")
        with self._reopened(tmp_path) as (_, store):
            self._finds(store, "quetzalcoatl")

    @kit.check("search", _SEARCH, "search")
    def test_it_finds_other_scripts(self, tmp_path: Path) -> None:
        """Words with accents and in other alphabets find their record."""
        with self._filled(tmp_path, 3) as (db, store):
            for word in (
                "Zo\u00eb",
                "\u041c\u043e\u0441\u043a\u0432\u0430",
                "\u05e9\u05dc\u05d5\u05dd",
            ):
                self._write_text(db, store, f"item about {word}")
                self._finds(store, word)

    @kit.check("search", "quote or split what people type before it reaches the index", "search")
    def test_any_query_is_words(self, tmp_path: Path) -> None:
        """No query is an error of the database: syntax is taken as words."""
        with self._filled(tmp_path, 3) as (_, store):
            for query in QUERIES:
                try:
                    store.prepare("search", {"query": query})
                    store.search(query)
                except errors.ToolError:
                    continue
                except Exception as error:  # the type's own
                    raise kit.Fault(
                        f"the query {query[:30]!r} raises {type(error).__name__}: {error}"
                    ) from error

    @kit.check("search", _SEARCH, "search", "rollback")
    def test_it_does_not_find_what_was_undone(self, tmp_path: Path) -> None:
        """What a failed commit wrote is not found."""
        with self._filled(tmp_path, 3) as (db, store):
            self.text = lambda i: "item undone zanzibar"  # type: ignore[method-assign]
            with contextlib.ExitStack() as stack:
                stack.callback(self.__dict__.pop, "text")
                self._fail(db, store, lambda: self.write(store, 0))
            found = self._ask(store, "search", query="zanzibar")
            kit.must("undone zanzibar" not in found, "a search finds what was rolled back")

    @kit.check("search", "let every query name the store", "search", "own file")
    def test_it_finds_nothing_of_others(self, tmp_path: Path) -> None:
        """A search finds nothing of another store of the same agent."""
        with self._filled(tmp_path, 3) as (db, store):
            other = self._begin(db, "other")
            self._write_text(db, other, "item elsewhere zanzibar")
            found = self._ask(store, "search", query="zanzibar")
            kit.must("elsewhere" not in found, "a search finds what another store holds")

    @kit.check(
        "search", "let the search index be derived from the records alone", "search", "own file"
    )
    def test_its_index_can_be_made_again(self, tmp_path: Path) -> None:
        """An index that was dropped is made again, and finds the same."""
        with self._filled(tmp_path, 8) as (db, store):
            if store.search_index() is None:
                raise kit.NotApplicable("the type has no search index of ours")
            before = self._read(store)
            indexes.reset(db, store.name)
            again = self._read(self.open(db))
            kit.same(before, again, "after the index was made again, searches differ")

    @kit.check("search", "return lines, the first of which may count them", "search")
    def test_its_lines_are_few(self, tmp_path: Path) -> None:
        """A thread's context gets no more lines than it asked for."""
        with self._filled(tmp_path, 8) as (_, store):
            for k in (1, 3):
                lines = store.lines("item", k)
                kit.must(len(lines) <= k + 1, f"asked for {k} lines, it gives {len(lines)}")

    def _finds(self, store: Any, word: str) -> None:
        found = self._ask(store, "search", query=word)
        kit.must(word in found, f"a search for {word!r} does not find it: {found:.200}")
