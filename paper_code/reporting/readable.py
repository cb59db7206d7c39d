"""Rows of results as text for reading, in reports and notebooks."""

import pandas as pd

from paper_code.reporting.labels import METRIC_LABELS, PLACEMENT_LABELS, label, network_label
from paper_code.reporting.markdown import interval_text, number, p_text

HEADINGS = {
    "dataset": "Data set",
    "lead_over": "Lead over",
    "p_value": "p",
    "p_holm": "p (Holm)",
    "p_least": "Least p",
    "p_largest": "Largest p",
    "p_largest_one_more": "Largest p, other network one image better",
}


def readable(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Some columns of a table as text, with headings and names for reading.

    Args:
        rows: of any table of results.
        columns: names of its columns; three names separated by spaces are a value and the ends of
            its interval, which share a column. Those that the table lacks are left out.
    """
    words = {
        "dataset": label,
        "method": label,
        "images": "{:.0f}".format,
        "images_ahead": "{:.0f}".format,
        "lead": "{:+.3f}".format,
    }
    words |= dict.fromkeys(("network", "lead_over", "other"), network_label)
    words |= {"metric": METRIC_LABELS.get, "placement": PLACEMENT_LABELS.get}
    shown = {}
    for names in map(str.split, columns):
        first, cells = names[0], rows.get(names[0])
        if cells is None:
            continue
        heading = HEADINGS.get(first) or first.replace("_", " ").capitalize()
        if len(names) > 1:
            ends = zip(*(rows[name] for name in names), strict=True)
            shown[f"{heading} [95 %]"] = [interval_text(*each) for each in ends]
            continue
        if first.startswith("p_"):
            shown[heading] = [p_text(p).removeprefix("p ") for p in cells]
            continue
        as_text = number if pd.api.types.is_float_dtype(cells) else str
        if as_text is str:
            cells = cells.astype(object).where(cells.notna(), "")
        shown[heading] = cells.map(words.get(first, as_text)).to_list()
    return pd.DataFrame(shown).fillna("–")
