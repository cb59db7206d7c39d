"""Real predictions of a good network on all of BreakHis: how much do its test images really say?

Others published what their network said about every test image of the official folds. The images
of one patient are right and wrong together, so the standard error over patients is larger than the
one over images. The square of the ratio is the design effect; test images over design effect is
the number of independent images that a test part is worth where its patients are new.
"""

import numpy as np
import pandas as pd

from paper_code.datasets.breakhis_lists import read_folds, read_index, read_votes
from paper_code.metrics import bootstrap_interval
from paper_code.metrics.clusters import DesignEffect, design_effects, ratio_interval
from paper_code.metrics.intervals import statistics_interval
from paper_code.metrics.resampling import group_codes, left_out_values
from paper_code.published import published_table

METRICS = ("accuracy", "balanced_accuracy", "mcc", "auc_roc", "sensitivity", "specificity")
ALL = "breakhis"  # the four magnifications together
DECISIVE = 0.5  # share of a test part that has the clearest votes


def rows(*, lists: str, resamples: int) -> pd.DataFrame:
    """`score_rows`, then `effect_rows`, by the published lists of BreakHis.

    Raises:
        UserError: a list is missing or wrong.
    """
    votes = load_votes(lists)
    tables = [score_rows(votes, resamples), effect_rows(votes, resamples)]
    return pd.concat(tables, ignore_index=True)


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the least and the greatest design effect of a single fold."""
    of_folds = rows[(rows["metric"] == "design_effect") & (rows["fold"] != "all")]
    return rows.join(of_folds.groupby("dataset")["value"].agg(["min", "max"]), on="dataset")


def load_votes(lists: str) -> pd.DataFrame:
    """The predictions with their images (`read_votes`), `right` (0 or 1) and `known`.

    `known` is whether the patient, a slide number, is also in the training part of the fold.
    """
    index = read_index(lists)
    folds = read_folds(lists, index)
    votes = read_votes(lists, folds)
    predicted = np.where(votes["probability"] > 0.5, "malignant", "benign")
    trained = set(folds.loc[folds["part"] == "train", ["fold", "patient"]].itertuples(index=False))
    tested = votes[["fold", "patient"]].itertuples(index=False)
    return votes.assign(
        right=(predicted == votes["label"]).astype(float),
        known=[pair in trained for pair in tested],
    )


def score_rows(votes: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Metrics of each magnification and fold with both intervals, one row each."""
    tables = []
    for (dataset, fold), part in _parts(votes):
        y_true = (part["label"] == "malignant").to_numpy(int)
        y_prob = np.column_stack([1 - part["probability"], part["probability"]])
        by_image, by_patient = (
            bootstrap_interval(y_true, y_prob, groups, METRICS, resamples)
            for groups in (None, part["patient"])
        )
        found = pd.DataFrame({"dataset": dataset, "fold": str(fold), "metric": METRICS})
        found["value"] = by_image["value"]
        for unit, table in (("images", by_image), ("patients", by_patient)):
            found[[f"low_{unit}", f"high_{unit}"]] = table[["low", "high"]]
        tables.append(found.assign(**_sizes(part)))
    return pd.concat(tables, ignore_index=True).round(6)


def effect_rows(votes: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Design effects: of each magnification and fold, then over the folds with intervals.

    Metrics `design_effect`, `error_images` and `error_patients` (standard errors of accuracy) and
    `correlation` within patients; over the folds also `effective_images` of Table VI's test part,
    the effect without patients known from training (`_new`), and accuracy and correlation of the
    most decisive images (`_decisive`).
    """
    cells = dict(_parts(votes))
    rows = []
    for (dataset, fold), part in cells.items():
        effect = DesignEffect(*cell_effects(part)[0])._asdict()
        for metric in ("effect", "error_images", "error_patients", "correlation"):
            name = "design_effect" if metric == "effect" else metric
            row = {"dataset": dataset, "fold": str(fold), "metric": name, "value": effect[metric]}
            rows.append(row | _sizes(part))
    datasets = list(dict.fromkeys(dataset for dataset, _ in cells))
    for dataset in [*datasets, ALL]:
        chosen = [part for (name, _), part in cells.items() if dataset in (name, ALL)]
        rows += _pooled_rows(dataset, chosen, resamples)
    return pd.DataFrame(rows).round(6)


def magnification_effects(votes: pd.DataFrame) -> dict[str, float]:
    """The design effect of accuracy at each magnification, over the folds: {data set: effect}."""
    effects = {}
    for dataset, images in votes.groupby("dataset", sort=False):
        parts = [part for _, part in images.groupby("fold")]
        effects[dataset] = float(_pooled([cell_effects(part) for part in parts])[0, 0])
    return effects


def table_vi_test_images(dataset: str) -> int:
    """Test images of a data set in Table VI."""
    sizes = published_table("06")
    row = sizes[(sizes["dataset"] == dataset) & (sizes["part"] == "test")]
    return int(row["value"].iloc[0])


def cell_effects(part: pd.DataFrame, weights: np.ndarray | None = None) -> np.ndarray:
    """`design_effects` of one test part: R x 6 for R x N weights of its images; 1 x 6 without."""
    codes = group_codes(part["patient"], len(part))
    weights = np.ones((1, len(part))) if weights is None else weights
    return design_effects(part["right"].to_numpy()[None], codes, weights)


def _parts(votes: pd.DataFrame):
    """((data set, fold), its test images), by magnification and fold."""
    for (_, fold), part in votes.groupby(["magnification", "fold"]):
        yield (part["dataset"].iloc[0], fold), part


def _pooled(cells: list[np.ndarray]) -> np.ndarray:
    """R x 2: the design effect and the correlation over several test parts of R x 6 effects.

    The effect is the ratio of the summed variances; the correlation is weighted likewise.
    """
    stacked = np.array(cells)  # cells x R x 6
    fields = DesignEffect._fields
    images = stacked[..., fields.index("error_images")] ** 2
    patients = stacked[..., fields.index("error_patients")] ** 2
    correlation = stacked[..., fields.index("correlation")]
    known = np.where(np.isnan(correlation), 0, images)
    with np.errstate(invalid="ignore", divide="ignore"):
        effect = np.nansum(patients, axis=0) / np.nansum(images, axis=0)
        mean = np.nansum(correlation * known, axis=0) / known.sum(axis=0)
    return np.column_stack([effect, mean])


def _pooled_rows(dataset: str, parts: list[pd.DataFrame], resamples: int) -> list[dict]:
    """Design effect, correlation and effective images over test parts, with intervals.

    A draw of patients weighs each patient alike in every part.
    """
    decisive = [_decisive(part) for part in parts]
    new = [part[~part["known"]] for part in parts]
    patients = pd.unique(pd.concat([part["patient"] for part in parts]))

    def effects(chosen: list[pd.DataFrame], weights: np.ndarray) -> list[np.ndarray]:
        places = [pd.Index(patients).get_indexer(part["patient"]) for part in chosen]
        return [cell_effects(p, weights[:, c]) for p, c in zip(chosen, places, strict=True)]

    def statistic(weights: np.ndarray) -> np.ndarray:
        """R x 5: the metrics of `names`."""
        clear = effects(decisive, weights)
        with np.errstate(invalid="ignore"):
            accuracy = np.nanmean([cell[:, 0] for cell in clear], axis=0)
        every, unknown = (_pooled(effects(chosen, weights)) for chosen in (parts, new))
        return np.column_stack([every, unknown[:, 0], accuracy, _pooled(clear)[:, 1]])

    names = ("design_effect", "correlation", "design_effect_new")
    names += ("accuracy_decisive", "correlation_decisive")
    codes, images = np.arange(len(patients)), max(map(len, parts))
    found = statistics_interval([statistic], names, [codes], resamples, images=images)
    found = found.drop(columns=["spread", "run_values"])
    found = found.rename(columns={"low": "low_patients", "high": "high_patients"})
    left_out = left_out_values(statistic, codes, images)
    for place, name in enumerate(names):
        if name.startswith("design_effect"):
            ends = ratio_interval(found["value"].iloc[place], left_out[:, place])
            found.loc[place, ["low_patients", "high_patients"]] = ends
    sizes = {
        "images": round(np.mean([len(part) for part in parts])),
        "patients": round(np.mean([part["patient"].nunique() for part in parts])),
    }
    rows = [{"dataset": dataset, "fold": "all"} | row for row in found.to_dict("records")]
    rows = [row | sizes for row in rows]
    if dataset != ALL:
        images = table_vi_test_images(dataset)
        effect = rows[0]
        effective = {
            "metric": "effective_images",
            "value": images / effect["value"],
            "low_patients": images / effect["high_patients"],
            "high_patients": images / effect["low_patients"],
            "images": images,
        }
        rows.append(effect | effective)
    return rows


def _decisive(part: pd.DataFrame) -> pd.DataFrame:
    """The share `DECISIVE` of a test part with the clearest votes; ties by file name."""
    order = part.assign(margin=(part["probability"] - 0.5).abs())
    order = order.sort_values(["margin", "image"], ascending=[False, True])
    return part.loc[order.index[: int(len(part) * DECISIVE)]]


def _sizes(part: pd.DataFrame) -> dict:
    return {"images": len(part), "patients": part["patient"].nunique()}
