"""Pages of tables, declared as templates: a heading and one template for each column.

"{value:.3f} [{low:.3f}, {high:.3f}]" takes its fields from a row, "{accuracy[value]:.3f}" from the
row of a metric. A missing number is a dash. Besides Python's formats there are those of `FORMATS`.
"""

import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from paper_code.progress import count_text
from paper_code.reporting import verdicts
from paper_code.reporting.labels import label
from paper_code.reporting.markdown import cell as value_and_printed
from paper_code.reporting.markdown import change_text, distinct, markdown, p_text
from paper_code.reporting.verdicts import evidence_text, verdict_text

FORMATS = {
    "label": label,
    "p": p_text,
    "evidence": evidence_text,
    "verdict": verdict_text,  # of a row, too
    "patients": lambda number: count_text(int(number), "patient") if number else "unknown patients",
    # Of a row: value, interval and printed value; difference, interval and corrected p-value.
    "cell": value_and_printed,
    "change": lambda row: (
        f"{change_text(row['difference'], row['low'], row['high'])}, {p_text(row['p_holm'])}"
    ),
}
DASH = "–"
# Columns of rows about runs: what stands below a table of them.
PROVENANCE = {
    "data": "Data",
    "scale": "Scale",
    "protocol": "Protocol",
    "weights": "Weights at the start",
    "seeds": "Seeds",
    "hardware": "Hardware",
    "commit": "Commit of the runs",
}


# What notes may name: constants of verdicts, as in "{not_shown}".
WORDS = {name.lower(): value for name, value in vars(verdicts).items() if name.isupper()}


def notes(module: str, **values: object) -> str:
    """The text above a table: the Markdown file beside its module (`__file__`), with `values` and
    `WORDS` in the places of its {names}."""
    text = Path(module).with_suffix(".md").read_text(encoding="utf-8")
    return text.format(**WORDS | values).rstrip()


class _Template(string.Formatter):
    def get_field(self, name: str, args: Sequence, kwargs: Mapping) -> tuple[object, str]:
        first = name.partition("[")[0]
        if kwargs[first] is None:  # a metric that these rows lack
            return None, first
        return super().get_field(name, args, kwargs)

    def format_field(self, value: object, spec: str) -> str:
        if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
            return DASH
        return FORMATS[spec](value) if spec in FORMATS else format(value, spec)


def render(template: str, rows: pd.DataFrame, metrics: Iterable[str] = ()) -> str:
    """A template filled in: fields of the first row, each metric's row, and `verdicts` of all.

    `metrics` may be missing.

    Raises:
        KeyError: the rows have no such column, and no metric is called so.
    """
    fields = dict.fromkeys(metrics) | rows.iloc[0].to_dict()
    if "metric" in rows:
        fields |= {row["metric"]: row for _, row in rows.iterrows()}
    if "{verdicts}" in template:
        fields["verdicts"] = verdicts_text(rows)
    text = _Template().vformat(template, (), fields)
    nothing = DASH in text and not text.strip(f" {DASH}[](),±to")
    return DASH if nothing else text


def page_table(
    rows: pd.DataFrame, columns: Mapping[str, str], line: str | list[str] | None = None
) -> str:
    """Rows as a Markdown table.

    Args:
        rows: tidy.
        columns: heading: template.
        line: the columns whose distinct values make one line each; by default every row does.
    """
    if line is None:
        groups = [rows.iloc[[place]] for place in range(len(rows))]
    else:
        groups = [group for _, group in rows.groupby(line, sort=False, dropna=False)]
    metrics = rows["metric"].unique() if "metric" in rows else ()
    lines = [
        {heading: render(template, group, metrics) for heading, template in columns.items()}
        for group in groups
    ]
    return markdown(pd.DataFrame(lines))


def sections(
    rows: pd.DataFrame,
    by: str | list[str],
    heading: str,
    columns: Mapping[str, str],
    line: str | list[str] | None = None,
    text: str = "",
) -> list[str]:
    """A section with a table for each distinct value of the columns `by`.

    `heading` and `text`, a paragraph above the table, are templates filled in from its rows.
    """
    found = []
    for _, block in rows.groupby(by, sort=False, dropna=False):
        parts = [f"## {render(heading, block)}", render(text, block)]
        parts.append(page_table(block, columns, line))
        found.append("\n\n".join(part for part in parts if part))
    return found


def text_of_runs(text: str, rows: pd.DataFrame) -> str:
    """A template filled in from the first row that was run, which has a value; or "Not run."."""
    ran = rows[rows["value"].notna()]
    return render(text, ran) if len(ran) else f"{verdicts.NOT_RUN.capitalize()}."


def verdicts_text(rows: pd.DataFrame) -> str:
    """The verdicts of rows of several metrics: one word where they are the same."""
    verdicts = {row["metric"]: verdict_text(row) for _, row in rows.iterrows()}
    texts = dict.fromkeys(verdicts.values())
    if len(texts) > 1:
        texts = [f"{label(metric)}: {text}" for metric, text in verdicts.items()]
    return "; ".join(texts)


def provenance(rows: pd.DataFrame) -> str:
    """The section on the runs behind rows, each distinct value once."""
    lines = []
    for column, words in PROVENANCE.items():
        cells: Iterable[str] = rows[column].dropna() if column in rows else ()
        values = (value for cell in cells for value in cell.split("; ") if value)
        if text := distinct(values):
            lines.append(f"- {words}: {text}")
    return "\n".join(["## Provenance", "", *(lines or ["- No runs."])])
