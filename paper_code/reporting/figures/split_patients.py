"""How many test images are of a patient that is also in training, for each way of splitting."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.plotting import save_figure, style

PANELS = {
    "test_images_known_patient": "Test images whose patient is in training",
    "test_images_known_slide": "Test images whose slide is in training",
}
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

    Args:
        output: the .png file.
        tables: the CSV of the table `split_patients`.

    Raises:
        UserError: the table has no magnification.
    """
    rows = pd.read_csv(tables[0], keep_default_na=False)
    rows = rows[rows["dataset"].isin(LOOKS)]
    if rows.empty:
        raise UserError(f"{tables[0]}: no row of a magnification. Make the table again.")
    ways = list(dict.fromkeys(rows["way"]))
    with style():
        figure, axes = plt.subplots(
            1, len(PANELS), figsize=(8.4, 0.42 * len(ways) + 1.2), sharey=True, layout="constrained"
        )
        for axis, (metric, title) in zip(axes, PANELS.items(), strict=True):
            _draw_panel(axis, rows[rows["metric"] == metric], ways)
            axis.set_title(title, fontsize=9)
        axes[0].set_yticks(range(len(ways)), [_way_label(way) for way in ways])
        axes[0].set_ylim(len(ways) - 0.5, -0.5)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(LOOKS), fontsize=8)
        save_figure(figure, output, _provenance(rows))


def _draw_panel(axis, rows: pd.DataFrame, ways: list[str]) -> None:
    for place, (dataset, look) in enumerate(LOOKS.items()):
        cells = rows[rows["dataset"] == dataset].set_index("way").reindex(ways)
        heights = [row + HEIGHT * (place - (len(LOOKS) - 1) / 2) for row in range(len(ways))]
        axis.hlines(heights, 100 * cells["low"], 100 * cells["high"], color=look["color"])
        label = DATASET_LABELS[dataset]
        axis.plot(100 * cells["mean"], heights, linestyle="", markersize=4, label=label, **look)
    axis.set_xlim(-4, 104)
    axis.set_xlabel("% of the test images")
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)


def _way_label(way: str) -> str:
    return way if way.startswith("official") else f"by {way}"


def _provenance(rows: pd.DataFrame) -> str:
    counts = rows.drop_duplicates("way").set_index("way")["splits"]
    return (
        f"Counted on the file names of all 7,909 images. Lines: 2.5 % to 97.5 % of the splits "
        f"({counts.get('image', 0):,} by image, {counts.get('patient', 0)} by patient, of each "
        f"magnification).\nPatient: number of the slide without its letters; commit {commit()}"
    )
