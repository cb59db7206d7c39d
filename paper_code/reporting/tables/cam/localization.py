"""Table XIV: how well the maps of each method find the lesion."""

import numpy as np
import pandas as pd

from paper_code.cam.localization import EVERYTHING
from paper_code.published import printed_value
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import cell, markdown, number
from paper_code.reporting.tables.cam.scores import (
    FREE,
    METHOD_LABELS,
    METRIC_LABELS,
    NO_THRESHOLD,
    REGION_METRICS,
    RULE_LABELS,
    CamRun,
    cam_obstacles,
    heading,
    marking_everything,
    resampled,
    seed_of,
    side_by_side,
    tidy_scores,
    write_cam_table,
)
from paper_code.reporting.verdicts import exact_columns, split_obstacles

# The paper does not say what its maps were compared with.
UNKNOWN_TRUTH = "the paper's ground truth is unknown"
SHOWN = ("iou", "dice", "recall", "precision", "area")  # F1 is Dice
READING = """- IoU and recall reward a larger region. So read each row beside the last three, which
  know nothing of the network: the whole image, a Gaussian round the centre, and a random map as
  smooth as the others. The fair comparisons are those with the same area for all and those without
  a threshold.
- "Average of Eq. 8" is DT Grad-CAM before its cut; "Grad-CAM + Otsu" has the cut but not the
  noise. Together they tell what the noise brings and what the cut brings.
- Where the threshold that is best on validation images marks more than 90 % of the image, no
  threshold is better than marking everything, and the row says so.
- Pixels of equal value are ranked at random: scores are the expected ones."""
NOTES = f"""Each cell: mean over the test images that show a lesion [95 % interval, patients drawn
with replacement] (printed value). Scores are taken per image, then averaged, as the printed ones
were: their F1 equals their Dice, and the printed gain of DT Grad-CAM is mostly recall. Higher is
better, but for the area, which is the part of the image that is marked; the lesion's part stands
above each table.

{READING}

Paired differences: cam_comparisons.md."""


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md; arguments as `write_cam_table`."""
    write_cam_table(
        output,
        cams,
        localization_rows,
        block,
        title="Table XIV: localisation",
        notes=NOTES,
        scale=scale,
        resamples=resamples,
        more=tuning,
    )


def localization_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, method, rule and metric. Printed values stand beside the own rule.

    `threshold` is the fixed one of the rules best and tuned (mean over the runs that have one above
    `EVERYTHING`), `marks_everything` the share of the runs that mark nearly all of the test images,
    `lesion` the lesion's part of the test images. `verdict` never is agrees or differs, as it is
    not known what the printed scores were measured against.
    """
    scores = tidy_scores(runs)
    scores = scores[scores["metric"].isin([*REGION_METRICS, *FREE])]
    tables = []
    for dataset, subset in scores.groupby("dataset", sort=False):
        own_runs = [run for run in runs if run.facts["dataset"] == dataset]
        values = side_by_side(subset, ["method", "rule", "metric"])
        rows = resampled(values, resamples, differences=False)
        rows = _in_order(rows.reset_index()).assign(dataset=dataset)
        rows["printed"] = [
            printed_value("14", dataset=dataset, method=row.method, metric=row.metric)
            if row.rule == "own"
            else np.nan
            for row in rows.itertuples()
        ]
        rows["difference"] = rows["value"] - rows["printed"]
        against = cam_obstacles(runs, dataset, scale, UNKNOWN_TRUTH)
        columns = [
            exact_columns(value, printed, split_obstacles(against))
            for value, printed in zip(rows["value"], rows["printed"], strict=True)
        ]
        rows[list(columns[0])] = pd.DataFrame(columns, rows.index)
        rows["threshold"] = [
            _threshold(own_runs, row.method, row.rule) for row in rows.itertuples()
        ]
        everything = marking_everything(runs, dataset)
        rows["marks_everything"] = [
            everything.get((row.method, row.rule), 0.0) for row in rows.itertuples()
        ]
        lesions = pd.concat([run.maps for run in own_runs])
        lesions = lesions[lesions["method"] == "gradcam"]
        rows["lesion"] = lesions.groupby("image")["lesion"].first().mean()
        facts = own_runs[0].facts
        rows["truth"], rows["data"] = facts["truth"], facts["data"]["description"]
        rows["weights"], rows["splits"] = facts["weights"], facts["by"]
        tables.append(rows)
    table = pd.concat(tables, ignore_index=True).assign(table="14", scale=scale)
    first = ["table", "dataset", "method", "rule", "metric"]
    return table[[*first, *table.columns.drop(first)]].round(6)


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by method, rule and metric in the order of their labels."""
    orders = {"method": METHOD_LABELS, "rule": [*RULE_LABELS, "none"], "metric": METRIC_LABELS}
    places = {name: {key: i for i, key in enumerate(order)} for name, order in orders.items()}
    keys = pd.DataFrame({name: rows[name].map(place) for name, place in places.items()})
    return rows.loc[keys.sort_values(list(keys)).index].reset_index(drop=True)


def _threshold(runs: list[CamRun], method: str, rule: str) -> float:
    if rule == "best":
        values = [run.facts["thresholds"][method]["threshold"] for run in runs]
    elif rule == "tuned":
        values = [run.facts["tuned"][method].get("threshold", np.nan) for run in runs]
    else:
        return float("nan")
    return pd.Series(values).where(lambda value: value > EVERYTHING).mean()


def block(dataset: str, rows: pd.DataFrame) -> str:
    """The rows of one data set in Markdown, one table per rule."""
    head = rows.iloc[0]
    parts = [
        heading(dataset, head["obstacles"]),
        f"The lesion covers {100 * head['lesion']:.2g} % of a test image (truth: {head['truth']}).",
    ]
    groups = [(rule, text, SHOWN) for rule, text in RULE_LABELS.items()]
    for rule, text, metrics in [*groups, ("none", "without a threshold", FREE)]:
        lines = []
        for method, subset in rows[rows["rule"] == rule].groupby("method", sort=False):
            cells = subset.set_index("metric")
            first = subset.iloc[0]
            line = {"Method": METHOD_LABELS.get(method, method)}
            line |= {METRIC_LABELS[metric]: cell(cells.loc[metric]) for metric in metrics}
            if rule in ("best", "tuned"):
                line["Threshold"] = _threshold_text(first)
            lines.append(line | {"Images": str(first["images"])})
        parts.append(f"{text[0].upper()}{text[1:]}:\n\n{markdown(pd.DataFrame(lines))}")
    return "\n\n".join(parts)


def _threshold_text(row: pd.Series) -> str:
    """The threshold, or in how much of the runs it is none."""
    share = row["marks_everything"]
    if share == 1:
        return NO_THRESHOLD
    shown = number(row["threshold"], 2)
    return f"{shown} ({100 * share:.0f} % of the runs: {NO_THRESHOLD})" if share else shown


def tuning(runs: list[CamRun]) -> list[str]:
    """The section on the parameters that were chosen on validation images: one row per run."""
    lines = []
    for run in runs:
        dataset, chosen = run.facts["dataset"], run.facts["tuned"]
        ours, plain = chosen["dt_gradcam"], chosen["gradcam"]
        grid = run.tuning[run.tuning["method"] == "dt_gradcam"]["iou"]
        threshold = plain["threshold"]
        lines.append(
            {
                "Data set": DATASET_LABELS.get(dataset, dataset),
                "Seeds": seed_of(run),
                "Images": str(run.facts["tuning_images"]),
                "N": f"{ours['copies']:g}",
                "sigma": f"{ours['sigma']:g}",
                "Kernel": f"{ours['kernel_size']:g}",
                "IoU of DT Grad-CAM": f"{ours['iou']:.3f}",
                "over its grid": f"{grid.min():.3f} to {grid.max():.3f}",
                "Smoothing of Grad-CAM": f"{plain['smoothing']:g}",
                "Threshold": "everything" if threshold < 0 else f"{threshold:g}",
                "IoU of Grad-CAM": f"{plain['iou']:.3f}",
                "Whole image": f"{chosen['whole_image']['iou']:.3f}",
                "Centre prior": f"{chosen['centre_prior']['iou']:.3f}",
            }
        )
    text = (
        "## Parameters\n\nThe paper gives neither N, sigma nor the kernel of DT Grad-CAM. Each "
        "method has those parameters of its own grid that gave the highest mean IoU on validation "
        "images (`tuning.csv` of each run has every point). Smoothing is the deviation of a "
        "Gaussian, as a part of the image's side. IoUs are those on the validation images."
    )
    return [f"{text}\n\n{markdown(pd.DataFrame(lines))}"]
