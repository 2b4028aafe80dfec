"""A scene as a Mermaid flowchart, which GitHub and most Markdown viewers draw.

Called by `draw`. A thread is a box around its tools or steps; stores have a shape for each type;
thick arrows stand in a window, dashed ones make a thread due. Knows no plan.
"""

from __future__ import annotations

from archgraph.graph import scene

_STORES = {
    "block": ("[", "]"), "log": ("[/", "/]"), "queue": ("[[", "]]"), "collection": ("[(", ")]"),
    "tasks": ("{{", "}}"),
}  # fmt: skip
_OTHER = ("([", "])")
_WORDS = {"view": "view over", "evicts": "evicts into", "refers": "refers to", "log": "log",
          "call": "calls"}  # fmt: skip
_CLASSES = {
    "thread": "fill:#dbeafa,stroke:#57606a,color:#1b1f24",
    "tool": "fill:#ffffff,stroke:#57606a,color:#1b1f24",
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
        self.ends: dict[tuple[str, str], str] = {}
        for number, card in enumerate(shown.cards):
            self.ends[card.name, ""] = f"t{number}"
        for number, box in enumerate(shown.boxes):
            self.ends[box.name, ""] = f"s{number}"

    def text(self) -> str:
        """The whole chart."""
        for card in self.shown.cards:
            self._thread(card)
        for box in self.shown.boxes:
            kind = box.type if box.type in _STORES else "other"
            left, right = _STORES.get(box.type, _OTHER)
            words = _joined(_SIGNS[box.mark] + box.name, box.type, *box.notes)
            self._node(self.ends[box.name, ""], left + words + right, box.mark or kind)
        for card in self.shown.cards:
            self._causes(card)
        for link in self.shown.links:
            self._link(link)
        classes = [f"  classDef {name} {_CLASSES[name]}" for name in _CLASSES if name in self.used]
        colours = [
            f"  linkStyle {','.join(map(str, numbers))} stroke:{_LINKS[kind]}"
            for kind, numbers in self.colours.items()
        ]
        return "\n".join([*self.lines, *classes, *colours, ""])

    def _thread(self, card: scene.Card) -> None:
        """A thread: a box around its tools or steps; without any, a node."""
        name = self.ends[card.name, ""]
        words = _joined(_SIGNS[card.mark] + card.name, card.notes[0])
        inner = [row for row in card.rows if row.section in (scene.CALLS, scene.STEPS)]
        style = card.mark or "thread"
        if not inner:
            self._node(name, f"({words})", style)
            return
        self.lines += [f"  subgraph {name}[{words}]", "    direction TB"]
        for number, row in enumerate(inner):
            self.ends[card.name, row.key] = f"{name}_{number}"
            label = _joined(_SIGNS[row.mark] + row.text, row.note)
            self._node(f"{name}_{number}", f"({label})", row.mark or "tool", "    ")
        self.lines += ["  end", f"  class {name} {style}"]
        self.used.add(style)

    def _node(self, name: str, shape: str, style: str, indent: str = "  ") -> None:
        self.lines.append(f"{indent}{name}{shape}:::{style}")
        self.used.add(style)

    def _causes(self, card: scene.Card) -> None:
        """What makes a thread due from outside: a node for each row that no link leads to."""
        for row in card.rows:
            if not row.icon:
                continue
            name = f"{self.ends[card.name, '']}_{row.key}"
            self._node(name, f">{_joined(_SIGNS[row.mark] + row.text, row.note)}]",
                       row.mark or "cause")  # fmt: skip
            self._arrow(name, "-.->", self.ends[card.name, ""], row.mark or "trigger")

    def _link(self, link: scene.Link) -> None:
        source, target = self._end(link.source), self._end(link.target)
        words = _WORDS.get(link.kind, "")
        if link.kind == "trigger":
            words = self._row_text(link.target) + (", background" if link.background else "")
        arrow = {"context": "==>", "both": "<-->", "trigger": "-.->", "log": "-.->"}.get(
            link.kind, "-->"
        )
        words = (_SIGNS[link.mark] + words).strip()
        arrow += f"|{_quoted(words)}|" if words else ""
        self._arrow(source, arrow, target, link.mark or link.kind)

    def _arrow(self, source: str, arrow: str, target: str, colour: str) -> None:
        self.lines.append(f"  {source} {arrow} {target}")
        self.colours.setdefault(colour, []).append(self.links)
        self.links += 1

    def _end(self, end: tuple[str, str]) -> str:
        """A row that is no node of its own stands for its thread."""
        return self.ends.get(end) or self.ends[end[0], ""]

    def _row_text(self, end: tuple[str, str]) -> str:
        rows = [row for card in self.shown.cards if card.name == end[0] for row in card.rows]
        return next((row.text for row in rows if row.key == end[1]), "")


def _joined(*lines: str) -> str:
    return _quoted("\n".join(filter(None, lines)))


def _quoted(label: str) -> str:
    """A label in which nothing means anything to Mermaid, HTML or Markdown."""
    for sign, code in (("#", "#35;"), ("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"),
                       ("`", "#96;"), ("*", "#42;"), ("\\", "#92;")):  # fmt: skip
        label = label.replace(sign, code)
    return '"' + label.replace("\n", "<br/>") + '"'
