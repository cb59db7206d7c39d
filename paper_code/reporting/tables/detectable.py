"""The least detectable difference in accuracy of a paired comparison on each test set."""

import numpy as np
import pandas as pd

from paper_code.metrics.power import least_difference, least_images_ahead
from paper_code.published import printed_value, published_table
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.tables.real_predictions import (
    load_votes,
    magnification_effects,
    table_vi_test_images,
)

ALPHA, BASELINES, POWER = 0.05, 8, 0.8
VIEWS = 4  # mammograms of one examination: two breasts, two views


def rows(*, lists: str) -> pd.DataFrame:
    """`detectable_rows` by the published lists of BreakHis.

    Raises:
        UserError: a list is missing or wrong.
    """
    return detectable_rows(magnification_effects(load_votes(lists)))


def detectable_rows(effects: dict[str, float]) -> pd.DataFrame:
    """Two rows per data set, one per unit.

    Args:
        effects: design effect of accuracy of the BreakHis subsets.

    Returns:
        DataFrame: dataset, unit ("images" or "patients"), n (test images), effective_n,
        least_best_case, least_typical, least_best_case_of_8, least_typical_of_8 (accuracies; NaN
        where no difference can be shown, or the effective number is unknown), error (printed, of
        DALAResNet50), printed_lead, assumption.
    """
    rows = []
    sizes = published_table("06")
    for dataset in [name for name in DATASET_LABELS if name in set(sizes["dataset"])]:
        images = table_vi_test_images(dataset)
        effective, why = _effective_images(dataset, images, effects)
        printed = published_table("08" if dataset in ("bach", "mini_ddsm") else "07")
        printed = printed[(printed["dataset"] == dataset) & (printed["metric"] == "accuracy")]
        ours = printed_value(
            printed["table"].iloc[0], dataset=dataset, network="dalaresnet50", metric="accuracy"
        )
        best = printed.loc[printed["network"] != "dalaresnet50", "value"].max()
        units = (("images", images, "each image counts"), ("patients", effective, why))
        for unit, number_, assumption in units:
            row = {"dataset": dataset, "unit": unit, "n": images, "effective_n": number_}
            for alpha, suffix in ((ALPHA, ""), (ALPHA / BASELINES, "_of_8")):
                row |= _least(number_, 1 - ours, alpha, suffix)
            rows.append(
                row | {"error": 1 - ours, "printed_lead": ours - best} | {"assumption": assumption}
            )
    return pd.DataFrame(rows).round(6)


def _effective_images(dataset: str, images: int, effects: dict[str, float]) -> tuple[float, str]:
    """Independent images that a test set of new patients is worth, and why."""
    if dataset in effects:
        return images / effects[dataset], f"design effect {effects[dataset]:.1f}, measured"
    if dataset == "mini_ddsm":
        return images / VIEWS, (
            f"worst case: whole examinations of {VIEWS} images that are right or wrong together"
        )
    return float("nan"), "unknown: most images have no patient id"


def _least(images: float, error: float, alpha: float, suffix: str) -> dict[str, float]:
    if np.isnan(images):
        return {f"least_best_case{suffix}": np.nan, f"least_typical{suffix}": np.nan}
    best = least_images_ahead(alpha) / images
    typical = least_difference(round(images), error / 2, POWER, alpha)
    return {
        f"least_best_case{suffix}": best if best <= 1 else np.nan,
        f"least_typical{suffix}": typical,
    }
