"""One page: figure, evidence, the answer in seven lines, then cells, claims and data."""

from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.provenance import commit
from paper_code.reporting.claims.answer import Line, answer, answer_markdown
from paper_code.reporting.claims.evidence import FIGURE_TABLES, evidence
from paper_code.reporting.claims.table import overview
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import markdown, read_results
from paper_code.reporting.pages import page_table
from paper_code.reporting.verdicts import (
    DIFFERS,
    NO_VALUE,
    Verdict,
)

SUBJECTS = ("dataset", "network", "placement", "method", "module", "class", "part", "metric")
EVIDENCE = "Evidence for each line"  # a heading
SHOWN_DIFFERENCES = 12  # rows; the tables have all
DIFFERING = {  # its columns
    "Table": "[{short}]({name}.md)",
    "Cell": "{cell}",
    "Measured": "{value:,.10g}",
    "Printed": "{printed:,.10g}",
    "Relative difference": "{relative:.2g}",
}
FIGURE = (
    "Left: specificity as printed, and as other printed numbers allow it. Middle: accuracy as "
    "printed, and as others report it. Right: accuracy on known and on unknown patients."
)


def write(output: str, *, tables: list[str], scale: str) -> None:
    """Write the page from the CSV files of tables, recognised by their names."""
    read = {Path(path).stem: read_results(path) for path in tables}
    results = {
        name: rows
        for name, rows in sorted(read.items())
        if name.startswith("table_")
        and {"verdict", "printed"} <= set(rows)
        and is_numeric_dtype(rows["printed"])  # Table XIII is printed in words
    }
    lines = answer(read)
    sections = [
        "# Does the paper hold?",
        opening(read, lines, "../figures/", "") or "None of these tables answers this.",
        f"Scale of the runs: {scale}; commit {commit()}. How often verdicts of these kinds are "
        "wrong is simulated in benchmarks/results/verdicts.md.",
        _evidence(lines),
        _cells(results),
        _differences(results),
        _claims(read.get("claims")),
        _data(read),
    ]
    write_text(output, "\n\n".join(section for section in sections if section) + "\n")


MARKS = '<!-- answer: made by "make publish" from tables/ -->', "<!-- end of answer -->"


def write_answer(readme: str, *, tables: list[str]) -> None:
    """Put figure, evidence and answer between their marks in a page that links to `tables/`.

    Raises:
        UserError: the page lacks a mark.
    """
    text = Path(readme).read_text(encoding="utf-8")
    if not all(mark in text for mark in MARKS):
        raise UserError(f"{readme}: has no place for the answer. Put in the lines {MARKS}.")
    read = {Path(each).stem: read_results(each) for each in tables}
    before, _, rest = text.partition(MARKS[0])
    block = opening(read, answer(read), "figures/", "tables/")
    write_text(readme, f"{before}{MARKS[0]}\n\n{block}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")


def opening(read: dict[str, pd.DataFrame], lines: list[Line], figures: str, tables: str) -> str:
    """Figure, evidence and answer as Markdown; the folders are as seen from the page."""
    parts = []
    if set(FIGURE_TABLES) <= set(read):
        parts.append(f"![{FIGURE}]({figures}evidence.png)")
    if "audit" in read:
        parts.append(markdown(evidence(read)))
    return "\n\n".join([*parts, answer_markdown(lines, tables)]).strip()


def _evidence(lines: list[Line]) -> str:
    """What each line of the answer rests on."""
    parts = [
        f"### {place}. {line.head}\n\n{line.told}. All of it: "
        f"[{line.source}]({line.source}.md).\n\n{markdown(line.rows)}"
        for place, line in enumerate(lines, 1)
        if len(line.rows)
    ]
    return "\n\n".join([f"## {EVIDENCE}", *parts]) if parts else ""


def _cells(results: dict[str, pd.DataFrame]) -> str:
    """How many cells of each table agree, differ or cannot be compared."""
    if not results:
        return ""
    by_table = {  # without a value on one side, the reason tells more than the verdict
        name: rows["verdict"].where(~rows["reason"].isin(NO_VALUE), rows["reason"]).value_counts()
        for name, rows in results.items()
    }
    numbers = pd.DataFrame(by_table).T.fillna(0).astype(int)
    numbers = numbers[[name for name in (*Verdict, *NO_VALUE) if name in numbers]]
    lines = numbers.astype(str).rename(columns=str.capitalize)
    lines.insert(0, "Table", [f"[{name}]({name}.md)" for name in lines.index])
    return (
        "## The paper's tables\n\nA measured cell differs if the printed value cannot be one more "
        "run of the same experiment, and agrees if the two experiments are shown to be "
        "equivalent; a count agrees if it is equal. Cells that are not tested say nothing for or "
        "against the paper; counts and layer shapes that agree need no data.\n\n"
        f"{markdown(lines)}"
    )


def _differences(results: dict[str, pd.DataFrame]) -> str:
    """The cells that differ, the largest relative difference first."""
    differing = [
        rows[rows["verdict"] == DIFFERS].assign(name=name, short=name.removeprefix("table_"))
        for name, rows in results.items()
    ]
    rows = pd.concat(differing) if differing else pd.DataFrame()
    if rows.empty:
        return ""
    # A printed zero has no relative difference; anything beside it differs without bound.
    rows["relative"] = ((rows["value"] - rows["printed"]) / rows["printed"]).abs()
    rows = rows.sort_values("relative", ascending=False, kind="stable")
    subjects = rows[[name for name in SUBJECTS if name in rows]].astype(object)
    rows["cell"] = subjects.apply(lambda row: ", ".join(map(str, row.dropna())), axis=1)
    text = (
        "## What differs\n\nThe largest relative difference first.\n\n"
        f"{page_table(rows.head(SHOWN_DIFFERENCES), DIFFERING)}"
    )
    more = len(rows) - SHOWN_DIFFERENCES
    return text + (f"\n\n{more} smaller differences are in these tables only." if more > 0 else "")


def _claims(rows: pd.DataFrame | None) -> str:
    if rows is None:
        return ""
    return f"## Claims\n\nDetails: [claims.md](claims.md).\n\n{markdown(overview(rows))}"


def _data(read: dict[str, pd.DataFrame]) -> str:
    """Data, weights and seeds of each data set, from any table of runs."""
    needed = ["dataset", "data", "weights", "network", "seeds", "split_seeds"]
    found = [rows[needed] for rows in read.values() if set(needed) <= set(rows)]
    rows = pd.concat(found) if found else pd.DataFrame(columns=needed)
    rows = rows.dropna(subset=needed[:-1])
    rows = rows[rows["dataset"] != "breakhis"]  # the four magnifications together
    if rows.empty:
        return "## Data\n\nNo runs were made."
    order = list(dict.fromkeys([*DATASET_LABELS, *rows["dataset"]]))
    rows = rows.sort_values("dataset", key=lambda names: names.map(order.index), kind="stable")
    lines = [
        {
            "Data set": DATASET_LABELS[name],
            "Data": of["data"].iloc[0],
            "Networks": str(of["network"].nunique()),
            "Trained from": ", ".join(dict.fromkeys(map(_start, of["weights"]))),
            "Seeds": ", ".join(dict.fromkeys(" ".join(of["seeds"].dropna()).split())),
        }
        for name, of in rows.groupby("dataset", sort=False)
    ]
    return f"## Data\n\n{markdown(pd.DataFrame(lines))}"


def _start(weights: str) -> str:
    """Where training started; random weights are the start of a training, not the end."""
    return "scratch (no ImageNet)" if weights.startswith("random") else weights
