"""Store types that are wrong in one way each: small variations of `Notes`, which is right."""

from __future__ import annotations

import datetime
import random
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.stores import base
from tests.conformance.contracts import Notes

SHARED: list[str] = []


class InMemory(Notes):
    """Keeps its notes in the process alone."""

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.notes: list[str] = []

    def take(self, content: str) -> None:
        self.notes.append(content)

    def render(self, view: base.View) -> str:
        return base.cut("\n".join(self.notes), view.cap or 100, self.context.count)


class BesideTheFile(Notes):
    """Keeps its notes in a file beside the agent's."""

    @property
    def path(self) -> Path:
        return Path(self.context.db.path).with_name("notes.txt")

    def take(self, content: str) -> None:
        with self.path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"{content[:100]!r}\n")

    def render(self, view: base.View) -> str:
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        return base.cut(text, view.cap or self.options.token_cap(), self.context.count)


class InItsClass(Notes):
    """Keeps a counter in the class."""

    written = 0

    def take(self, content: str) -> None:
        InItsClass.written += 1
        super().take(content)


class InItsModule(Notes):
    """Keeps a list in the module."""

    def take(self, content: str) -> None:
        SHARED.append(content)
        super().take(content)


class Silent(Notes):
    """Tells nobody that it wrote."""

    def wrote(self, **payload: Any) -> None:
        pass


class Twice(Notes):
    """Tells of each write twice."""

    def take(self, content: str) -> None:
        super().take(content)
        self.wrote()


class Hasty(Notes):
    """Tells of a write before it checks it."""

    def take(self, content: str) -> None:
        self.wrote()
        if len(content) > 1000:
            raise errors.ToolError(f"too long: {len(content)} characters of at most 1000")
        super().take(content)

    @base.verb(writes=True)
    def insert(self, content: str) -> str:
        """Add a note.

        Args:
            content: What to note.
        """
        self.take(content)
        return "Noted."


class Undeclared(Notes):
    """Emits an event that it does not declare."""

    def take(self, content: str) -> None:
        super().take(content)
        self.context.emit(self.name, "noted", {})


class Unkept(Notes):
    """Hands an object to the journal."""

    def wrote(self, **payload: Any) -> None:
        super().wrote(note=object())


class Boundless(Notes):
    """Renders more than it declares."""

    def render(self, view: base.View) -> str:
        return "\n".join(record.content for record in self.records.select()) * 50


class Greedy(Notes):
    """Knows its own cap, but not its reader's."""

    def render(self, view: base.View) -> str:
        return super().render(base.View())


class Characters(Notes):
    """Cuts at characters where tokens are declared."""

    def take(self, content: str) -> None:
        self.records.add(base.Record(content=content[:160], tokens=self.context.count(content)))
        for old in self.records.select()[: -self.options.keep]:
            self.records.remove(old)

    def render(self, view: base.View) -> str:
        text = "\n".join(record.content for record in self.records.select())
        return text[: 4 * (view.cap or self.options.token_cap())]


class Limited(Notes):
    """Has a limit, as the variations below have; this one keeps it."""

    class Options(Notes.Options):
        """Keys of a store with a limit."""

        limit: int = 100
        """The most characters of a note."""

    def take(self, content: str) -> None:
        if len(content) > self.options.limit:
            raise errors.ToolError(
                f"the note has {len(content)} characters of at most {self.options.limit}"
            )
        super().take(content)


class OffByOne(Limited):
    """Refuses a text that is as long as its limit."""

    def take(self, content: str) -> None:
        if len(content) == self.options.limit:
            raise errors.ToolError(f"longer than {self.options.limit} characters")
        super().take(content)


class Limitless(Limited):
    """Has a limit that nobody keeps."""

    def take(self, content: str) -> None:
        Notes.take(self, content)


class Numberless(Limited):
    """Refuses without saying how long is too long."""

    def take(self, content: str) -> None:
        if len(content) > self.options.limit:
            raise errors.ToolError("the note is too long")
        super().take(content)


class Late(Limited):
    """Checks its limit after it has written."""

    def take(self, content: str) -> None:
        Notes.take(self, content)
        super().take(content)


class Echoing(Limited):
    """Sends a refused text back whole."""

    def take(self, content: str) -> None:
        if len(content) > self.options.limit:
            raise errors.ToolError(f"more than {self.options.limit} characters: {content}")
        super().take(content)


class Overfull(Notes):
    """Takes more than its capacity."""

    class Options(Notes.Options):
        """Keys of a store with a capacity."""

        capacity: int = 3
        """The most notes."""


class Swallowing(Overfull):
    """Drops what does not fit, without a word."""

    def take(self, content: str) -> None:
        if self.records.count() < self.options.capacity:
            super().take(content)


class Ascii(Notes):
    """Loses what is not ASCII."""

    def take(self, content: str) -> None:
        super().take(content.encode("ascii", "replace").decode())


class Normalising(Notes):
    """Composes letters and their marks."""

    def take(self, content: str) -> None:
        import unicodedata

        super().take(unicodedata.normalize("NFKC", content))


class CuttingAtNul(Notes):
    """Takes a text as C does."""

    def take(self, content: str) -> None:
        super().take(content.split("\0")[0])


class Splitting(Notes):
    """Splits lines where Python does."""

    def take(self, content: str) -> None:
        super().take("\n".join(content.splitlines()))


class Formatting(Notes):
    """Treats a text as a template."""

    def take(self, content: str) -> None:
        super().take(content.replace("{{ 7 * 191 }}", "1337"))


class Framed(Notes):
    """Renders a frame that a text can close."""

    def render(self, view: base.View) -> str:
        return f"<{self.name}>\n{super().render(view)}\n</{self.name}>"

    class Options(Notes.Options):
        """Keys of a framed store."""

        def token_cap(self) -> int:
            return super().token_cap() + 10


class Dicing(Notes):
    """Marks each note by chance."""

    def take(self, content: str) -> None:
        super().take(f"{content} ({random.random()})")


class OwnIds(Notes):
    """Makes ids that differ from run to run."""

    def take(self, content: str) -> None:
        text = base.cut(content, 40, self.context.count)
        tokens = self.context.count(text)
        self.records.add(base.Record(id=uuid.uuid4().hex, content=text, tokens=tokens))


class WallClock(Notes):
    """Asks the machine for the day."""

    def take(self, content: str) -> None:
        super().take(f"{datetime.date.today()}: {content}")


class Dated(Notes):
    """Dates its records by the machine's clock."""

    def take(self, content: str) -> None:
        text = base.cut(content, 40, self.context.count)
        tokens = self.context.count(text)
        self.records.add(base.Record(content=text, tokens=tokens, created=time.time()))


class Hashing(Notes):
    """Depends on the seed of hash()."""

    def take(self, content: str) -> None:
        super().take(f"{content} {' '.join({'north', 'east', 'south', 'west', 'up', 'down'})}")


class Caching(Notes):
    """Keeps a count beside its records, and does not drop it when a commit is undone."""

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self._count: int | None = None

    def take(self, content: str) -> None:
        super().take(content)
        self._count = self.records.count()

    def measure(self, name: str) -> float:
        if name == "count" and self._count is not None:
            return self._count
        return super().measure(name)


class Frozen(Notes):
    """Renders once and shows that for ever."""

    _text: str | None = None

    def render(self, view: base.View) -> str:
        if self._text is None:
            self._text = super().render(view)
        return self._text


class Miscounting(Notes):
    """Counts one too many once there are some."""

    def measure(self, name: str) -> float:
        found = super().measure(name)
        return found + 1 if name == "count" and found > 5 else found


class Negative(Notes):
    """Measures what is left, below nothing."""

    measures = ("count", "tokens", "room")

    def measure(self, name: str) -> float:
        return 3 - self.records.count() if name == "room" else super().measure(name)


class Tokenless(Notes):
    """Counts no tokens."""

    def take(self, content: str) -> None:
        self.records.add(base.Record(content=base.cut(content, 40, self.context.count)))
        for old in self.records.select()[: -self.options.keep]:
            self.records.remove(old)


class Presuming(Notes):
    """Answers 0 to any measure."""

    def measure(self, name: str) -> float:
        return super().measure(name) if name in self.measures else 0


class Overwriting(Notes):
    """Changes rows in place, and so forgets earlier versions."""

    def take(self, content: str) -> None:
        self.context.db.execute(
            "UPDATE record SET content = content || '!' WHERE store = ?", (self.name,)
        )
        super().take(content)


class Deleting(Notes):
    """Deletes rows to make room."""

    def take(self, content: str) -> None:
        self.context.db.execute("DELETE FROM record WHERE store = ?", (self.name,))
        super().take(content)


class Present(Notes):
    """Reads the present where the past is asked for."""

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.records.live = "died IS NULL"


class Impostor(Notes):
    """Writes in the name of a thread of its own."""

    def take(self, content: str) -> None:
        text = base.cut(content, 40, self.context.count)
        tokens = self.context.count(text)
        self.records.add(base.Record(content=text, tokens=tokens, thread="notes"))


class Meddling(Notes):
    """Sets who writes."""

    def take(self, content: str) -> None:
        from archgraph.storage import database

        self.context.db.actor = database.Actor(thread="notes")
        super().take(content)


class Committing(Notes):
    """Ends the commit that it is part of."""

    def take(self, content: str) -> None:
        super().take(content)
        self.context.db.connection.execute("COMMIT")
        self.context.db.connection.execute("BEGIN IMMEDIATE")
        self.context.db.version += 1


class Beginning(Notes):
    """Writes what it begins with each time that it is opened."""

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        if context.db.writable and not context.db.in_transaction:
            with context.db.transaction():
                self.take("Welcome.")


class Everywhere(Notes):
    """Shows what all stores hold."""

    def render(self, view: base.View) -> str:
        rows = self.context.db.all("SELECT content FROM record WHERE died IS NULL ORDER BY seq")
        text = "\n".join(row[0] for row in rows)
        return base.cut(text, view.cap or self.options.token_cap(), self.context.count)


class Trespassing(Notes):
    """Writes rows of another store."""

    def take(self, content: str) -> None:
        super().take(content)
        from archgraph.storage import records

        records.Records(self.context.db, "recall").add(base.Record(content="from notes"))


class Paging(Notes):
    """The list below is the right one, with a mistake in each variation."""

    size, overlap, order = 5, 0, "seq"

    @base.verb(reads=True)
    def list(self, page: int = 0) -> str:
        """List notes.

        Args:
            page: Page of the list, from 0.
        """
        total = self.records.count() + self.extra()
        offset, _ = base.pages(total, page, self.size)
        found = self.records.select(
            limit=self.size, offset=max(0, offset - self.overlap * page), order=self.order
        )
        return base.listing([f"- {r.content!r}" for r in found], total, page, self.size)

    def extra(self) -> int:
        return 0


class Overlapping(Paging):
    """Shows the last of a page again on the next."""

    overlap = 1


class Exaggerating(Paging):
    """Tells a total that is too large."""

    def extra(self) -> int:
        return 2


class Shuffling(Paging):
    """Lists in no certain order."""

    order = "random()"


class Endless(Notes):
    """Takes pages that there are not."""

    @base.verb(reads=True)
    def list(self, page: int = 0) -> str:
        """List notes.

        Args:
            page: Page of the list, from 0.
        """
        found = self.records.select(limit=5, offset=max(0, page) * 5)
        return base.listing([f"- {r.content!r}" for r in found], self.records.count(), 0, 5)


class Totalless(Notes):
    """Pages without saying how many there are."""

    @base.verb(reads=True)
    def list(self, page: int = 0) -> str:
        """List notes.

        Args:
            page: Page of the list, from 0.
        """
        found = self.records.select(limit=5, offset=max(0, page) * 5)
        return "\n".join(f"- {r.content!r}" for r in found) or "Nothing."


class Crashing(Notes):
    """Raises what a model cannot be told."""

    @base.verb(reads=True)
    def read(self, number: str) -> str:
        """Read a note.

        Args:
            number: Its number.
        """
        return self.records.select()[int(number)].content


class Wordless(Notes):
    """Has a verb that gives no text."""

    @base.verb(reads=True)
    def size(self) -> Any:
        """Tell how many notes there are."""
        return self.records.count()


class Searching(Notes):
    """Searches with SQL that people's words become part of."""

    @base.verb(reads=True)
    def search(self, query: str) -> str:
        """Search the notes.

        Args:
            query: What to look for.
        """
        found = self.records.select(f"content LIKE '%{query}%'")
        return "\n".join(r.content for r in found[:5]) or "No results found."


class Blind(Notes):
    """Finds the oldest, whatever is asked."""

    @base.verb(reads=True)
    def search(self, query: str) -> str:
        """Search the notes.

        Args:
            query: What to look for.
        """
        return "\n".join(r.content for r in self.records.select(limit=2)) or "No results found."


class Sly(Notes):
    """Writes in a verb that is marked as reading."""

    @base.verb(reads=True)
    def glance(self) -> str:
        """Glance at the notes."""
        self.take("glanced")
        return "Seen."


class Undescribed(Notes):
    """Has a verb that says nothing of its argument."""

    @base.verb(writes=True)
    def drop(self, number: str) -> str:
        """Drop a note."""
        return f"There is no note {number[:20]}."


class Nameless(Notes):
    def silent(self) -> None:
        """Only the class lacks a docstring."""


Nameless.__doc__ = None


class Lenient(Notes):
    """Takes any key in YAML."""

    class Options(Notes.Options, extra="ignore"):
        """Keys, and whatever else there is."""


class Unexplained(Notes):
    """Has an option that nobody explains."""

    class Options(Notes.Options):
        """Keys of a store with a riddle."""

        depth: int = 3


class Selfish(Notes):
    """Reads through a connection of its own, which cannot see what is being written."""

    def measure(self, name: str) -> float:
        if name != "count":
            return super().measure(name)
        connection = sqlite3.connect(self.context.db.path)
        try:
            sql = "SELECT count(*) FROM record WHERE store = ? AND died IS NULL AND born <= 4"
            return int(connection.execute(sql, (self.name,)).fetchone()[0])
        finally:
            connection.close()


class Jotting(Notes):
    """Writes when it is rendered."""

    def render(self, view: base.View) -> str:
        if self.context.db.writable and not self.context.db.in_transaction:
            with self.context.db.transaction():
                self.records.add(base.Record(content="looked at", tokens=3))
        return super().render(view)


# What the suite cannot write to, or look at, without being told how


class Wayless(base.Store):
    """A verb of two texts, and none of one."""

    Options = Notes.Options

    @base.verb(writes=True)
    def note(self, text: str, by: str) -> str:
        """Note what somebody said.

        Args:
            text: What was said.
            by: Who said it.
        """
        kept = base.cut(f"{by}: {text}", self.options.note_cap, self.context.count)
        self.records.add(base.Record(content=kept, tokens=self.context.count(kept)))
        self.wrote()
        return "Noted."

    def render(self, view: base.View) -> str:
        text = "\n".join(record.content for record in self.records.select())
        return base.cut(text, view.cap or self.options.token_cap(), self.context.count)


class Refusing(Notes):
    """Takes numbers only."""

    def take(self, content: str) -> None:
        if not content.isdigit():
            raise errors.ToolError("not a number")
        super().take(content)


class Failing(Notes):
    """Has a mistake in its verb."""

    def take(self, content: str) -> None:
        raise KeyError("no such key")


class Picky(Notes):
    """Lists what one person said."""

    @base.verb(reads=True)
    def list(self, of: str, page: int = 0) -> str:
        """List notes of a person.

        Args:
            of: Who.
            page: Page of the list, from 0.
        """
        raise errors.ToolError(f"nobody {of!r}")
