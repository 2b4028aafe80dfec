"""Checks of texts: whatever people write comes back as it was, or is refused in words."""

from __future__ import annotations

from pathlib import Path

from archgraph.conformance import kit
from archgraph.stores import base

_AS_IS = "store the text as it is: no encoding, stripping, normalising or formatting"
_REFUSE = "store it, or refuse it with errors.ToolError before anything is written"
CUT = 8
"""Characters that are left of a text that was cut with a visible mark."""


class Texts(kit.Ground):
    """Every text survives, or is refused; none breaks the store."""

    @kit.check("unicode", _AS_IS)
    def test_unicode_survives(self, tmp_path: Path) -> None:
        """Accents, typographic quotes and SQL come back as they were written."""
        self._survives(tmp_path, kit.TEXTS[0])

    @kit.check("unicode", _AS_IS)
    def test_other_scripts_survive(self, tmp_path: Path) -> None:
        """Chinese, Hindi and Georgian come back as they were written."""
        self._survives(tmp_path, "\u6f22\u5b57 \u0939\u093f\u0928\u094d\u0926\u0940 \u10e5\u10d0")

    @kit.check("unicode", _AS_IS)
    def test_right_to_left_survives(self, tmp_path: Path) -> None:
        """Hebrew and Arabic, with marks of direction, come back as they were written."""
        self._survives(
            tmp_path, "\u05e9\u05dc\u05d5\u05dd \u200f\u202eabc\u202c \u0645\u0631\u062d"
        )

    @kit.check("unicode", _AS_IS)
    def test_astral_characters_survive(self, tmp_path: Path) -> None:
        """Characters beyond 16 bits come back as they were written."""
        self._survives(tmp_path, "\U0001f469\u200d\U0001f680 \U0001f1e8\U0001f1ed \U00020000")

    @kit.check("unicode", f"{_AS_IS} (no NFC or NFD)")
    def test_combining_marks_survive(self, tmp_path: Path) -> None:
        """Composed and decomposed forms stay what they were."""
        self._survives(tmp_path, "e\u0301 \u00e9 a\u0308\u0323 \ufb01 \u2126 \u212b")

    @kit.check("unicode", f"{_AS_IS}; split lines at \\n alone, not with splitlines()")
    def test_rare_line_ends_survive(self, tmp_path: Path) -> None:
        """Line separators that Python knows and nobody else come back as they were."""
        self._survives(tmp_path, "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg")

    @kit.check("unicode", _AS_IS)
    def test_spaces_survive(self, tmp_path: Path) -> None:
        """Spaces of every width, and those that have none, come back as they were."""
        self._survives(tmp_path, "a\u00a0b\u2003c\u200bd\ufeffe\u3000f  g\th")

    @kit.check("unicode", _REFUSE)
    def test_nul_does_no_harm(self, tmp_path: Path) -> None:
        """A NUL within a text cuts nothing off."""
        self._survives(tmp_path, "before\x00after")

    @kit.check("unicode", _REFUSE)
    def test_control_characters_do_no_harm(self, tmp_path: Path) -> None:
        """Control characters come back as they were."""
        self._survives(tmp_path, "a\x01b\x07c\x1b[31md\x7fe")

    @kit.check("unicode", _REFUSE)
    def test_half_a_character_does_no_harm(self, tmp_path: Path) -> None:
        """A lone surrogate, which no database takes, leaves nothing (the runtime mends them)."""
        with self._filled(tmp_path, 2) as (db, store):
            before = self._state(store)
            try:
                self._write_text(db, store, "half \ud83d a character")
            except UnicodeEncodeError:
                store.refresh()
                kit.same(before, self._state(store), "half a character left a trace")
            self._write(db, store, 1, start=2)
            self._state(store)

    @kit.check("texts", _AS_IS)
    def test_markup_survives(self, tmp_path: Path) -> None:
        """Tags, entities and Markdown come back as they were written."""
        self._survives(tmp_path, "<b>&amp; &lt;i&gt;</b> **x** `y` # z <!-- w -->")

    @kit.check("texts", _AS_IS)
    def test_json_survives(self, tmp_path: Path) -> None:
        """JSON, back-slashes and quotes come back as they were written."""
        self._survives(tmp_path, '{"a": "b\\n\\u0041", \'c\': [1, null]} \\\\ \\" end')

    @kit.check("texts", _AS_IS)
    def test_syntax_survives(self, tmp_path: Path) -> None:
        """What looks like SQL, a query or a template comes back as it was written."""
        self._survives(tmp_path, "'); DROP TABLE record;-- NEAR(a b) OR * ^ %s {} {{x}} ${y}")

    @kit.check("texts", _AS_IS)
    def test_numbers_stay_texts(self, tmp_path: Path) -> None:
        """A text of digits stays a text, with its zeros."""
        self._survives(tmp_path, "007.50e10")

    @kit.check("texts", _AS_IS)
    def test_words_of_data_stay_texts(self, tmp_path: Path) -> None:
        """`null`, `true` and `nan` are words."""
        for number, word in enumerate(("null", "None", "true", "nan", "off")):
            self._survives(tmp_path / str(number), word)

    @kit.check("texts", _AS_IS)
    def test_lines_survive(self, tmp_path: Path) -> None:
        """A text of several lines keeps them."""
        self._survives(tmp_path, "first line\nsecond line\n\n  fourth line")

    @kit.check("texts", _REFUSE)
    def test_one_long_word_does_no_harm(self, tmp_path: Path) -> None:
        """A word of 5,000 letters is kept, cut or refused."""
        with self._agent(tmp_path) as (db, store):
            self._write_text(db, store, "x" * 5_000)
            self._state(store)
            self._write(db, store, 1)
            self._state(store)

    def _survives(self, folder: Path, text: str) -> None:
        """A text comes back, now and after reopening; or it was refused and left nothing."""
        folder.mkdir(exist_ok=True)
        if not self._keeps_texts(folder / "probe"):
            raise kit.NotApplicable("the type does not keep texts as they are")
        with self._agent(folder) as (db, store):
            before = self._state(store)
            if self._write_text(db, store, text) is not None:
                kit.same(before, self._state(store), f"refused, {text!r} left a trace")
                return
            shown = self._shown(store)
            cut = "[cut:" in shown and text[:CUT] in shown
            kit.must(cut or _holds(shown, text), f"{text!r} came back as {shown!r:.300}")
        with self._reopened(folder) as (_, store):
            again = self._shown(store)
            whole = cut or _holds(again, text)
            kit.must(whole, f"{text!r} is lost or changed by closing and opening")


def _holds(shown: str, text: str) -> bool:
    """Whether a text is there, as it is or as an item of a list."""
    return text in shown or base.indented(text) in shown
