"""Which sections of a typed call are old and which are new, by the words of their names."""

from __future__ import annotations

import pytest

from archgraph.llm import extractive_materials as materials


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (("instructions", "feedback"), ("old", "new")),
        (("present prompt", "verdict.feedback"), ("old", "new")),
        (("feedback",), ("new",)),
        (("instructions",), ("new",)),  # nothing else is there, so it is what the call is about
        (("known_thoughts", "new_thoughts"), ("old", "new")),
    ],
)
def test_sections_are_told_apart_by_their_names(
    names: tuple[str, ...], places: tuple[str, ...]
) -> None:
    body = "\n\n".join(f"## {name}\nSome text of it." for name in names)
    read = materials.read(
        [{"role": "system", "content": "Do it."}, {"role": "user", "content": body}]
    )
    assert tuple(section.place for section in read.sections) == places
