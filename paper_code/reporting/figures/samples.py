"""Sample images of data sets in a grid: what Figures 3, 4 and 5 have in common."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.datasets.images import load_image
from paper_code.reporting.labels import CLASS_LABELS
from paper_code.reporting.plotting import save_figure, style


def class_name(label: str) -> str:
    """A class as a figure prints it."""
    return CLASS_LABELS.get(label, label.capitalize())


def choose_sample(table: pd.DataFrame, label: str, groups: set[str] | None = None) -> str:
    """Path of one image of a class, the middle one of the list, if possible of one of `groups`."""
    rows = table[table["label"] == label]
    if groups and rows["group"].isin(groups).any():
        rows = rows[rows["group"].isin(groups)]
    return rows["path"].iloc[len(rows) // 2]


def draw_samples(
    output: str,
    grid: list[list[str]],
    rows: list[str],
    columns: list[str],
    provenance: str,
    colour: str = "any",
) -> None:
    """Draw images in a grid with row and column titles and write .png and .pdf.

    Args:
        output: the .png file.
        grid: image paths, a list a row.
        rows: titles of the rows; empty strings for none.
        columns: titles of the columns.
        provenance: the line at the foot.
        colour: of the data set, as in `load_image`.
    """
    images = [[load_image(path, colour) for path in line] for line in grid]
    ratio = images[0][0].height / images[0][0].width
    with style():
        figure, axes = plt.subplots(
            len(grid),
            len(columns),
            figsize=(2.2 * len(columns), 2.2 * ratio * len(grid) + 0.35),
            squeeze=False,
            layout="constrained",
        )
        for line, axes_line, title in zip(images, axes, rows, strict=True):
            for image, axis in zip(line, axes_line, strict=True):
                axis.imshow(image, aspect="auto" if image.width > image.height else "equal")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            axes_line[0].set_ylabel(title)
        for axis, title in zip(axes[0], columns, strict=True):
            axis.set_title(title)
        save_figure(figure, output, provenance)
