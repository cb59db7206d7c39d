"""One figure for the answer: printed values, what they allow, what others reach, known patients."""

import matplotlib.pyplot as plt

from paper_code.provenance import commit
from paper_code.reporting.figures.intervals import draw_rows, named
from paper_code.reporting.labels import NETWORK_LABELS
from paper_code.reporting.markdown import read_results
from paper_code.reporting.plotting import save_figure
from paper_code.reporting.tables.crossover import frozen_rows

DATASET = "breakhis_40x"  # of the first panel; the other magnifications look alike


def draw(output: str, *, tables: list[str], panels: list[dict], note: str) -> None:
    """Write `output` (.png) and its .pdf: three panels that share an axis from 0.55 to 1.

    `panels` have `title`, `xlabel`, and `line` and `marks` as of `intervals.draw`.
    """
    implied, elsewhere, crossover = map(read_results, tables)
    elsewhere = elsewhere[(elsewhere["split"] == "image") & elsewhere["variant"].isna()]
    shown = (
        implied[implied["dataset"] == DATASET],
        elsewhere[elsewhere["other"] == elsewhere["network"].map(NETWORK_LABELS)],
        frozen_rows(crossover),
    )
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharex=True)
    for axis, rows, panel in zip(axes, shown, panels, strict=True):
        rows = named(rows, panel["line"])
        draw_rows(axis, rows, rows["line"].unique(), panel["marks"])
        axis.set(xlim=(0.55, 1.01), xlabel=panel["xlabel"])
        axis.set_title(panel["title"], loc="left", fontsize=9)
        axis.legend(loc="upper center", bbox_to_anchor=(0.4, -0.16), fontsize=8, frameon=False)
    save_figure(figure, output, note.format(commit=commit()))
