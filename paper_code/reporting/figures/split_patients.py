"""How many test images are of a patient that is also in training, for each way of splitting."""

import pandas as pd
from matplotlib.axes import Axes

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.plotting import grid, legend_above, light_grid, list_rows, save_figure
from paper_code.reporting.tables.split_patients import METRICS, SHARES

# Wong's colours for the colour-blind.
LOOKS = {
    "breakhis_40x": {"color": "#0072B2", "marker": "o"},
    "breakhis_100x": {"color": "#D55E00", "marker": "s"},
    "breakhis_200x": {"color": "#009E73", "marker": "D"},
    "breakhis_400x": {"color": "#CC79A7", "marker": "^"},
}
HEIGHT = 0.16  # between the marks of two magnifications in one row


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one row per way of splitting, one mark per magnification.

    Raises:
        UserError: the table has no magnification.
    """
    rows = pd.read_csv(tables[0], keep_default_na=False)
    rows = rows[rows["dataset"].isin(LOOKS)]
    if rows.empty:
        raise UserError(f"{tables[0]}: no row of a magnification. Make the table again.")
    ways = rows["way"].unique()
    figure, axes = grid(1, len(SHARES), (8.4, 0.42 * len(ways) + 1.2), sharey=True)
    for axis, metric in zip(axes[0], SHARES, strict=True):
        _draw_panel(axis, rows[rows["metric"] == metric], ways)
        axis.set_title(METRICS[metric], fontsize=9)
    list_rows(axes[0, 0], [way if way.startswith("official") else f"by {way}" for way in ways])
    legend_above(figure, axes[0, :1], len(LOOKS), fontsize=8)
    counts = rows.drop_duplicates("way").set_index("way")["splits"]
    save_figure(
        figure,
        output,
        "Counted on the file names of all 7,909 images. Lines: 2.5 % to 97.5 % of the splits "
        f"({counts.get('image', 0):,} by image, {counts.get('patient', 0)} by patient, of each "
        f"magnification).\nPatient: number of the slide without its letters; commit {commit()}",
    )


def _draw_panel(axis: Axes, rows: pd.DataFrame, ways: list[str]) -> None:
    for place, (dataset, look) in enumerate(LOOKS.items()):
        cells = rows[rows["dataset"] == dataset].set_index("way").reindex(ways)
        heights = [row + HEIGHT * (place - (len(LOOKS) - 1) / 2) for row in range(len(ways))]
        axis.hlines(heights, 100 * cells["low"], 100 * cells["high"], color=look["color"])
        label = DATASET_LABELS[dataset]
        axis.plot(100 * cells["mean"], heights, linestyle="", markersize=4, label=label, **look)
    axis.set_xlim(-4, 104)
    axis.set_xlabel("% of the test images")
    light_grid(axis)
