"""One page: the answer in about ten lines, then data, cells, claims, audit, what stays untested."""

from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.progress import count_text
from paper_code.provenance import commit
from paper_code.reporting.claims.answer import answer, answer_markdown, brief_markdown
from paper_code.reporting.claims.table import verdicts_on
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import (
    interval_text,
    markdown,
    number,
    read_results,
)
from paper_code.reporting.verdicts import (
    DIFFERS,
    LEVEL,
    NO_VALUE,
    NOT_TESTED,
    Verdict,
    outside_prediction,
    split_obstacles,
)

SUBJECTS = ("dataset", "network", "placement", "method", "module", "class", "part", "metric")
SHOWN_DIFFERENCES = 12  # rows; the tables have all


def write(output: str, *, tables: list[str], scale: str) -> None:
    """Write the page from the CSV files of tables, recognised by their names.

    Args:
        output: the .md file.
        tables: CSV files; a missing one leaves its section out.
        scale: of the runs, for the record.
    """
    read = {Path(path).stem: read_results(path) for path in tables}
    results = {
        name: rows
        for name, rows in sorted(read.items())
        if name.startswith("table_")
        and {"verdict", "printed"} <= set(rows)
        and is_numeric_dtype(rows["printed"])  # Table XIII is printed in words
    }
    sections = [
        "# Does the paper hold?",
        answer_markdown(answer(read)) or "None of these tables answers this.",
        "Each line is made from the table that it links to. How often verdicts of these kinds are "
        "wrong is simulated in benchmarks/results/verdicts.md. Agreements that need no data, such "
        "as layer shapes and parameter counts, do not count as evidence that the paper holds. "
        f"Scale of the runs: {scale}; commit {commit()}.",
        _data(read),
        _cells(results),
        _differences(results),
        _claims(read.get("claims")),
        _audit(read.get("audit")),
        _leakage(read.get("leakage")),
        _untested(results, read.get("claims")),
    ]
    write_text(output, "\n\n".join(section for section in sections if section) + "\n")


MARKS = '<!-- answer: made by "make publish" from tables/ -->', "<!-- end of answer -->"
BRIEF_MARKS = '<!-- in brief: made by "make publish" from tables/ -->', "<!-- end of brief -->"


def write_answer(readme: str, *, tables: list[str]) -> None:
    """Put the answer, and its three points, between their marks in a page that links to `tables/`.

    Raises:
        UserError: the page lacks a mark.
    """
    text = Path(readme).read_text(encoding="utf-8")
    read = {Path(each).stem: read_results(each) for each in tables}
    blocks = {
        BRIEF_MARKS: brief_markdown(read, folder="tables/"),
        MARKS: answer_markdown(answer(read), folder="tables/"),
    }
    for marks, block in blocks.items():
        if not all(mark in text for mark in marks):
            raise UserError(f"{readme}: has no place for the answer. Put in the lines {marks}.")
        before, _, rest = text.partition(marks[0])
        after = rest.partition(marks[1])[2]
        text = f"{before}{marks[0]}\n\n{block}\n\n{marks[1]}{after}"
    write_text(readme, text)


def _data(read: dict[str, pd.DataFrame]) -> str:
    """Data, weights and seeds of each data set, from any table of runs."""
    lines: dict[str, dict] = {}
    for rows in read.values():
        if not {"dataset", "data", "weights", "seeds", "network"} <= set(rows.columns):
            continue
        for dataset, subset in rows.dropna(subset=["data", "weights", "network"]).groupby(
            "dataset"
        ):
            line = lines.setdefault(
                dataset,
                {"data": subset["data"].iloc[0], "networks": {}, "weights": {}, "seeds": {}},
            )
            line["networks"] |= dict.fromkeys(subset["network"])
            line["weights"] |= dict.fromkeys(subset["weights"])
            line["seeds"] |= dict.fromkeys(" ".join(subset["seeds"].dropna()).split())
    known = [name for name in DATASET_LABELS if name in lines]
    own = [name for name in lines if name not in DATASET_LABELS and name != "breakhis"]
    if not known + own:
        return "## Data\n\nNo runs were made."
    rows = [
        {
            "Data set": DATASET_LABELS.get(name, name),
            "Data": lines[name]["data"],
            "Networks": str(len(lines[name]["networks"])),
            "Weights at the start": ", ".join(lines[name]["weights"]),
            "Seeds": ", ".join(lines[name]["seeds"]),
        }
        for name in known + own
    ]
    return f"## Data\n\n{markdown(pd.DataFrame(rows))}"


def _cells(results: dict[str, pd.DataFrame]) -> str:
    """How many cells of each table agree, differ or cannot be compared."""
    if not results:
        return ""
    by_table = {  # without a value on one side, the reason tells more than the verdict
        name: rows["verdict"].where(~rows["reason"].isin(NO_VALUE), rows["reason"]).value_counts()
        for name, rows in results.items()
    }
    numbers = pd.DataFrame(by_table).T.fillna(0).astype(int)
    first = [name for name in (*Verdict, *NO_VALUE) if name in numbers]
    numbers = numbers[[*first, *(name for name in numbers if name not in first)]]
    lines = numbers.astype(str).rename(columns=str.capitalize)
    lines.insert(0, "Table", [f"[{name}]({name}.md)" for name in lines.index])
    return (
        "## Cells beside the printed ones\n\nA measured cell differs if the printed value cannot "
        "be one more run of the same experiment, and agrees if the two experiments are shown to be "
        "equivalent; a count agrees if it is equal. Cells that are not tested say nothing for "
        f"or against the paper.{_chance(results)}\n\n{markdown(lines)}"
    )


def _chance(results: dict[str, pd.DataFrame]) -> str:
    """How many cells lie outside their prediction intervals, and how many would by chance."""
    counted = [outside_prediction(r) for r in results.values() if "replication_low" in r]
    tested, outside = (sum(numbers) for numbers in zip((0, 0), *counted, strict=True))
    if not tested:
        return ""
    return (
        f" Of {tested} cells that count, {outside} lie outside their 95 % prediction interval; "
        f"chance alone would put {LEVEL * tested:.1f} there."
    )


def _differences(results: dict[str, pd.DataFrame]) -> str:
    """The cells that differ, the largest relative difference first."""
    differing = [
        rows[rows["verdict"] == DIFFERS].assign(name=name) for name, rows in results.items()
    ]
    rows = pd.concat(differing) if differing else pd.DataFrame()
    if rows.empty:
        return ""
    # A printed zero has no relative difference; anything beside it differs without bound.
    rows["relative"] = ((rows["value"] - rows["printed"]) / rows["printed"]).abs()
    rows = rows.sort_values("relative", ascending=False, kind="stable")
    lines = []
    for _, row in rows.head(SHOWN_DIFFERENCES).iterrows():
        subject = [row[key] for key in SUBJECTS if key in rows and pd.notna(row[key])]
        lines.append(
            {
                "Table": f"[{row['name'].removeprefix('table_')}]({row['name']}.md)",
                "Cell": ", ".join(map(str, subject)),
                "Measured": f"{row['value']:,.10g}",
                "Printed": f"{row['printed']:,.10g}",
                "Relative difference": f"{row['relative']:.2g}",
            }
        )
    text = f"## What differs\n\nThe largest relative difference first.\n\n{_table(lines)}"
    more = len(rows) - len(lines)
    return text + (f"\n\n{more} smaller differences are in these tables only." if more else "")


def _table(lines: list[dict]) -> str:
    return markdown(pd.DataFrame(lines))


def _claims(rows: pd.DataFrame | None) -> str:
    if rows is None:
        return ""
    lines = [
        {
            "Claim": claim,
            "The paper's words": subset["quote"].iloc[0],
            "By its printed numbers": verdicts_on(subset, "printed"),
            "By our runs": verdicts_on(subset, "measured"),
        }
        for claim, subset in rows.groupby("claim", sort=False)
    ]
    return f"## Claims\n\nDetails: [claims.md](claims.md).\n\n{markdown(pd.DataFrame(lines))}"


def _audit(rows: pd.DataFrame | None) -> str:
    if rows is None:
        return ""
    counts = rows["verdict"].value_counts()
    text = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return (
        f"## The paper's own numbers\n\nOf {len(rows)} checks of numbers and sentences, on "
        f"{rows['theme'].nunique()} questions (themes): {text}. Details: [audit.md](audit.md)."
    )


def _leakage(rows: pd.DataFrame | None) -> str:
    if rows is None:
        return ""
    lines = []
    rows = rows[(rows["metric"] == "accuracy") & rows["network"].notna()]
    # A phantom's patients are drawn: they say nothing about what real splits let through.
    rows = rows[~rows["obstacles"].str.contains("phantom")]
    if rows.empty:
        return ""
    for _, row in rows.iterrows():
        lines.append(
            {
                "Data set": DATASET_LABELS.get(row["dataset"], row["dataset"]),
                "Network": NETWORK_LABELS.get(row["network"], row["network"]),
                "By image": number(row["image"]),
                "By patient": number(row["patient"]),
                "Difference [95 %]": interval_text(row["difference"], row["low"], row["high"]),
                "Data": row["data"],
            }
        )
    return (
        f"## Split by image against split by patient\n\n{METRIC_LABELS['accuracy']} on the test "
        f"part. Details: [leakage.md](leakage.md).\n\n{markdown(pd.DataFrame(lines))}"
    )


def _untested(results: dict[str, pd.DataFrame], claims: pd.DataFrame | None) -> str:
    """What could not be tested, by reason."""
    reasons: dict[str, int] = {}
    for rows in results.values():
        untested = (rows["verdict"] == NOT_TESTED) & ~rows["reason"].isin(NO_VALUE)
        for text in rows.loc[untested, "reason"]:
            for reason in split_obstacles(text):
                reasons[reason] = reasons.get(reason, 0) + 1
    lines = [
        f"- {count_text(count, 'cell')}: {reason}" for reason, count in sorted(reasons.items())
    ]
    if claims is not None:
        missing = claims[claims["verdict"] == NOT_TESTED].fillna({"reason": ""})
        # Parts of one claim can fail for different reasons: the claim is listed once, with all.
        by_claim = missing.groupby("claim", sort=False).agg({"reason": _each_once})
        for reason, rows in by_claim.groupby("reason", sort=False):
            lines.append(f"- Claims {NOT_TESTED} ({reason}): {', '.join(rows.index)}")
    return "## What could not be tested, and why\n\n" + "\n".join(lines) if lines else ""


def _each_once(texts: pd.Series) -> str:
    return "; ".join(dict.fromkeys(texts))
