"""Sample images of data sets in a grid: Figures 3, 4 and 5."""

import matplotlib.pyplot as plt
import pandas as pd

from paper_code.datasets.images import load_image
from paper_code.reporting.labels import CLASS_LABELS
from paper_code.reporting.plotting import data_provenance, save_figure, style
from paper_code.runs import load_manifest


def class_name(label: str) -> str:
    """A class as a figure prints it."""
    return CLASS_LABELS.get(label, label.capitalize())


def choose_sample(table: pd.DataFrame, label: str, groups: set[str] | None = None) -> str:
    """Path of one image of a class, the middle one of the list, if possible of one of `groups`."""
    rows = table[table["label"] == label]
    if groups and rows["group"].isin(groups).any():
        rows = rows[rows["group"].isin(groups)]
    return rows["path"].iloc[len(rows) // 2]


def draw(output: str, *, prepared: list[str], scale: str, layout: str) -> None:
    """Write `output` (.png) and its .pdf.

    Args:
        output: the .png file.
        prepared: folders of the data sets.
        scale: for the record.
        layout: "datasets" has one column per data set (a magnification of BreakHis) and one row
            per class, "classes" one column per class of the first data set.
    """
    loaded = [load_manifest(folder) for folder in prepared]
    sources = [source for _, source in loaded]
    provenance = data_provenance(sources, scale)
    classes = sources[0]["classes"]
    names = [class_name(label) for label in classes]
    if layout == "classes":
        table, source = loaded[0]
        grid = [[choose_sample(table, label) for label in classes]]
        draw_samples(output, grid, [""], names, provenance, source["colour"])
        return
    tables = [table for table, _ in loaded]
    grid = [
        [choose_sample(table, label, _shared_patient(tables, label)) for table in tables]
        for label in classes
    ]
    columns = [table["magnification"].iloc[0] for table in tables]
    draw_samples(output, grid, names, columns, provenance)


def _shared_patient(tables: list[pd.DataFrame], label: str) -> set[str]:
    """One patient of a class who is in all data sets, if there is one."""
    everywhere = set.intersection(
        *(set(table.loc[table["label"] == label, "group"]) for table in tables)
    )
    return {min(everywhere)} if everywhere else set()


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
        grid: image paths, one list per row.
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
