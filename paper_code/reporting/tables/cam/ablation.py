"""What each step of DT Grad-CAM adds to Grad-CAM."""

import numpy as np
import pandas as pd

from paper_code.cam.ablation import STAGES
from paper_code.reporting.markdown import change_text, interval_text, markdown
from paper_code.reporting.tables.cam.scores import (
    FREE,
    METRIC_LABELS,
    CamRun,
    cam_obstacles,
    heading,
    resampled,
    seed_of,
    side_by_side,
    write_cam_table,
)

METRICS = ("iou", "dice", "recall", "precision", "area", "matched_iou", *FREE, "spread")
SHOWN = ("iou", "recall", "precision", "area", "matched_iou", "energy_inside", "auprc", "spread")
NOTES = """One row per stage: each has all that the stages above it have. Each cell: mean over the
test images that show a lesion [95 % interval, patients drawn with replacement]; in brackets the
change against the stage before, with its paired interval. Before Otsu a region is what exceeds
half of the maximum, from Otsu on what is not zero; "IoU, same area" is that of regions which are
equally large at every stage. The order of the stages decides what each of them seems to bring:
cam_comparisons.md has the cut without the noise."""


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; arguments as `write_cam_table`."""
    write_cam_table(
        output,
        cams,
        ablation_rows,
        _block,
        title="Ablation of DT Grad-CAM",
        notes=NOTES,
        scale=scale,
        resamples=resamples,
    )


def ablation_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, stage and metric: value, low, high; change (low, high) from the stage
    before; `obstacles` tells why a row is no evidence about the paper."""
    tables = [run.stages.assign(dataset=run.facts["dataset"], seed=seed_of(run)) for run in runs]
    keys = ["dataset", "seed", "image", "group", "stage"]
    scores = pd.concat(tables).melt(keys, list(METRICS), "metric", "value")
    found = []
    for dataset, subset in scores.groupby("dataset", sort=False):
        values = side_by_side(subset, ["stage", "metric"])[list(STAGES)]
        steps = zip(STAGES[1:], STAGES, strict=False)
        changes = {
            (stage, metric): values[stage, metric] - values[before, metric]
            for stage, before in steps
            for metric in METRICS
        }
        changes = resampled(pd.DataFrame(changes), resamples, differences=True)
        changes = changes.rename_axis(values.columns.names)[["value", "low", "high"]]
        changes.columns = ["change", "change_low", "change_high"]
        rows = resampled(values, resamples, differences=False)
        rows = rows.join(changes).reset_index()
        obstacles = cam_obstacles(runs, dataset, scale)
        found.append(rows.assign(dataset=dataset, scale=scale, obstacles=obstacles))
    table = pd.concat(found, ignore_index=True)
    return table[["dataset", *table.columns.drop("dataset")]].round(6)


def _block(dataset: str, rows: pd.DataFrame) -> str:
    lines = []
    for stage in STAGES:
        subset = rows[rows["stage"] == stage].set_index("metric")
        line = {"Stage": stage}
        for metric in SHOWN:
            row = subset.loc[metric]
            text = interval_text(row["value"], row["low"], row["high"])
            if not np.isnan(row["change"]):
                text += f" ({change_text(row['change'], row['change_low'], row['change_high'])})"
            line[METRIC_LABELS[metric]] = text
        lines.append(line)
    return f"{heading(dataset, rows['obstacles'].iloc[0])}\n\n{markdown(pd.DataFrame(lines))}"
