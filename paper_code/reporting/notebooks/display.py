"""What the notebooks say and draw: sentences made from the data, and one look for all plots.

Nothing here states a finding. Every sentence follows from the rows it is given, so that a notebook
stays true for demo and paper results alike.
"""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure
from PIL import Image as Picture

from paper_code.progress import count_text
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS, network_label
from paper_code.reporting.markdown import markdown, number, p_text
from paper_code.reporting.notebooks.results import find_result, results_folder
from paper_code.reporting.plotting import STYLE
from paper_code.reporting.verdicts import (
    NO_VALUE,
    counts,
    join_obstacles,
    split_obstacles,
    verdict_counts,
    verdict_text,
)

DPI = 100
WIDTH = 1000  # px of a picture of figures/ in a notebook
BYTES = 130_000  # of one picture
MEASURED, PRINTED = "#0072B2", "#D55E00"  # Okabe and Ito's palette

plt.rcParams.update(STYLE)  # titles are styled when they are set, anywhere in a notebook


def name_of(key: str) -> str:
    """The label of a data set or of a run's network."""
    return DATASET_LABELS.get(key) or network_label(key)


def say(text: str) -> None:
    """A paragraph below a cell."""
    display(Markdown(text))


def evidence(rows: pd.DataFrame) -> str:
    """Which of some rows speak for or against the paper, and why the others do not."""
    if "reason" in rows:
        rows = rows[~rows["reason"].isin(NO_VALUE)]
    if rows.empty:
        return "There are no such rows in these results."
    free, blocked = rows[counts(rows)], rows.loc[~counts(rows), "obstacles"]
    parts = []
    if len(free):
        text = f"{len(free)} of {len(rows)} rows can be set against the print"
        if "verdict" in rows:
            text += ": " + verdict_counts(free["verdict"])
        parts.append(text)
    if len(blocked):
        named = join_obstacles(*map(split_obstacles, blocked))
        parts.append(
            f"{len(blocked)} of {len(rows)} rows are not evidence for or against the paper "
            f"({named})"
        )
    return "**Evidence.** " + ". ".join(parts) + "."


def provenance(rows: pd.DataFrame) -> str:
    """Data, weights, split, seeds and scale of some rows, in one line."""
    parts = []
    for column, words in (
        ("scale", "{} scale"),
        ("weights", "{} weights"),
        ("splits", "split by {}"),
        ("seeds", "seeds {}"),
        ("data", "{}"),
        ("hardware", "{}"),
    ):
        if column in rows:
            values = dict.fromkeys(str(value) for value in rows[column].dropna() if value != "")
            if values:
                parts.append(words.format(", ".join(values)))
    return "; ".join(parts)


def left_out(rows: pd.DataFrame, *figures: str) -> str:
    """Which data sets of a table no figure of `figures/` shows, and what their images are.

    rows: with the columns dataset and data. A setting may keep real images out of pictures, whose
    terms may forbid passing them on.
    """
    paths = [results_folder() / "figures" / f"{name}.png" for name in figures]
    shown = " ".join(Picture.open(path).info.get("Comment", "") for path in paths if path.is_file())
    absent = rows[~rows["dataset"].map(lambda name: bool(re.search(rf"\b{name}\b", shown)))]
    if absent.empty:
        return "Every data set above is shown."
    texts = (
        f"{name_of(name)} ({data})"
        for name, data in zip(absent["dataset"], absent["data"], strict=True)
    )
    return f"Not shown here: {', '.join(dict.fromkeys(texts))}."


def runs_of(rows: pd.DataFrame) -> str:
    """How many runs each data set of a table has, and how many test images each of them."""
    if rows.empty:
        return ""
    texts = (
        f"{name_of(row.dataset)}, {count_text(len(row.seeds.split()), 'run')} of "
        f"{count_text(row.test_images, 'image')}"
        for row in rows.drop_duplicates("dataset").itertuples()
    )
    return f"{'; '.join(texts)}."


def difference_columns(rows: pd.DataFrame, name: str = "Difference") -> dict[str, list[str]]:
    """Columns for reading of paired differences: value, interval, corrected p and verdict."""

    def signed(value: float) -> str:
        return "–" if np.isnan(value) else f"{value:+.3f}"

    ends = zip(rows["low"], rows["high"], strict=True)
    return {
        name: list(map(signed, rows["difference"])),
        "95 % interval": [f"[{signed(low)}, {signed(high)}]" for low, high in ends],
        "p, Holm": [p_text(p).removeprefix("p ") for p in rows["p_holm"]],
        "Verdict": [verdict_text(row) for _, row in rows.iterrows()],
    }


def show_table(table: pd.DataFrame, caption: str = "") -> None:
    """A table for reading; all cells as text."""
    if table.empty:
        return
    say("\n\n".join([*([caption] if caption else []), markdown(table)]))


def plot(rows: int = 1, columns: int = 1, size: tuple[float, float] | None = None):
    """A figure (`size` in inches) and its rows x columns array of axes."""
    return plt.subplots(
        rows,
        columns,
        figsize=size or (4 * columns, 3 * rows),
        squeeze=False,
        layout="constrained",
    )


def show(figure: Figure, caption: str) -> None:
    """Display a figure as a PNG of the same bytes each time, with its caption, and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    display(Image(_small(buffer.getvalue())))
    say(f"*{caption}*")


def show_figure(name: str, caption: str) -> None:
    """Display a picture of `figures/`, at most `WIDTH` px wide, with its caption."""
    path = find_result("figures", name, "png")
    if path is not None:
        display(Image(_small(path.read_bytes())))
        say(f"*{caption}*")


def _small(data: bytes) -> bytes:
    """A PNG of 256 colours, `WIDTH` px wide or less, until it has `BYTES`: notebooks stay small."""
    picture = Picture.open(io.BytesIO(data)).convert("RGB")
    width = min(picture.width, WIDTH)
    while True:
        size = (width, round(picture.height * width / picture.width))
        buffer = io.BytesIO()
        small = picture.resize(size, Picture.Resampling.LANCZOS)
        small.quantize(256, dither=Picture.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= BYTES or width <= WIDTH // 2:
            return buffer.getvalue()
        width = round(0.85 * width)


def beside_printed(
    rows: pd.DataFrame,
    metric: str,
    subject: str = "network",
    labels: dict[str, str] = NETWORK_LABELS,
    axis_label: str = "",
) -> Figure:
    """One panel per data set, one line per network (or place): value, 95 % interval, printed value.

    rows: of one of Tables II, VII, VIII, XI and XII.
    """
    rows = rows[rows["metric"] == metric]
    datasets = list(dict.fromkeys(rows["dataset"]))
    subjects = [key for key in labels if key in set(rows[subject])]
    subjects += [key for key in dict.fromkeys(rows[subject]) if key not in subjects]
    columns = min(len(datasets), 3)
    lines = -(-len(datasets) // columns)
    height = 1.0 + 0.28 * len(subjects)
    figure, axes = plot(lines, columns, (max(3.1 * columns + 0.6, 5), height * lines))
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        subset = rows[rows["dataset"] == dataset].set_index(subject)
        subset = subset.reindex(subjects)
        place = np.arange(len(subjects))[::-1]
        axis.hlines(place, subset["low"], subset["high"], color=MEASURED, linewidth=2, alpha=0.45)
        axis.plot(subset["value"], place, "o", color=MEASURED, label="measured, 95 % interval")
        axis.plot(subset["printed"], place, "D", color=PRINTED, fillstyle="none", label="printed")
        axis.set(
            yticks=place,
            yticklabels=[labels.get(key, key) for key in subjects],
            xlim=(-0.02, 1.02),
            ylim=(-0.6, len(subjects) - 0.4),
            title=name_of(dataset),
            xlabel=axis_label,
        )
        axis.grid(axis="x", color="0.9")
        axis.set_axisbelow(True)
        axis.label_outer(remove_inner_ticks=True)
        axis.xaxis.set_tick_params(labelbottom=True)
    for axis in axes.flat[len(datasets) :]:
        axis.set_visible(False)
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def metric_table(
    rows: pd.DataFrame, metrics: dict[str, str], subject: str, labels: dict[str, str]
) -> pd.DataFrame:
    """Value [interval] beside the printed value, one line per data set and subject."""
    lines = []
    for (dataset, name), cells in rows.groupby(["dataset", subject], sort=False):
        subset = cells.set_index("metric")
        line = {"Data set": name_of(dataset), subject.capitalize(): labels.get(name, name)}
        for metric, label in metrics.items():
            row = subset.loc[metric]
            interval = (
                "" if np.isnan(row["low"]) else f" [{number(row['low'])}, {number(row['high'])}]"
            )
            line[label] = number(row["value"]) + interval
            line[f"{label}, printed"] = number(row["printed"])
        lines.append(line)
    return pd.DataFrame(lines)
