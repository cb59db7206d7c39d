"""The report: every table and figure in one HTML page that opens with what it is about.

Nothing is loaded from elsewhere, so the page can be sent and read without network.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path

import mistune

from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.reporting.claims.answer import STATUSES, Line, answer
from paper_code.reporting.markdown import read_results
from paper_code.webpage import document

PAPER = (
    "Breast Cancer Classification with Enhanced Interpretability: DALAResNet50 and DT Grad-CAM "
    "(Liu, Himel, Wang; IEEE Access 2024)"
)
SUMMARY = "summary"


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
    pictures = {Path(figure).stem: Path(figure) for figure in figures}
    known = {*pages, *([SUMMARY] if summary else [])}
    groups: dict[str, list[str]] = {}
    for name, (group, _) in about.items():
        groups.setdefault(group, []).append(name)
    title, opening, first = "Results on your images", [], []
    if summary:
        title = "Does the paper hold?"
        read = {name: read_results(path) for name, path in zip(pages, tables, strict=True)}
        opening = [f'<p class="quiet">{PAPER}</p>', _answer(answer(read), known)]
        rest = _read(Path(summary)).partition("\n## ")[2]
        first = [
            f'<section class="result" id="{SUMMARY}">\n<h2>Summary</h2>',
            _html(f"## {rest}", SUMMARY, known) if rest else "",
            "</section>",
        ]
    body = [f"<header>\n<h1>{title}</h1>", _phantoms(phantoms), *opening, "</header>"]
    body += [_contents(groups, known), "<main>", *first]
    for group, names in groups.items():
        body.append(f'<h2 class="group" id="group-{_anchor(group)}">{group}</h2>')
        for name in names:
            content = _html(pages[name], name, known) if name in pages else _figure(pictures[name])
            body.append(
                f'<section class="result" id="{name}">\n{content}\n'
                f'<p class="caption">{_caption(about[name][1])} '
                '<a class="quiet" href="#top">Back to the top</a></p>\n</section>'
            )
    body.append("</main>")
    text = '<a id="top"></a>\n' + "\n".join(filter(None, body))
    write_text(output, document(title, text, STYLE, SCRIPT))


def _read(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such page. Make the table first.")
    return path.read_text(encoding="utf-8")


def _phantoms(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        '<p class="warning">Synthetic images (phantoms) stand in for '
        f"{escape(', '.join(names))}. A number measured on them says nothing about the paper.</p>"
    )


def _answer(lines: Sequence[Line], known: set[str]) -> str:
    """The lines of the answer, each with links to the paper's claim and to its table."""
    if not lines:
        return "<p>None of these tables answers this.</p>"
    items = []
    for line in lines:
        links = [_claim_link(line.claim)] if line.claim and "claims" in known else []
        if line.source in known and not (links and line.source == "claims"):
            links.append(f'<a href="#{line.source}">test: {line.source}</a>')
        status = STATUSES.index(line.status)
        items.append(
            f'<li><span class="status status-{status}">{line.label}</span> '
            f'{escape(line.text, quote=False)} <span class="links">{" · ".join(links)}</span></li>'
        )
    return f'<ol class="answer">\n{"".join(items)}\n</ol>'


def _claim_link(claim: str) -> str:
    return f'<a href="#claims--{_anchor(claim)}">claim: {escape(claim)}</a>'


def _contents(groups: dict[str, list[str]], known: set[str]) -> str:
    items = "".join(
        f'<li><a href="#group-{_anchor(group)}">{group}</a>: '
        + ", ".join(f'<a href="#{name}">{_short(name)}</a>' for name in names)
        + "</li>"
        for group, names in groups.items()
    )
    summary = f'<li><a href="#{SUMMARY}">Summary</a></li>' if SUMMARY in known else ""
    return (
        '<nav aria-label="Contents"><details open><summary>Contents</summary>\n'
        f"<ul>{summary}{items}</ul></details></nav>"
    )


def _short(name: str) -> str:
    """ "table_07_breakhis_comparison" as "table 7", other names as words."""
    found = re.match(r"(table|figure)_(\d+)", name)
    return f"{found[1]} {int(found[2])}" if found else name.replace("_", " ")


def _figure(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such figure. Make it first.")
    content = base64.b64encode(path.read_bytes()).decode()
    name = _short(path.stem)
    return (
        f"<h2>{name[0].upper()}{name[1:]}</h2>\n"
        f'<img alt="{escape(name)}, described below" src="data:image/png;base64,{content}">'
    )


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
        own = _anchor(unescape(re.sub(r"<[^>]+>", "", text)))
        tag = f"h{min(level + 1, 4)}"
        return f'<{tag} id="{self.name}--{own}">{text}</{tag}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link inside the report; the text alone where it would lead out of it."""
        page, _, own = url.partition("#")
        target = page.rpartition("/")[2].removesuffix(".md") if page else self.name
        if target not in self.known:
            return text
        return f'<a href="#{target}{f"--{own}" if own else ""}">{text}</a>'


def _anchor(heading: str) -> str:
    """What a heading is called in a link, as GitHub does it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


STYLE = """
body { max-width: 90rem; }
.answer { padding-left: 1.6rem; max-width: 75rem; }
.answer li { margin: .45rem 0; line-height: 1.4; }
.status { font-weight: bold; }
.status-0 { color: var(--bad); } .status-1 { color: var(--warn); } .status-2 { color: var(--good); }
.status-3 { color: var(--good); } .status-4 { color: var(--quiet); }
.status::after { content: ":"; }
.links { white-space: nowrap; font-size: .9em; }
nav ul { margin: .3rem 0; padding-left: 1.2rem; }
summary { cursor: pointer; font-weight: bold; }
.group { border-top: 2px solid var(--line); padding-top: 1rem; font-size: 1.4rem; }
.result { border-top: 1px solid var(--line); padding-top: .25rem; }
.result > p, .result > ul, .result > blockquote { max-width: 60rem; }
.result :is(h2, h3, h4), .result { scroll-margin-top: .5rem; }
.result:target > :first-child, :target:is(h2, h3, h4) { background: var(--panel); }
.caption { color: var(--quiet); }
blockquote { margin: .5rem 0; padding-left: 1rem; border-left: .25rem solid var(--line); }
img { max-width: 100%; height: auto; background: #fff; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .75rem .3rem 0; text-align: left; }
th, td { vertical-align: top; min-width: 4rem; }
thead th { border-bottom: 2px solid var(--quiet); white-space: nowrap; }
th button {
  all: unset; cursor: pointer; font-weight: bold; padding-right: 1.1em; position: relative;
}
th button:focus-visible { outline: .15rem solid var(--link); }
th button::after { content: "↕"; position: absolute; right: 0; color: var(--quiet); }
th[aria-sort=ascending] button::after { content: "↑"; color: inherit; }
th[aria-sort=descending] button::after { content: "↓"; color: inherit; }
"""
SCRIPT = r"""
// Click a column's heading to sort by it: by the first number of each cell where most have one.
function number(text) {
  const found = text.trim().match(/^[<>≥≤~]?\s*([+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)/i);
  return found ? Number(found[1].replaceAll(",", "").replace("−", "-")) : NaN;
}
function sort(table, column, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  const rows = [...table.tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, row.cells[column]?.innerText ?? ""]));
  const numbers = new Map(rows.map((row) => [row, number(texts.get(row))]));
  const filled = rows.filter((row) => !["", "–", "-"].includes(texts.get(row).trim()));
  const counted = filled.filter((row) => !Number.isNaN(numbers.get(row))).length;
  const numeric = filled.length > 0 && counted > filled.length / 2;
  const missing = (row) => numeric ? Number.isNaN(numbers.get(row)) : !filled.includes(row);
  rows.sort((a, b) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);  // those without a value last
    const order = numeric ? numbers.get(a) - numbers.get(b)
      : texts.get(a).localeCompare(texts.get(b), "en", {numeric: true});
    return down ? -order : order;
  });
  table.tBodies[0].append(...rows);
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
}
for (const table of document.querySelectorAll("table")) {
  const box = document.createElement("div");
  Object.assign(box, {className: "wide", tabIndex: 0, role: "region", ariaLabel: "Table"});
  table.replaceWith(box);
  box.append(table);
  if (!table.tHead || !table.tBodies.length) continue;
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.title = "Sort by this column";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, column, header));
    header.scope = "col";
    header.append(button);
  });
}
"""
