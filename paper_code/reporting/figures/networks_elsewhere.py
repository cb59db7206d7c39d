"""Printed accuracies on BreakHis beside what networks of the same names reach elsewhere."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.provenance import commit
from paper_code.reporting.labels import NETWORK_LABELS
from paper_code.reporting.markdown import read_results
from paper_code.reporting.plotting import save_figure, style

BY_IMAGE, BY_SLIDE = "#0072B2", "#D55E00"  # Wong's colours for the colour-blind


def draw(output: str, *, tables: list[str]) -> None:
    """Write `output` (.png) and its .pdf: one row per network of the paper.

    Args:
        output: the .png file.
        tables: the CSV of the table `networks_elsewhere`.
    """
    rows = read_results(tables[0])
    networks = list(dict.fromkeys(rows["network"]))
    with style():
        figure, axis = plt.subplots(figsize=(6.4, 0.55 * len(networks) + 1.3), layout="constrained")
        for place, network in enumerate(networks):
            _draw_row(axis, place, rows[rows["network"] == network])
        axis.set_yticks(range(len(networks)), [NETWORK_LABELS[name] for name in networks])
        axis.set_ylim(len(networks) - 0.5, -0.5)
        axis.set_xlabel("Accuracy on BreakHis, benign against malignant")
        axis.grid(axis="x", color="0.9")
        axis.set_axisbelow(True)
        handles, labels = axis.get_legend_handles_labels()
        by_label = dict(zip(labels, handles, strict=True))
        figure.legend(
            by_label.values(), by_label.keys(), loc="outside upper center", ncols=1, fontsize=8
        )
        save_figure(
            figure,
            output,
            "Printed: Table VII. Others: ImageNet weights, all magnifications together (5,361 "
            "training images by image); sources in the table networks_elsewhere; "
            f"commit {commit()}",
        )


def _draw_row(axis, place: int, rows: pd.DataFrame) -> None:
    others = rows.drop_duplicates(["split", "other", "variant"])
    by_image = others[others["split"] == "image"].reset_index(drop=True)
    by_slide = others[others["split"] == "slide"]
    for number, other in by_image.iterrows():
        level = place + 0.14 * (number + 1)
        axis.hlines(level, other["low"], other["high"], color=BY_IMAGE, linewidth=2)
        axis.plot(
            other["value"],
            level,
            "o",
            color=BY_IMAGE,
            markersize=4,
            label="others, split by image: exact 95 % interval",
        )
    axis.plot(
        by_slide["value"],
        [place + 0.2] * len(by_slide),
        "d",
        color=BY_SLIDE,
        markersize=5,
        label="others, split by slide: five folds" if len(by_slide) else "_",
    )
    printed = rows.drop_duplicates("dataset")
    axis.plot(
        printed["printed"],
        [place - 0.15] * len(printed),
        "k|",
        markersize=10,
        label="printed in the paper, four magnifications",
    )
