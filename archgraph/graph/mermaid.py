"""A scene as a Mermaid flowchart, which GitHub and most Markdown viewers draw.

Called by `draw` and `contrast`. Stores have a shape for each type. Tools and steps are the labels
of the arrows from thread to store; a thick line is a store in the window, a dashed arrow
makes a thread due. Knows no plan.
"""

from __future__ import annotations

import textwrap

from archgraph.graph import scene

_STORES = {
    "block": ("[", "]"), "log": ("[/", "/]"), "queue": ("[[", "]]"), "collection": ("[(", ")]"),
    "tasks": ("{{", "}}"),
}  # fmt: skip
_OTHER = ("([", "])")
_LABELS = {
    "context": "sees", "view": "view over", "evicts": "evicts into", "refers": "refers to",
    "log": "log",
}  # fmt: skip
_WIDTH = 40
_Arrow = tuple[str, str, str, str]  # source, target, kind, mark
_CLASSES = {
    "thread": "fill:#dbeafa,stroke:#57606a,color:#1b1f24",
    "cause": "fill:#ffffff,stroke:#7a5c00,color:#1b1f24,stroke-dasharray:4 3",
    "block": "fill:#fff6d6,stroke:#57606a,color:#1b1f24",
    "log": "fill:#dff0fb,stroke:#57606a,color:#1b1f24",
    "queue": "fill:#dcf3ec,stroke:#57606a,color:#1b1f24",
    "collection": "fill:#f6e4ee,stroke:#57606a,color:#1b1f24",
    "tasks": "fill:#fde6d8,stroke:#57606a,color:#1b1f24",
    "other": "fill:#ececec,stroke:#57606a,color:#1b1f24",
    "added": "fill:#d9f2ea,stroke:#00795b,color:#1b1f24,stroke-width:2px",
    "removed": "fill:#fbe3e1,stroke:#b3261e,color:#1b1f24,stroke-dasharray:3 3",
    "changed": "fill:#fbf0cf,stroke:#7a5c00,color:#1b1f24,stroke-width:2px",
}
_LINKS = {
    "context": "#0072B2", "reads": "#00795b", "writes": "#C24A00", "both": "#C24A00",
    "log": "#9a4f7d", "trigger": "#7a5c00", "view": "#57606a", "evicts": "#C24A00",
    "refers": "#57606a", "call": "#57606a", "added": "#00795b", "removed": "#b3261e",
    "changed": "#7a5c00",
}  # fmt: skip
_SIGNS = {"": "", "added": "+ ", "removed": "- ", "changed": "~ "}

# Public functions


def mermaid(shown: scene.Scene) -> str:
    """The flowchart of a scene."""
    chart = _Chart(shown)
    return chart.text()


# Private functions


class _Chart:
    """The lines of a flowchart while it is made."""

    def __init__(self, shown: scene.Scene) -> None:
        self.shown = shown
        self.lines = ["flowchart LR"]
        self.used: set[str] = set()
        self.colours: dict[str, list[int]] = {}
        self.links = 0
        self.names = {card.name: f"t{number}" for number, card in enumerate(shown.cards)}
        self.names |= {box.name: f"s{number}" for number, box in enumerate(shown.boxes)}
        self.rows = {(card.name, row.key): row for card in shown.cards for row in card.rows}

    def text(self) -> str:
        """The whole chart."""
        for card in self.shown.cards:
            self._thread(card)
        for box in self.shown.boxes:
            left, right = _STORES.get(box.type, _OTHER)
            words = _joined(_SIGNS[box.mark] + box.name, box.type, *box.notes)
            kind = box.type if box.type in _STORES else "other"
            self._node(self.names[box.name], left + words + right, box.mark or kind)
        for card in self.shown.cards:
            self._causes(card)
        for arrow, labels in self._grouped().items():
            self._link(arrow, labels)
        classes = [f"  classDef {name} {_CLASSES[name]}" for name in _CLASSES if name in self.used]
        colours = [
            f"  linkStyle {','.join(map(str, numbers))} stroke:{_LINKS[kind]}"
            for kind, numbers in self.colours.items()
        ]
        return "\n".join([*self.lines, *classes, *colours, ""])

    def _thread(self, card: scene.Card) -> None:
        """A thread, and in it the tools and steps that touch no store."""
        linked = {end for link in self.shown.links for end in (link.source, link.target)}
        inner = [
            _SIGNS[row.mark] + row.text
            for row in card.rows
            if row.section in (scene.CALLS, scene.STEPS) and (card.name, row.key) not in linked
        ]
        told = textwrap.wrap(" · ".join(inner), _WIDTH, break_long_words=False)
        words = _joined(_SIGNS[card.mark] + card.name, card.notes[0], *told)
        self._node(self.names[card.name], f"({words})", card.mark or "thread")

    def _node(self, name: str, shape: str, style: str) -> None:
        self.lines.append(f"  {name}{shape}:::{style}")
        self.used.add(style)

    def _causes(self, card: scene.Card) -> None:
        """What makes a thread due from outside: a node for each row that no link leads to."""
        for number, row in enumerate(row for row in card.rows if row.icon):
            name = f"{self.names[card.name]}_{number}"
            words = _joined(_SIGNS[row.mark] + row.text, row.note)
            self._node(name, f">{words}]", row.mark or "cause")
            self._arrow(name, "-.->", self.names[card.name], row.mark or "trigger")

    def _grouped(self) -> dict[_Arrow, list[str]]:
        """Links of one kind between the same two nodes are one arrow with all of their labels.

        An arrow to a store leads from the thread, whichever way data flows: so threads stand left
        of what they use.
        """
        found: dict[_Arrow, list[str]] = {}
        for link in self.shown.links:
            ends = (link.source, link.target)
            if link.kind in ("context", "reads"):
                ends = (link.target, link.source)
            row = self.rows.get(link.target if link.kind == "trigger" else ends[0])
            label = _LABELS.get(link.kind, row.text if row else "")
            if link.kind == "trigger" and link.background:
                label += ", background"
            if link.kind == "context" and row and row.text != link.source[0]:
                label = f"sees {row.text}"
            key = (ends[0][0], ends[1][0], link.kind, link.mark)
            labels = found.setdefault(key, [])
            if (told := _SIGNS[link.mark] + label) not in labels:
                labels.append(told)
        return found

    def _link(self, arrow: _Arrow, labels: list[str]) -> None:
        source, target, kind, mark = arrow
        sign = {"context": "===", "both": "<-->", "trigger": "-.->", "log": "-.->"}.get(kind, "-->")
        self._arrow(
            self.names[source], f"{sign}|{_joined(*labels)}|", self.names[target], mark or kind
        )

    def _arrow(self, source: str, arrow: str, target: str, colour: str) -> None:
        self.lines.append(f"  {source} {arrow} {target}")
        self.colours.setdefault(colour, []).append(self.links)
        self.links += 1


def _joined(*lines: str) -> str:
    return _quoted("\n".join(filter(None, lines)))


def _quoted(label: str) -> str:
    """A label in which nothing means anything to Mermaid, HTML or Markdown."""
    for sign, code in (("#", "#35;"), ("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"),
                       ("`", "#96;"), ("*", "#42;"), ("\\", "#92;")):  # fmt: skip
        label = label.replace(sign, code)
    return '"' + label.replace("\n", "<br/>") + '"'
