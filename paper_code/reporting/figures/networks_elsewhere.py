"""Printed accuracies on BreakHis beside what networks of the same names reach elsewhere."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from paper_code.provenance import commit
from paper_code.reporting.labels import NETWORK_LABELS
from paper_code.reporting.markdown import read_results
from paper_code.reporting.plotting import legend_above, list_rows, save_figure

BY_IMAGE, BY_SLIDE = "#0072B2", "#D55E00"  # Wong's colours for the colour-blind


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one row per network of the paper."""
    rows = read_results(tables[0])
    networks = rows["network"].unique()
    figure, axis = plt.subplots(figsize=(6.4, 0.55 * len(networks) + 1.3), layout="constrained")
    for place, network in enumerate(networks):
        _draw_row(axis, place, rows[rows["network"] == network])
    list_rows(axis, [NETWORK_LABELS[name] for name in networks])
    axis.set_xlabel("Accuracy on BreakHis, benign against malignant")
    legend_above(figure, [axis], 1, fontsize=8)
    save_figure(
        figure,
        output,
        "Printed: Table VII. Others: ImageNet weights, all magnifications together (5,361 training "
        f"images by image); sources in the table networks_elsewhere; commit {commit()}",
    )


def _draw_row(axis: Axes, place: int, rows: pd.DataFrame) -> None:
    others = rows.drop_duplicates(["split", "other", "variant"])
    by_image, by_slide = (others[others["split"] == split] for split in ("image", "slide"))
    look = {"color": BY_IMAGE, "markersize": 4}
    look["label"] = "others, split by image: exact 95 % interval"
    for number, other in enumerate(by_image.itertuples(), 1):
        level = place + 0.14 * number
        axis.hlines(level, other.low, other.high, color=BY_IMAGE, linewidth=2)
        axis.plot(other.value, level, "o", **look)
    look = {"color": BY_SLIDE, "markersize": 5}
    look["label"] = "others, split by slide: five folds" if len(by_slide) else "_"
    axis.plot(by_slide["value"], [place + 0.2] * len(by_slide), "d", **look)
    printed = rows.drop_duplicates("dataset")["printed"]
    label = "printed in the paper, four magnifications"
    axis.plot(printed, [place - 0.15] * len(printed), "k|", markersize=10, label=label)
