"""The printed accuracies of Table VII with the intervals that they should have carried."""

import pandas as pd
from matplotlib.axes import Axes

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.figures.panels import draw_panels
from paper_code.reporting.markdown import read_results

IMAGES, PATIENTS = "#0072B2", "#D55E00"  # Wong's colours for the colour-blind


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one panel per magnification, one row per network.

    Raises:
        UserError: the table has no row of Table VII.
    """
    rows = read_results(tables[0])
    rows = rows[rows["table"] == "07"]
    if rows.empty:
        raise UserError(f"{tables[0]}: no row of Table VII. Make the table again.")
    provenance = (
        "95 % intervals: Clopper-Pearson on the test images of Table VI; Korn and Graubard with "
        "the effective number of images.\nThe design effect is that of another network's published "
        f"predictions on the official folds; commit {commit()}"
    )
    size = {"panel": 2.3, "row": 0.3, "margin": 1.2}
    draw_panels(output, rows, _draw_panel, provenance, **size, columns=3)


def _draw_panel(axis: Axes, cells: pd.DataFrame) -> None:
    places = range(len(cells))
    look = {"color": PATIENTS, "label": "new patients, with the design effect"}
    axis.hlines(places, cells["low_patients"], cells["high_patients"], linewidth=1.2, **look)
    look = {"color": IMAGES, "label": "images of the same patients"}
    axis.hlines(places, cells["low"], cells["high"], linewidth=4, **look)
    axis.plot(cells["printed"], places, "k|", markersize=9, label="printed")
    axis.set_xlabel("Accuracy")
