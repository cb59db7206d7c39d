"""Pages of tables, declared as templates: a heading and one template for each column.

"{value:.3f} [{low:.3f}, {high:.3f}]" takes its fields from a row, "{accuracy[value]:.3f}" from the
row of a metric. A missing number is a dash. Besides Python's formats there are those of `FORMATS`.
"""

import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pandas as pd

from paper_code.progress import count_text
from paper_code.reporting import verdicts
from paper_code.reporting.labels import CLASS_LABELS, label
from paper_code.reporting.markdown import cell as value_and_printed
from paper_code.reporting.markdown import (
    change_text,
    code_provenance_block,
    distinct,
    markdown,
    p_text,
    write_table,
)
from paper_code.reporting.verdicts import evidence_text, verdict_text

FORMATS = {
    "label": label,
    "class": lambda name: CLASS_LABELS.get(name, name),
    "capital": str.capitalize,
    "images": lambda number: count_text(int(number), "image"),
    "p": p_text,
    "p_alone": lambda p: p_text(p).removeprefix("p "),
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


def constants(module: ModuleType) -> dict[str, object]:
    """The constants of a module by their names in lower case."""
    return {name.lower(): value for name, value in vars(module).items() if name.isupper()}


def notes(module: str, **values: object) -> str:
    """The text above a table: the Markdown file beside its module (`__file__`), with `values` and
    the constants of `verdicts` in the places of its {names}, as in "{not_shown}"."""
    text = Path(module).with_suffix(".md").read_text(encoding="utf-8")
    return text.format(**constants(verdicts) | values).rstrip()


def write_rows(
    output: str,
    rows: pd.DataFrame,
    module: ModuleType,
    title: str,
    page: Sequence[Mapping] = (),
    data: str = "",
) -> None:
    """Write a table as its entry in the catalogue declares it: `output` (.csv) and its .md.

    The page has the notes beside the module, its sections, and the provenance. Two functions of the
    module may help: `shown` adds columns for reading to the rows of the page; `facts` gives the
    notes numbers to name, besides the constants of the module.

    Args:
        output: the CSV.
        rows: tidy.
        module: that made them.
        title: of the page.
        page: the keyword arguments of `sections`, one after the other.
        data: behind rows that need no run, in words.
    """
    shown = module.shown(rows) if hasattr(module, "shown") else rows
    blocks = [block for each in page for block in sections(shown, **each)]
    if Path(module.__file__).with_suffix(".md").is_file():
        facts = module.facts(rows) if hasattr(module, "facts") else {}
        blocks.insert(0, notes(module.__file__, **constants(module) | facts))
    blocks.append(code_provenance_block(data) if data else provenance(rows))
    write_table(output, rows, title, blocks)


def select(rows: pd.DataFrame, where: Mapping[str, object]) -> pd.DataFrame:
    """The rows that have these values, or one of several, in some columns."""
    for column, value in where.items():
        rows = rows[rows[column].isin(value if isinstance(value, list) else [value])]
    return rows


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
    return markdown(text_table(rows, columns, line))


def text_table(
    rows: pd.DataFrame, columns: Mapping[str, str], line: str | list[str] | None = None
) -> pd.DataFrame:
    """The cells of `page_table`, as text."""
    if line is None:
        groups = [rows.iloc[[place]] for place in range(len(rows))]
    else:
        groups = [group for _, group in rows.groupby(line, sort=False, dropna=False)]
    metrics = rows["metric"].unique() if "metric" in rows else ()
    lines = [
        {heading: render(template, group, metrics) for heading, template in columns.items()}
        for group in groups
    ]
    return pd.DataFrame(lines, columns=list(columns))


def sections(
    rows: pd.DataFrame,
    by: str | list[str] = (),
    heading: str = "",
    columns: Mapping[str, str] | None = None,
    line: str | list[str] | None = None,
    text: str = "",
    where: Mapping[str, object] | None = None,
) -> list[str]:
    """A section with a table for each distinct value of the columns `by`; without them, one.

    `heading` and `text`, a paragraph above the table, are templates filled in from its rows.
    `where` selects rows; `columns` and `line` are those of `page_table`.
    """
    rows, found = select(rows, where or {}), []
    groups = rows.groupby(by, sort=False, dropna=False) if by else [("", rows)]
    for _, block in groups if len(rows) else ():
        parts = [f"## {render(heading, block)}" if heading else "", render(text, block)]
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


HEADINGS = {
    "dataset": "Data set",
    "p_value": "p",
    "p_holm": "p (Holm)",
    "p_least": "Least p",
    "p_largest": "Largest p",
    "p_largest_one_more": "Largest p, other network one image better",
}
# Formats of columns for reading; other columns by their type.
READABLE = dict.fromkeys(("dataset", "network", "lead_over", "other", "metric"), "label")
READABLE |= dict.fromkeys(("method", "placement"), "label")
READABLE |= {"images": ".0f", "images_ahead": ".0f", "lead": "+.3f"}


def readable(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Some columns of a table as text, with headings and names for reading.

    Args:
        rows: of any table of results.
        columns: names of its columns; three names separated by spaces are a value and the ends of
            its interval, which share a column. Those that the table lacks are left out.
    """
    templates = {}
    for names in map(str.split, columns):
        first = names[0]
        if first not in rows:
            continue
        heading = HEADINGS.get(first) or first.replace("_", " ").capitalize()
        if len(names) > 1:
            value, low, high = names
            templates[f"{heading} [95 %]"] = f"{{{value}:.3f}} [{{{low}:.3f}}, {{{high}:.3f}}]"
            continue
        form = ".3f" if pd.api.types.is_float_dtype(rows[first]) else ""
        form = READABLE.get(first, "p_alone" if first.startswith("p_") else form)
        templates[heading] = f"{{{first}:{form}}}"
    return text_table(rows, templates)
