"""Values and their intervals, a row each, in one panel or several: declared in the catalogue."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.labels import label
from paper_code.reporting.markdown import read_results
from paper_code.reporting.pages import render, select
from paper_code.reporting.plotting import grid, legend_above, save_figure


def draw(
    output: str,
    *,
    tables: list[str],
    line: str,
    marks: list[dict],
    xlabel: str,
    note: str,
    size: Mapping[str, float],
    where: Mapping[str, object] | None = None,
    panels: str = "",
    titles: Mapping[str, str] | None = None,
    beside: str = "",
    percent: bool = False,
    legend: int = 1,
) -> None:
    """Write `output` (.png) and its .pdf.

    Args:
        output: the .png file.
        tables: the CSV file.
        line: template (`pages.render`) of what a row of the figure is called.
        marks: what is drawn, each the keyword arguments of `draw_mark`.
        xlabel: of every panel.
        note: at the foot; may name {commit}, and {least[column]} and {most[column]} of the rows.
        size: inches: `panel`, the width of one; `row`, its height; `margin`, the other height.
        where: column: value of the rows that are shown.
        panels: the column that has a panel for each value; without it there is one.
        titles: value: title of the panels, by default all values under their labels.
        beside: template of what stands right of a row.
        percent: show shares as per cent.
        legend: columns of the legend.

    Raises:
        UserError: the table has no such rows.
    """
    rows = select(read_results(tables[0]), where or {})
    if titles:
        rows = rows[rows[panels].isin(titles)]
    if rows.empty:
        raise UserError(f"{tables[0]}: no rows to draw. Make the table again.")
    rows = named(rows, line)
    names = rows["line"].unique()
    if not titles:
        titles = {value: label(value) for value in rows[panels].unique()} if panels else {"": ""}
    width, height = size["panel"] * len(titles) + 1.2, size["row"] * len(names) + size["margin"]
    figure, axes = grid(1, len(titles), (width, height), sharex=True, sharey=True)
    for axis, value in zip(axes[0], titles, strict=True):
        draw_rows(axis, rows[rows[panels] == value] if panels else rows, names, marks)
        axis.set(title=titles[value], xlabel=xlabel)
        if percent:
            axis.xaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    for place, name in enumerate(names if beside else ()):
        text = render(beside, rows[rows["line"] == name])
        at = {"xy": (1.02, place), "xycoords": ("axes fraction", "data"), "va": "center"}
        axes[0, -1].annotate(text, fontsize=8, **at)
    legend_above(figure, axes[0, :1], legend, fontsize=8)
    numbers = {"least": rows.min(numeric_only=True), "most": rows.max(numeric_only=True)}
    save_figure(figure, output, note.format(commit=commit(), **numbers))


def named(rows: pd.DataFrame, line: str) -> pd.DataFrame:
    """Add a column `line` from a template."""
    return rows.assign(line=[render(line, rows.iloc[[place]]) for place in range(len(rows))])


def draw_rows(axis: Axes, rows: pd.DataFrame, names: Sequence[str], marks: list[dict]) -> None:
    """Draw marks of rows, of which those of one `line` share a place; `names` are from the top."""
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.grid(axis="x", color="0.9")
    axis.set_axisbelow(True)
    for mark in marks:
        draw_mark(axis, rows, {name: place for place, name in enumerate(names)}, **mark)


def draw_mark(
    axis: Axes,
    rows: pd.DataFrame,
    places: Mapping[str, int],
    *,
    value: str = "",
    ends: tuple[str, str] | None = None,
    where: Mapping[str, object] | None = None,
    each: list[str] | None = None,
    shift: float = 0,
    step: float = 0,
    **look: object,
) -> None:
    """Draw one column as points, or two as the ends of lines.

    Args:
        axis: with a row for each of `places`.
        rows: with a column `line`.
        places: of the lines, from the top.
        value: the column of points.
        ends: the columns of the ends.
        where: column: value of the rows that have this mark.
        each: columns of which a line shows each combination once.
        shift: of all downwards.
        step: of each further one of a line downwards.
        look: of Matplotlib.
    """
    rows = select(rows, where or {})
    if each is not None:
        rows = rows.drop_duplicates(["line", *each])
    heights = rows["line"].map(places) + shift + step * rows.groupby("line").cumcount()
    if ends:
        axis.hlines(heights, rows[ends[0]], rows[ends[1]], **look)
    elif len(rows):
        axis.plot(rows[value], heights, linestyle="", **look)
