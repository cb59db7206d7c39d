"""Specificity: a dot for what Table XI prints, a bar for what Table VII allows."""

import pandas as pd
from matplotlib.axes import Axes

from paper_code.errors import UserError
from paper_code.files import read_csv
from paper_code.provenance import commit
from paper_code.reporting.figures.panels import draw_panels

TABLE_7, TABLE_11 = "#0072B2", "#D55E00"  # Wong's colours for the colour-blind


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one panel per magnification, one row per network.

    Raises:
        UserError: the table has no rows.
    """
    columns = ("dataset", "network", "low", "high", "printed")
    rows = read_csv(tables[0], *columns, dtype=None, keep_default_na=True)
    if rows.empty:
        raise UserError(f"{tables[0]}: no rows. Make the table again.")
    provenance = (
        "All whole confusion matrices within one unit of the last digit, with the one class split "
        f"that Table XI leaves;\nprinted numbers alone, no image; commit {commit()}"
    )
    size = {"panel": 2.1, "row": 0.28, "margin": 1.4}
    draw_panels(output, rows, _draw_panel, provenance, **size, columns=2)


def _draw_panel(axis: Axes, cells: pd.DataFrame) -> None:
    places = range(len(cells))
    look = {"color": TABLE_7, "label": "allowed by accuracy and GMean (Table VII)"}
    axis.hlines(places, cells["low"], cells["high"], linewidth=5, **look)
    for end in ("low", "high"):  # a range of a single value has no length
        axis.plot(cells[end], places, "s", color=TABLE_7, markersize=4)
    look = {"color": TABLE_11, "label": "printed (Table XI)"}
    axis.plot(cells["printed"], places, "o", markersize=4, **look)
    axis.set_xlabel("Specificity")
