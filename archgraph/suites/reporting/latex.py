"""Reports as LaTeX tables (package booktabs), to be included in a paper. Knows no run."""

from __future__ import annotations

import unicodedata

from archgraph.suites import findings as found
from archgraph.suites.reporting import reading, sheets, wording

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


def text(findings: found.Findings) -> str:
    """The main tables, differences and ablations; each caption says n, interval and test."""
    parts = [f"% {escaped(findings.name)}; packages: booktabs, [T1]fontenc"]
    parts += [f"% {escaped(note)}" for note in reading.notes(findings)]
    caveat, below = _caveat(findings), tuple(findings.confounds)
    for dataset in reading.datasets(findings):
        about = " ".join(filter(None, (_about(findings, dataset), caveat)))
        parts.append(table(sheets.main(findings, dataset), about, below))
        for name in reading.unique(d.scorer for d in reading.differences(findings, dataset)):
            parts.append(table(sheets.differences(findings, dataset, name), caveat, below))
    if findings.ablations:
        parts.append(table(sheets.ablations(findings), caveat, below))
    return "\n".join(parts) + "\n"


def _caveat(findings: found.Findings) -> str:
    """That no language model answered, which a table alone must say, too."""
    models = [str(arm.get("model") or "") for arm in findings.arms.values()]
    offline = [model.startswith("offline/") for model in models]
    if not any(offline):
        return ""
    which = "The model is" if all(offline) else "Some arms ran on"
    return (f"{which} an offline policy, not a language model: a ranking made with it is a check "
            "of plumbing, not a finding.")  # fmt: skip


def _about(findings: found.Findings, dataset: str) -> str:
    cells = reading.slices(findings, dataset, reading.primary(findings, dataset), "all")
    n = max((c.n for c in cells), default=0)
    clusters = max((c.clusters for c in cells), default=0)
    missing = reading.missing(findings)
    said = f"n = {wording.counted(n, 'case')} in {wording.counted(clusters, 'conversation')}."
    return said + (f" {missing:,} planned trials are missing." if missing else "")


def table(sheet: sheets.Sheet, about: str, below: tuple[str, ...] = ()) -> str:
    """A floating table; `about` is added to its caption, `below` stands under it."""
    form = "".join("r" if column.numeric else "l" for column in sheet.columns)
    caption = " ".join([f"{sheet.title}.", *([about] if about else []), *sheet.notes])
    rows = [_row(row) for row in sheet.rows]
    return "\n".join([
        r"\begin{table}", r"  \centering", r"  \small",
        f"  \\caption{{{escaped(caption)}}}", f"  \\label{{tab:{_label(sheet.key)}}}",
        f"  \\begin{{tabular}}{{{form}}}", r"    \toprule",
        _row([column.title for column in sheet.columns]), r"    \midrule", *rows,
        r"    \bottomrule", r"  \end{tabular}", *_under(below), r"\end{table}",
    ])  # fmt: skip


def _under(notes: tuple[str, ...]) -> list[str]:
    """What differs besides what is compared, as a note of the table's width."""
    if not notes:
        return []
    said = " ".join(escaped(f"{each.rstrip('.')}.") for each in notes)
    head = r"  \par\smallskip\begin{minipage}{\linewidth}\footnotesize"
    return [head, f"  \\emph{{Not alike:}} {said}", r"  \end{minipage}"]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    """A row; a bracket at its start is hidden from the command before it."""
    return f"    {' & '.join(f'{{}}{escaped(c.strip())}' for c in cells)} \\\\"


def escaped(words: str) -> str:
    """A text in which no sign is a command."""
    one = " ".join(words.split())
    return "".join(_SPECIAL.get(c, c) for c in one if not unicodedata.category(c).startswith("C"))


def _label(key: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in key)
