"""What tables of class activation maps read, and means and paired differences over images."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.files import read_csv, read_json
from paper_code.metrics.comparisons import weigh_difference
from paper_code.metrics.intervals import bca_interval, widen_for_runs
from paper_code.metrics.resampling import bootstrap_values, group_codes, left_out_values
from paper_code.reporting.labels import label
from paper_code.reporting.markdown import distinct
from paper_code.reporting.verdicts import joined, run_obstacles, shortfall

RULE_LABELS = {
    "own": "each method's own rule (DT Grad-CAM and what Otsu has cut: not zero; the others: "
    "above 0.5)",
    "otsu": "the same rule for all: Otsu on each map",
    "best": "the same rule for all: the fixed threshold that is best on validation images",
    "area": "the same area for all: the highest pixels of each map, as many as lesions of the "
    "other parts of the split cover on average",
    "lesion": "as many of the highest pixels of each map as the lesion of the image itself has",
    "tuned": "each method with the parameters that are best on validation images",
}
OVERLAPS = ("iou", "dice", "recall", "precision", "f1")
FREE = ("pointing_game", "energy_inside", "auprc")  # need no threshold
REGION_METRICS = (*OVERLAPS, "area")
MAP_METRICS = (*FREE, "spread", "stability", "deletion", "insertion")
LOWER_IS_BETTER = ("spread", "deletion")
NO_MASKS = "no lesion masks"
AT_CHANCE = "network not shown to beat chance"
# A best threshold that marks more of the validation images than this is no threshold.
NEARLY_ALL = 0.9
NO_THRESHOLD = "no threshold better than marking everything"
LEVEL = 0.95
FEWEST = 5  # patients; with fewer an interval of a mean says nothing
OF_DIFFERENCES = ("p_value", "se", "df", "fewest_patients", "shortfall")  # of `resampled`


@dataclass(frozen=True)
class CamRun:
    """The files of `paper_code.cam.evaluation.evaluate_run`."""

    facts: dict
    regions: pd.DataFrame
    maps: pd.DataFrame
    tuning: pd.DataFrame


def load_cam(path: str | Path) -> CamRun:
    """Read the scores of one run from its `cam.json` and the CSV files beside it.

    Raises:
        UserError: a file is missing or damaged.
    """
    path = Path(path)
    try:
        regions, maps = (
            _read_scores(path.with_name(f"{name}.csv")) for name in ("regions", "maps")
        )
        return CamRun(read_json(path), regions, maps, pd.read_csv(path.with_name("tuning.csv")))
    except (OSError, UserError, ValueError) as error:
        raise UserError(
            f"{path}: not the scores of a run ({error}). Make them with 'paper_code cam'."
        ) from error


def _read_scores(path: Path) -> pd.DataFrame:
    # Of the texts that pandas takes for a missing value, a patient's id may be one ("NA").
    texts = {"image": str, "group": str}
    table = read_csv(path, *texts, dtype=texts, na_values=[""])
    # An image without a patient is a unit of its own, the same one for every seed.
    return table.assign(group=table["group"].fillna(table["image"]))


def rules_text() -> str:
    """The rules by which a map becomes a region."""
    return "; ".join(f"{rule}: {text}" for rule, text in RULE_LABELS.items())


def order(rows: pd.DataFrame, **orders: Iterable[str]) -> pd.DataFrame:
    """Rows sorted by columns, each in an order of its own; stable."""
    for column, names in reversed(orders.items()):
        places = {name: place for place, name in enumerate(names)}
        rows = rows.sort_values(column, kind="stable", key=lambda c, p=places: c.map(p))
    return rows.reset_index(drop=True)


def tidy_scores(runs: list[CamRun]) -> pd.DataFrame:
    """Every score of every image: dataset, seed, image, group, method, rule, metric, value.

    `rule` is "none" for scores that need no threshold. `seed` tells the runs of a data set apart:
    seed of the split and of the training.
    """
    keys = ["dataset", "seed", "image", "group", "method", "rule"]
    parts = []
    for run in runs:
        for table, metrics in ((run.regions, REGION_METRICS), (run.maps, MAP_METRICS)):
            table = table.assign(dataset=run.facts["dataset"], seed=seed_of(run))
            if "rule" not in table:
                table["rule"] = "none"
            parts.append(table.melt(keys, list(metrics), "metric", "value"))
    return pd.concat(parts, ignore_index=True)


def seed_of(run: CamRun) -> str:
    """Seed of the split and seed of the training of a run."""
    return f"{run.facts['split_seed']}-{run.facts['seed']}"


def side_by_side(scores: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Scores of one data set as one column per combination of `columns`.

    The index (seed, image, group) tells the measurements apart; images that a method lacks are NaN.
    """
    return scores.pivot(index=["seed", "image", "group"], columns=columns, values="value")


def resampled(values: pd.DataFrame, resamples: int, *, differences: bool) -> pd.DataFrame:
    """Mean of each column over images, with its 95 % interval: one row per column of `values`.

    This is the one place where seeds and patients are weighed: whole patients are drawn with
    replacement, the same draws for all columns and seeds, and the spread between the seeds' means
    is added, as for metrics (`weigh_difference`, `widen_for_runs`).

    Args:
        values: index (seed, image, group), as of `side_by_side`; NaN is left out.
        resamples: of the bootstrap.
        differences: the columns are differences, with a two-sided p-value. Else they are scores
            with a BCa interval.

    Returns:
        value, low, high, images, patients, seeds (runs); of differences also p_value, se, df,
        fewest_patients (in the run that has the fewest) and shortfall. `low`, `high` and `p_value`
        are NaN for fewer than `FEWEST` patients.
    """
    known = values.notna().to_numpy()
    together: dict[bytes, list[int]] = {}  # columns that have the same images
    for column in range(values.shape[1]):
        together.setdefault(known[:, column].tobytes(), []).append(column)
    found = {}
    for columns in together.values():
        subset = values.iloc[:, columns].dropna()
        counted = {
            "images": subset.index.get_level_values("image").nunique(),
            "patients": subset.index.get_level_values("group").nunique(),
            "seeds": subset.index.get_level_values("seed").nunique(),
            **_guards(subset.index),
        }
        table = _intervals(subset, resamples, differences)
        for column, row in table.items():
            found[column] = row | counted
    table = pd.DataFrame([found[column] for column in values.columns], index=values.columns)
    return table if differences else table.drop(columns=list(OF_DIFFERENCES))


def _guards(index: pd.MultiIndex) -> dict[str, int | str]:
    """What the measured images lack for a statement about methods."""
    units = index.to_frame(index=False).groupby("seed", sort=False)["group"].nunique()
    repeats = (tuple(map(int, seed.split("-"))) for seed in units.index)
    fewest = int(units.min()) if len(units) else 0
    return {"fewest_patients": fewest, "shortfall": shortfall(repeats, [fewest])}


def _intervals(values: pd.DataFrame, resamples: int, differences: bool) -> dict[object, dict]:
    """Mean of each column over the seeds, with interval, p-value and standard error."""
    nothing = dict.fromkeys(("value", "low", "high", "p_value", "se", "df"), np.nan)
    seeds = values.index.get_level_values("seed")
    codes = group_codes(values.index.get_level_values("group"), len(values))
    if len(codes) == 0:
        return dict.fromkeys(values, nothing)
    numbers = values.to_numpy(float)
    of_seeds = [np.flatnonzero(seeds == seed) for seed in seeds.unique()]
    means = np.stack([numbers[rows].mean(axis=0) for rows in of_seeds])
    value, patients = means.mean(axis=0), int(codes.max()) + 1
    if patients < FEWEST:
        return {c: nothing | {"value": v} for c, v in zip(values, value, strict=True)}

    def mean_over_seeds(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            parts = [
                weights[:, rows] @ numbers[rows] / weights[:, rows].sum(axis=1, keepdims=True)
                for rows in of_seeds
            ]
        return np.mean(parts, axis=0)

    drawn = bootstrap_values(mean_over_seeds, codes, resamples, seed=0)
    left_out = None if differences else left_out_values(mean_over_seeds, codes)
    runs = len(of_seeds)
    spread = means.std(axis=0, ddof=1) if runs > 1 else np.zeros(len(value))
    found = {}
    for place, column in enumerate(values):
        row = nothing | {"value": value[place]}
        if differences:
            of_runs = [(spread[place] ** 2 / runs, runs - 1)] if runs > 1 else []
            weighed = weigh_difference(value[place], drawn[:, place], patients, of_runs, LEVEL)
            row |= {name: weighed[name] for name in ("low", "high", "p_value", "se", "df")}
        else:
            low, high = bca_interval(value[place], drawn[:, place], left_out[:, place], LEVEL)
            if runs > 1:
                low, high = widen_for_runs(value[place], low, high, spread[place], runs, LEVEL)
                least = 0.0 if numbers[:, place].min() >= 0 else -1.0  # shares, correlations
                low, high = np.clip([low, high], least, 1.0)
            row |= {"low": low, "high": high}
        found[column] = row
    return found


def cam_obstacles(runs: list[CamRun], dataset: str, scale: str, *more: str) -> str:
    """Why maps on a data set are no evidence about the paper; "" where they are.

    A stand-in for the lesions supports nothing and contradicts nothing; nor do maps of networks
    that cannot tell the classes apart.
    """
    facts = [run.facts for run in runs if run.facts["dataset"] == dataset]
    found = run_obstacles(facts[0], scale)
    if not all(f["lesion_masks"] for f in facts):
        found.append(NO_MASKS)
    if at_chance(facts):
        found.append(AT_CHANCE)
    return joined([*found, *more])


def at_chance(facts: list[dict]) -> bool:
    """Whether the AUC's interval reaches down to 0.5 in at least half of the runs."""
    ends = [
        f["auc_roc"]["value"] if np.isnan(f["auc_roc"]["low"]) else f["auc_roc"]["low"]
        for f in facts
    ]
    return float(np.median(ends)) <= 0.5


def marking_everything(runs: list[CamRun], dataset: str) -> dict[tuple[str, str], float]:
    """(method, rule) -> share of the runs in which the threshold that was chosen on validation
    images marks nearly everything: more than `NEARLY_ALL` of the test images on average."""
    areas = []
    for run in runs:
        if run.facts["dataset"] == dataset:
            chosen = run.regions[run.regions["rule"].isin(["best", "tuned"])]
            areas.append(chosen.groupby(["method", "rule"])["area"].mean() > NEARLY_ALL)
    return pd.concat(areas, axis=1).mean(axis=1).to_dict()


def cam_provenance(runs: list[CamRun], scale: str) -> str:
    """Scale, network, settings, data, truth, hardware and commit behind a table of maps."""
    facts = [run.facts for run in runs]

    def said(template: str) -> str:
        return distinct(template.format(**f | {"label": label(f["dataset"])}) for f in facts)

    data = said(
        "{label}: {data[description]}; truth: {truth}; {images} test images with a lesion "
        "(Score-CAM: {scorecam_images}), {tuning_images} of {validation_images} validation images "
        "for parameters"
    )
    lines = {
        "Data": data,
        "Scale": f"{scale}, {said('{settings[image_size]} px')}",
        "Network": said("{network}, {weights} weights, layer {layer}; explained is its class"),
        "AUC on the test set": said(
            "{label} {auc_roc[value]:.3f} [{auc_roc[low]:.3f}, {auc_roc[high]:.3f}]"
        ),
        "DT Grad-CAM": said(
            "N {cam[copies]}, sigma {cam[sigma]:g}, kernel {cam[kernel_size]}, {cam[precision]}"
        ),
        "Baselines": said(
            "Gaussian round the centre, deviation {baselines[centre_sigma]} of the "
            "side; {baselines[random_draws]} random maps on the layer's grid"
        ),
        "Seeds (split-training)": distinct(map(seed_of, runs)),
        "Hardware": said("{provenance[hardware]}"),
        "Commit of the runs": said("{provenance[commit]}"),
    }
    return "## Provenance\n\n" + "\n".join(f"- {name}: {text}" for name, text in lines.items())
