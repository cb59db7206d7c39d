"""What tables of class activation maps read, and means and paired differences over images."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.files import read_json
from paper_code.metrics.intervals import bca_interval, percentile_interval, percentile_p_value
from paper_code.metrics.resampling import bootstrap_values, group_codes, left_out_values
from paper_code.reporting.evidence import evidence_text, join_obstacles, obstacles
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import distinct, write_table

METHOD_LABELS = {
    "gradcam": "Grad-CAM",
    "scorecam": "Score-CAM",
    "eigencam": "Eigen-CAM",
    "dt_gradcam": "DT Grad-CAM",
    "gradcam_plusplus": "Grad-CAM++",
    "hirescam": "HiResCAM",
}
RULE_LABELS = {
    "own": "each method's own rule (DT Grad-CAM: Otsu; the others: above 0.5)",
    "otsu": "the same rule for all: Otsu on each map",
    "best": "the same rule for all: the fixed threshold that is best on validation images",
}
OVERLAPS = ("iou", "dice", "recall", "precision", "f1")
FREE = ("pointing_game", "energy_inside", "auprc")  # need no threshold
MAP_METRICS = (*FREE, "spread", "stability", "deletion", "insertion")
LOWER_IS_BETTER = ("spread", "deletion")
METRIC_LABELS = {
    "iou": "IoU",
    "dice": "Dice",
    "recall": "Recall",
    "precision": "Precision",
    "f1": "F1",
    "pointing_game": "Pointing game",
    "energy_inside": "Energy inside",
    "auprc": "AUPRC",
    "spread": "Spread",
    "stability": "Stability",
    "deletion": "Deletion",
    "insertion": "Insertion",
}
LEVEL = 0.95
FEWEST = 5  # patients; with fewer an interval of a mean says nothing

SCORES = ("regions", "maps", "stages")  # files of scores, one row per image and method


@dataclass(frozen=True)
class CamRun:
    """The files of `paper_code.cam.evaluation.evaluate_run`."""

    facts: dict
    regions: pd.DataFrame
    maps: pd.DataFrame
    stages: pd.DataFrame
    randomization: pd.DataFrame


def load_cam(path: str | Path) -> CamRun:
    """Read the scores of one run from its `cam.json` and the CSV files beside it.

    Raises:
        UserError: a file is missing or damaged.
    """
    path = Path(path)
    try:
        tables = [_read_scores(path.with_name(f"{name}.csv")) for name in SCORES]
        randomization = pd.read_csv(
            path.with_name("randomization.csv"),
            dtype={"stage": str},
            keep_default_na=False,
            na_values=[""],
        )
        return CamRun(read_json(path), *tables, randomization)
    except (OSError, json.JSONDecodeError, pd.errors.ParserError) as error:
        raise UserError(
            f"{path}: not the scores of a run ({error}). Make them with 'paper_code cam'."
        ) from error


def _read_scores(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, dtype={"image": str, "group": str})
    # An image without a patient is a unit of its own, the same one for every seed.
    return table.assign(group=table["group"].fillna(table["image"]))


def write_cam_table(
    output: str,
    cams: list[str],
    make_rows: Callable[..., pd.DataFrame],
    block: Callable[[str, pd.DataFrame], str],
    *,
    title: str,
    notes: str,
    scale: str,
    resamples: int,
) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        cams: `cam.json` files of `evaluate_run`.
        make_rows: the table of the loaded runs, `make_rows(runs, scale=..., resamples=...)`.
        block: the Markdown of one data set, from its name and rows.
        title, notes: of the page.
        scale: smoke, demo or paper.
        resamples: of the bootstrap.
    """
    runs = [load_cam(path) for path in cams]
    rows = make_rows(runs, scale=scale, resamples=resamples)
    blocks = [block(dataset, subset) for dataset, subset in rows.groupby("dataset", sort=False)]
    write_table(output, rows, title, [notes, *blocks, cam_provenance(runs, scale)])


def tidy_scores(runs: list[CamRun]) -> pd.DataFrame:
    """Every score of every image: dataset, seed, image, group, method, rule, metric, value.

    `rule` is empty for scores that need no threshold.
    """
    keys = ["dataset", "seed", "image", "group", "method", "rule"]
    parts = []
    for run in runs:
        for table, metrics in ((run.regions, OVERLAPS), (run.maps, MAP_METRICS)):
            table = table.assign(dataset=run.facts["dataset"], seed=run.facts["seed"])
            if "rule" not in table:
                table["rule"] = ""
            parts.append(table.melt(keys, list(metrics), "metric", "value"))
    return pd.concat(parts, ignore_index=True)


def mean_interval(values: pd.Series, groups: pd.Series, resamples: int) -> dict[str, float]:
    """Mean over images; `low`, `high` of the BCa bootstrap of patients, NaN for under `FEWEST`."""
    known = values.notna().to_numpy()
    numbers, groups = values.to_numpy(float)[known], groups.to_numpy()[known]
    if len(numbers) == 0:
        return {"value": np.nan, "low": np.nan, "high": np.nan}
    codes = group_codes(groups, len(numbers))
    if codes.max() + 1 < FEWEST:
        return {"value": float(numbers.mean()), "low": np.nan, "high": np.nan}
    statistic = _weighted_mean(numbers)
    drawn = bootstrap_values(statistic, codes, resamples, seed=0)[:, 0]
    left_out = left_out_values(statistic, codes)[:, 0]
    low, high = bca_interval(float(numbers.mean()), drawn, left_out, LEVEL)
    return {"value": float(numbers.mean()), "low": low, "high": high}


def paired_difference(
    first: pd.Series, second: pd.Series, groups: pd.Series, resamples: int
) -> dict[str, float]:
    """Mean of first - second over the images that have both, with interval and two-sided p.

    Both are NaN for fewer than `FEWEST` patients.
    """
    change = (first - second).to_numpy(float)
    known = ~np.isnan(change)
    change, groups = change[known], groups.to_numpy()[known]
    found = {
        "reference_value": float(first[known].mean()),
        "value": float(second[known].mean()),
    }
    if len(change) == 0:
        return found | dict.fromkeys(("difference", "low", "high", "p_value"), np.nan)
    codes = group_codes(groups, len(change))
    patients = int(codes.max()) + 1
    drawn = bootstrap_values(_weighted_mean(change), codes, resamples, seed=0)[:, 0]
    low = high = p_value = np.nan
    if patients >= FEWEST:
        low, high = percentile_interval(drawn, patients, LEVEL)
        p_value = percentile_p_value(drawn, patients)
    return found | {
        "difference": float(change.mean()),
        "low": low,
        "high": high,
        "p_value": p_value,
        "images": len(change),
        "patients": patients,
    }


def _weighted_mean(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    def statistic(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return (weights @ values / weights.sum(axis=1))[:, None]

    return statistic


def side_by_side(scores: pd.DataFrame, column: str) -> tuple[pd.DataFrame, pd.Series]:
    """Scores of one data set, rule and metric: one row per image and seed, one column per `column`.

    Returns the table and the patient of each row.
    """
    table = scores.pivot(index=["seed", "image", "group"], columns=column, values="value")
    return table.reset_index(drop=True), table.index.get_level_values("group").to_series()


def cam_obstacles(runs: list[CamRun], dataset: str, scale: str, *more: str) -> str:
    """Why maps on a data set are no evidence about the paper; "" where they are."""
    facts = next(run.facts for run in runs if run.facts["dataset"] == dataset)
    return join_obstacles(obstacles(facts["data"], scale, facts["weights"]), more)


def heading(dataset: str, obstacles_found: str | None = None) -> str:
    """The heading of a data set's block, with whether its maps count as evidence."""
    title = f"## {DATASET_LABELS.get(dataset, dataset)}"
    if obstacles_found is None:
        return title
    return f"{title}\n\nCounts as evidence: {evidence_text(obstacles_found)}."


def cam_provenance(runs: list[CamRun], scale: str) -> str:
    """Scale, network, settings, data, truth, hardware and commit behind a table of maps."""
    facts = [run.facts for run in runs]
    data = {
        f["dataset"]: f"- {DATASET_LABELS.get(f['dataset'], f['dataset'])}: "
        f"{f['data']['description']}; truth: {f['truth']}; {f['images']} test images with a lesion "
        f"(Score-CAM: {f['scorecam_images']}), {f['validation_images']} validation images"
        for f in facts
    }
    settings = distinct(
        f"N {f['cam']['copies']}, sigma {f['cam']['sigma']:g}, kernel {f['cam']['kernel_size']}"
        for f in facts
    )
    return "\n".join(
        [
            "## Provenance",
            "",
            f"- Scale: {scale}, {distinct(f['settings']['image_size'] for f in facts)} px",
            f"- Network: {distinct(f['network'] for f in facts)}, layer "
            f"{distinct(f['layer'] for f in facts)}; explained is the predicted class",
            f"- Weights at the start: {distinct(f['weights'] for f in facts)}",
            f"- DT Grad-CAM: {settings}; precision of all maps: "
            f"{distinct(f['cam']['precision'] for f in facts)}",
            *data.values(),
            f"- Seeds: {distinct(f['seed'] for f in facts)}",
            f"- Hardware: {distinct(f['provenance']['hardware'] for f in facts)}",
            f"- Commit of the runs: {distinct(f['provenance']['commit'] for f in facts)}",
        ]
    )
