"""The report: every table and figure in one HTML page that opens with the answer.

Nothing is loaded from elsewhere, so the page can be sent and read without network.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path

import mistune

from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.reporting.claims.answer import Line, answer
from paper_code.reporting.claims.evidence import evidence
from paper_code.reporting.claims.summary import EVIDENCE, FIGURE
from paper_code.reporting.labels import label
from paper_code.reporting.layouts import LONG_TABLES
from paper_code.reporting.markdown import markdown, read_results
from paper_code.templates import anchor, render

PAPER = (
    "Breast Cancer Classification with Enhanced Interpretability: DALAResNet50 and DT Grad-CAM "
    "(Liu, Himel, Wang; IEEE Access 2024)"
)
SUMMARY = "summary"
OPENING = {  # figures that may stand at the top, the first of them that there is
    "evidence": FIGURE,
    "implied_specificity": "Specificity as the paper prints it, and as its other numbers allow it",
}
OF_PAPER = "The paper's tables and figures"


def write_report(
    output: str | Path,
    *,
    tables: Sequence[str],
    figures: Sequence[str],
    summary: str | None,
    about: Mapping[str, tuple[str, str]],
    phantoms: Sequence[str] = (),
) -> None:
    """Write the report.

    Args:
        output: the .html file.
        tables: CSV files of tables; each has its .md beside it.
        figures: PNG files.
        summary: the .md file of the summary, whose page opens with the answer about the paper; None
            where all data are a user's own, whose results then come first.
        about: group and caption of each of them by name, in the order of the report.
        phantoms: names of the data sets that synthetic images stand in for.

    Raises:
        UserError: a file is missing.
    """
    pages = {Path(table).stem: _read(Path(table).with_suffix(".md")) for table in tables}
    pictures = {Path(figure).stem: _picture(Path(figure)) for figure in figures}
    if not summary:  # pages of long tables tell how verdicts on the paper are reached
        pages = {name: page for name, page in pages.items() if name not in LONG_TABLES}
        about = {name: each for name, each in about.items() if name not in LONG_TABLES}
    known = {*pages, *([SUMMARY] if summary else [])}
    first = next((name for name in OPENING if name in pictures), "") if summary else ""
    groups: dict[str, list[dict]] = {OF_PAPER: []} if summary else {}
    for name, (group, caption) in about.items():
        result = {"name": name, "short": _short(name), "caption": _caption(caption)}
        if name in pages:
            result["page"] = _html(pages[name], name, known)
        elif name == first:
            continue
        result["picture"] = pictures.get(name)
        of_paper = summary and re.match(r"(table|figure)_\d", name)
        groups.setdefault(OF_PAPER if of_paper else group, []).append(result)
    opening = {}
    if summary:
        read = {name: read_results(path) for name, path in zip(pages, tables, strict=True)}
        sections = _read(Path(summary)).split("\n## ")[1:]
        rest = [text for text in sections if not text.startswith(EVIDENCE)]
        opening = {
            "paper": PAPER,
            "picture": pictures.get(first),
            "about_picture": OPENING.get(first),
            "evidence": _html(markdown(evidence(read)), SUMMARY, known) if "audit" in read else "",
            "lines": [_unfolded(line, known, pictures) for line in answer(read)],
            "summary": _html("\n".join(f"## {text}" for text in rest), SUMMARY, known),
        }
    groups = {group: results for group, results in groups.items() if results}
    page = render(
        "report.html.j2",
        opening=opening,
        phantoms=list(map(label, phantoms)),
        groups=groups,
    )
    write_text(output, page)


def _read(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such page. Make the table first.")
    return path.read_text(encoding="utf-8")


def _picture(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"{path}: no such figure. Make it first.")
    return path.read_bytes()


def _unfolded(line: Line, known: set[str], pictures: Mapping[str, bytes]) -> dict:
    """A line of the answer with what it rests on: rows, a picture, and where all of it is."""
    return {
        "line": line,
        "rows": _html(markdown(line.rows), line.source, known) if len(line.rows) else "",
        "picture": pictures.get(line.figure),
        "about_picture": line.figure.replace("_", " "),
        "source": line.source if line.source in known else "",
    }


def _short(name: str) -> str:
    """ "table_07_breakhis_comparison" as "table 7", other names as words."""
    found = re.match(r"(table|figure)_(\d+)", name)
    return f"{found[1]} {int(found[2])}" if found else name.replace("_", " ")


def _caption(text: str) -> str:
    """A caption, whose only markup is bold, as HTML."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text, quote=False))


def _html(text: str, name: str, known: set[str]) -> str:
    """A Markdown page as HTML, with its headings as anchors below `name`."""
    return mistune.create_markdown(renderer=_Page(name, known), plugins=["table"])(text)


class _Page(mistune.HTMLRenderer):
    """Pages link to each other by file name; in the report they are sections of one page."""

    def __init__(self, name: str, known: set[str]) -> None:
        super().__init__(escape=True)
        self.name, self.known = name, known

    def heading(self, text: str, level: int, **_: object) -> str:
        """A heading, with an anchor of the page's name and its own words."""
        own = anchor(unescape(re.sub(r"<[^>]+>", "", text)))
        tag = f"h{min(level + 1, 4)}"
        return f'<{tag} id="{self.name}--{own}">{text}</{tag}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link inside the report; the text alone where it would lead out of it."""
        page, _, own = url.partition("#")
        target = page.rpartition("/")[2].removesuffix(".md") if page else self.name
        if target not in self.known:
            return text
        return f'<a href="#{target}{f"--{own}" if own else ""}">{text}</a>'
