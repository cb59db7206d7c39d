"""Split by image beside split by patient: what the same networks reach on either."""

import pandas as pd

from paper_code.errors import UserError
from paper_code.reporting.markdown import read_results, write_table
from paper_code.reporting.pages import provenance, sections

WAYS = {"image": "reference_value", "patient": "value"}  # kinds of split: columns of `differences`
NOTES = """The same networks, trained alike, on parts drawn by image and on parts drawn by patient.
If the score by image is higher, part of it comes from recognising patients, not the disease, or
from having images of more patients to learn from.

- Each cell: mean over the runs ± standard deviation between the runs. The difference [95 %
  interval] is by image minus by patient. Its standard error holds the variance over draws of
  patients, each weighing the same in both parts, and the variance between the runs of each side;
  the test parts are of different images, so the difference is less certain than between networks on
  the same ones.
- Splits by patient are drawn at random among those near 6:1:3 in every class; of few patients,
  several of them still share many, and the spread between the runs then misses some of what other
  training patients would change. With one run of each, the interval is for these two networks
  alone.
- How many test images have a patient who is also in training: [split_patients](split_patients.md).
  Patients are what the data set's file names say; see docs/reference/data.md."""
TEXT = (
    "Data: {data}. Obstacles to speaking about the paper's numbers: {obstacles}. Always naming the "
    "largest class has an accuracy of {largest_class:.3f} (by patient)."
)
CELL = "{{{way}:.3f}} ± {{{way}_spread:.3f}}"
COLUMNS = {
    "Network": "{network:label}",
    "Metric": "{metric:label}",
    **{f"By {way}": CELL.format(way=way) for way in WAYS},
    "Difference": "{difference:.3f} [{low:.3f}, {high:.3f}], {p_value:p}",
}


def write(output: str, *, tables: list[str]) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        tables: the CSVs of the tables `results` and `differences`, in this order.

    Raises:
        UserError: no network has runs of both kinds of split.
    """
    rows = leakage_rows(*map(read_results, tables))
    blocks = sections(rows, "dataset", "{dataset:label}", COLUMNS, text=TEXT)
    title = "Split by image against split by patient"
    write_table(output, rows, title, [NOTES, *blocks, provenance(rows)])


def leakage_rows(results: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, network and metric.

    `image` and `patient` are the values by either split, each with `_low`, `_high` and `_spread`;
    `low`, `high` and `p_value` belong to `difference`.
    """
    rows = differences[differences["family"] == "splits"]
    if rows.empty:
        raise UserError("Leakage needs runs of both splits (by image, by patient) of each network.")
    keys = ["dataset", "network", "metric"]
    for way, column in WAYS.items():
        of_way = results[results["splits"] == way].drop_duplicates(keys)
        ends = {name: f"{way}_{name}" for name in ("low", "high", "spread")}
        more = ["largest_class"] if way == "patient" else []
        of_way = of_way[[*keys, *ends, *more]].rename(columns=ends)
        rows = rows.rename(columns={column: way}).merge(of_way, "left", keys)
    first = [*keys, *(f"{way}{end}" for way in WAYS for end in ("", "_low", "_high", "_spread"))]
    first += ["difference", "low", "high", "p_value", "se", "df"]
    return rows[[*first, *rows.columns.drop(first)]]
