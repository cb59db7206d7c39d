"""Table XIV: how well the maps of each method find the lesion."""

import numpy as np
import pandas as pd

from paper_code.cam.localization import EVERYTHING
from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.published import printed_value, published_table
from paper_code.reporting.labels import METHOD_LABELS, METRIC_LABELS
from paper_code.reporting.markdown import write_table
from paper_code.reporting.pages import notes, sections, text_of_runs
from paper_code.reporting.tables.cam.scores import (
    FREE,
    REGION_METRICS,
    RULE_LABELS,
    CamRun,
    cam_obstacles,
    cam_provenance,
    load_cam,
    marking_everything,
    order,
    resampled,
    rules_text,
    side_by_side,
    tidy_scores,
)
from paper_code.reporting.verdicts import NOT_RUN, exact_columns, split_obstacles

# The paper does not say what its maps were compared with.
UNKNOWN_TRUTH = "the paper's ground truth is unknown"
# What the page shows: rules, and methods; the CSV has all.
SHOWN_RULES = ("own", "area", "lesion", "none")
SHOWN_METHODS = ("gradcam", "scorecam", "eigencam", "dt_gradcam", "gradcam_otsu")
SHOWN_METHODS += ("whole_image", "centre_prior", "random_map", "brightness")
SHOWN = ("iou", "dice", "recall", "area", *FREE)  # F1 is Dice
COLUMNS = {
    "Method": "{method:label}",
    **{METRIC_LABELS[metric]: f"{{{metric}:cell}}" for metric in SHOWN},
    "Images": "{images:.0f}",
}
TEXT = "The lesion covers {lesion:.1%} of a test image (truth: {truth})."
EVIDENCE = f"{TEXT} Counts as evidence: {{obstacles:evidence}}."


def write(output: str, *, cams: list[str], scale: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md."""
    runs = [load_cam(path) for path in cams]
    rows = localization_rows(runs, scale=scale, resamples=resamples)
    page = [notes(__file__, rules=rules_text()), *blocks(rows), cam_provenance(runs, scale)]
    write_table(output, rows, "Table XIV: localisation", page)


def localization_rows(runs: list[CamRun], *, scale: str, resamples: int) -> pd.DataFrame:
    """One row per data set, method, rule and metric. Printed values stand beside the own rule.

    `threshold` is the fixed one of the rules best and tuned (mean over the runs that have one above
    `EVERYTHING`), `marks_everything` the share of the runs that mark nearly all of the test images,
    `lesion` the lesion's part of the test images. `verdict` never is agrees or differs, as it is
    not known what the printed scores were measured against.
    """
    scores = tidy_scores(runs)
    scores = scores[scores["metric"].isin([*REGION_METRICS, *FREE, "spread", "stability"])]
    tables = []
    for dataset, subset in scores.groupby("dataset", sort=False):
        own_runs = [run for run in runs if run.facts["dataset"] == dataset]
        values = side_by_side(subset, ["method", "rule", "metric"])
        rows = resampled(values, resamples, differences=False)
        orders = {"method": METHOD_LABELS, "rule": [*RULE_LABELS, "none"], "metric": METRIC_LABELS}
        rows = order(rows.reset_index(), **orders).assign(dataset=dataset)
        against = split_obstacles(cam_obstacles(runs, dataset, scale, UNKNOWN_TRUTH))
        everything = marking_everything(runs, dataset)
        added = []
        for row in rows.itertuples():
            cell = {"dataset": dataset, "method": row.method, "metric": row.metric}
            printed = printed_value("14", **cell) if row.rule == "own" else np.nan
            columns = {"printed": printed, "difference": row.value - printed}
            columns |= exact_columns(row.value, printed, against)
            columns["threshold"] = _threshold(own_runs, row.method, row.rule)
            columns["marks_everything"] = everything.get((row.method, row.rule), 0.0)
            added.append(columns)
        rows = rows.join(pd.DataFrame(added))
        lesions = pd.concat([run.maps for run in own_runs])
        lesions = lesions[lesions["method"] == "gradcam"]
        rows["lesion"] = lesions.groupby("image")["lesion"].first().mean()
        facts = own_runs[0].facts
        rows["truth"], rows["data"] = facts["truth"], facts["data"]["description"]
        rows["weights"], rows["splits"] = facts["weights"], facts["by"]
        tables.append(rows)
    table = pd.concat(tables, ignore_index=True).assign(scale=scale)
    table = pd.concat([table, not_run(table)], ignore_index=True).assign(table="14")
    first = ["table", "dataset", "method", "rule", "metric"]
    return table[[*first, *table.columns.drop(first)]].round(6)


def not_run(rows: pd.DataFrame) -> pd.DataFrame:
    """The printed values beside which there is no run, if any data set is the paper's."""
    keys = ["dataset", "method", "metric"]
    printed = published_table("14").drop(columns=["table", "printed"])
    printed = printed.rename(columns={"value": "printed"})
    if not rows["dataset"].isin(PAPER_DATASETS).any():
        return printed.iloc[:0]
    known = pd.MultiIndex.from_frame(rows[keys])
    alone = printed[~pd.MultiIndex.from_frame(printed[keys]).isin(known)]
    nothing = exact_columns(np.nan, 1.0, [NOT_RUN])
    return alone.assign(rule="own", **nothing)


def _threshold(runs: list[CamRun], method: str, rule: str) -> float:
    if rule == "best":
        values = [run.facts["thresholds"][method]["threshold"] for run in runs]
    elif rule == "tuned":
        values = [run.facts["tuned"][method].get("threshold", np.nan) for run in runs]
    else:
        return float("nan")
    return pd.Series(values).where(lambda value: value > EVERYTHING).mean()


def blocks(rows: pd.DataFrame, text: str = EVIDENCE) -> list[str]:
    """A section for each data set and rule that the page shows, with `text` where it was run."""
    shown = rows["rule"].isin(SHOWN_RULES) & rows["method"].isin(SHOWN_METHODS)
    shown &= rows["metric"].isin(SHOWN)
    heading = "{dataset:label}, rule: {rule}"
    found = []
    for _, block in rows[shown].groupby(["dataset", "rule"], sort=False):
        metrics = set(block["metric"])
        names = {METRIC_LABELS[name] for name in SHOWN if name not in metrics}
        columns = {name: text for name, text in COLUMNS.items() if name not in names}
        said = text_of_runs(text, block)
        found += sections(block, "dataset", heading, columns, "method", said)
    return found
