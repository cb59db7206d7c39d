"""Sample images of data sets in a grid: Figures 3, 4 and 5."""

import pandas as pd

from paper_code.datasets.images import load_image
from paper_code.reporting.labels import class_name
from paper_code.reporting.plotting import data_provenance, grid, save_figure
from paper_code.runs import load_manifest


def draw(output: str, *, prepared: list[str], scale: str, layout: str) -> None:
    """Write `output` (.png) and its .pdf.

    The layout "datasets" has one column per data set (a magnification of BreakHis) and one row per
    class, "classes" one column per class of the first data set.
    """
    loaded = [load_manifest(folder) for folder in prepared]
    tables, sources = zip(*loaded, strict=True)
    classes, colour = sources[0]["classes"], "any"
    names = [class_name(label) for label in classes]
    if layout == "classes":
        colour, rows, columns = sources[0]["colour"], [""], names
        paths = [[_choose(tables[0], label, set()) for label in classes]]
    else:
        rows, columns = names, [table["magnification"].iloc[0] for table in tables]
        shared = {label: _shared_patient(tables, label) for label in classes}
        paths = [[_choose(t, label, shared[label]) for t in tables] for label in classes]
    images = [[load_image(path, colour) for path in line] for line in paths]
    ratio = images[0][0].height / images[0][0].width
    size = (2.2 * len(columns), 2.2 * ratio * len(rows) + 0.35)
    figure, axes = grid(len(rows), len(columns), size)
    for line, axes_line, title in zip(images, axes, rows, strict=True):
        for image, axis in zip(line, axes_line, strict=True):
            axis.imshow(image, aspect="auto" if image.width > image.height else "equal")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        axes_line[0].set_ylabel(title)
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(title)
    save_figure(figure, output, data_provenance(list(sources), scale))


def _choose(table: pd.DataFrame, label: str, groups: set[str]) -> str:
    """Path of one image of a class, the middle one of the list, if possible of one of `groups`."""
    rows = table[table["label"] == label]
    if rows["group"].isin(groups).any():
        rows = rows[rows["group"].isin(groups)]
    return rows["path"].iloc[len(rows) // 2]


def _shared_patient(tables: tuple[pd.DataFrame, ...], label: str) -> set[str]:
    """One patient of a class who is in all data sets, if there is one."""
    of_each = (set(table.loc[table["label"] == label, "group"]) for table in tables)
    everywhere = set.intersection(*of_each)
    return {min(everywhere)} if everywhere else set()
