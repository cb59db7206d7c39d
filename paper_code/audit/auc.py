"""The area under the ROC curve against one point that the curve must pass through."""

import numpy as np
import pandas as pd

from paper_code.audit.confusion import (
    admitted,
    confusion_matrices,
    malignant_in_test,
    matrices_with_rates,
)
from paper_code.audit.counts import part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    ROUNDING_OR_CUT,
    Finding,
    by_row,
    judge,
    listed,
    overlaps,
    tolerances,
)


def area_range(matrices: np.ndarray) -> tuple[float, float]:
    """Smallest and largest AUC of any ranking that gives one of the matrices at some threshold.

    The pairs of a positive and a negative image on the right sides of the threshold are ranked
    right: TP x TN. Those with both on the wrong sides are ranked wrong: FN x FP. The others are
    free, and ties lie between. Hence sensitivity x specificity <= AUC
    <= 1 - (1 - sensitivity) (1 - specificity).

    Args:
        matrices: int64, 4 x M: true positives, false negatives, false positives, true negatives.
    """
    tp, fn, fp, tn = matrices
    pairs = (tp + fn) * (fp + tn)
    return float((tp * tn / pairs).min()), float((1 - fn * fp / pairs).max())


def operating_point(
    table_02: pd.DataFrame,
    table_03: pd.DataFrame,
    table_06: pd.DataFrame,
    table_07: pd.DataFrame,
    table_11: pd.DataFrame,
) -> list[Finding]:
    """AUC of Table II's layer 4 at the operating points of Tables XI and VII."""
    auc = by_row(table_02).xs("layer4", level="placement")["auc_roc"]
    auc_half = tolerances(table_02).xs("layer4", level="placement")["auc_roc"]
    rates, rate_half = _network(table_11)
    scores, score_half = _network(table_07)
    totals = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    points = {
        "XI": {
            (dataset, unit): matrices_with_rates(
                totals[dataset],
                *(
                    (
                        row[name] - unit * rate_half.at[dataset, name],
                        row[name] + unit * rate_half.at[dataset, name],
                    )
                    for name in ("sensitivity", "specificity")
                ),
            )
            for dataset, row in rates.iterrows()
            for unit in (1, 2)
        },
        "VII": {
            (dataset, unit): _with_gmean(
                row,
                score_half.loc[dataset],
                totals[dataset],
                unit,
                malignant_in_test(table_03, table_06)[dataset],
            )
            for dataset, row in scores.iterrows()
            for unit in (1, 2)
        },
    }
    described = {
        "XI": "sensitivity and specificity of Table XI (any class split)",
        "VII": "accuracy and GMean of Table VII (class shares of Table III)",
    }
    findings = []
    for name, matrices in points.items():
        outside, said = {1: [], 2: []}, []
        for (dataset, unit), found in matrices.items():
            if not found.size:  # then another finding says so: confusion/table-VII-alone
                continue
            low, high = area_range(found)
            if not overlaps(low, high, auc[dataset], unit * auc_half[dataset]):
                outside[unit].append(dataset)
            if unit == 2:
                said.append(f"{dataset} {auc[dataset]:.3f} against {low:.4f} to {high:.4f}")
        verdict = judge(len(outside[1]), len(outside[2]))
        findings.append(
            Finding(
                id=f"auc/tables-II-{name}",
                theme="auc",
                tables=f"02 {'11' if name == 'XI' else '07'}",
                columns="auc_roc",
                where=f"Tables II (layer 4), {name} (DALAResNet50), VI",
                printed="AUC-ROC; " + described[name],
                computation="each pair of a malignant and a benign image that are both wrong at "
                "the threshold is ranked wrong, each pair that is right is ranked right: "
                "sensitivity x specificity <= AUC <= 1 - (1 - sensitivity)(1 - specificity); "
                "extremes over all whole matrices. Layers 1 to 3 have an accuracy alone, which "
                "allows an AUC of 1 (all errors in one class)",
                result="; ".join(said) + f"; outside: {listed(outside[2])}",
                tolerance=ROUNDING_OR_CUT,
                verdict=verdict,
                reconciles=""
                if verdict == CONSISTENT
                else "an AUC of another run or of other images than the operating point; means "
                "over runs only if sensitivity and specificity vary widely in opposite ways",
            )
        )
    return findings


def _network(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """DALAResNet50's rows and half units."""
    return tuple(
        rows.xs("dalaresnet50", level="network") for rows in (by_row(table), tolerances(table))
    )


def _with_gmean(
    row: pd.Series, half: pd.Series, total: int, unit: int, positives: tuple[int, ...]
) -> np.ndarray:
    margin = unit * half["accuracy"]
    matrices = confusion_matrices(
        total, row["accuracy"] - margin, row["accuracy"] + margin, positives
    )
    keep = admitted(matrices, {"gmean": row["gmean"]}, {"gmean": half["gmean"]}, unit)
    return matrices[:, keep]
