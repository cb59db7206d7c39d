"""The area under the ROC curve against one point that the curve must pass through."""

import numpy as np
import pandas as pd

from paper_code.audit.confusion import (
    admitted,
    confusion_matrices,
    malignant_in_test,
    matrices_with_rates,
)
from paper_code.audit.counts import class_sizes, part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    ROUNDING_OR_CUT,
    UNEXPLAINED,
    Finding,
    by_row,
    listed,
    overlaps,
    tolerances,
)
from paper_code.audit.splits import Escape, class_splits, describe, escape, weigh


def area_range(matrices: np.ndarray) -> tuple[float, float]:
    """Smallest and largest AUC of any ranking that gives one of the matrices at some threshold.

    The pairs of a positive and a negative image on the right sides of the threshold are ranked
    right: TP x TN. Those with both on the wrong sides are ranked wrong: FN x FP. The others are
    free, and ties lie between. Hence sensitivity x specificity <= AUC
    <= 1 - (1 - sensitivity) (1 - specificity).

    Args:
        matrices: int64, 4 x M: true positives, false negatives, false positives, true negatives.
    """
    low, high = _areas(matrices)
    return float(low.min()), float(high.max())


def _areas(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest AUC for each matrix."""
    tp, fn, fp, tn = matrices
    pairs = (tp + fn) * (fp + tn)
    return tp * tn / pairs, 1 - fn * fp / pairs


def operating_point(
    table_02: pd.DataFrame,
    table_03: pd.DataFrame,
    table_06: pd.DataFrame,
    table_07: pd.DataFrame,
    table_11: pd.DataFrame,
) -> list[Finding]:
    """AUC of Table II's layer 4 at the operating points of Tables XI and VII."""
    layer = [
        table.xs("layer4", level="placement")["auc_roc"]
        for table in (by_row(table_02), tolerances(table_02))
    ]
    totals = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    splits = {d: class_splits(s.values(), totals[d]) for d, s in class_sizes(table_03).items()}
    published = malignant_in_test(table_03, table_06)
    points = (
        ("XI", "11", table_11, _with_rates, "sensitivity and specificity of Table XI"),
        ("VII", "07", table_07, _with_gmean, "accuracy and GMean of Table VII"),
    )
    findings = []
    for name, number, table, search, described in points:
        rows, half = (
            part.xs("dalaresnet50", level="network") for part in (by_row(table), tolerances(table))
        )
        outside, said, escapes = {1: [], 2: []}, [], {}
        for dataset, row in rows.iterrows():
            auc, auc_half = (column[dataset] for column in layer)
            for unit in (1, 2):
                found = search(row, half.loc[dataset], totals[dataset], unit)
                malignant = found[0] + found[1]
                exact = found[:, np.isin(malignant, published[dataset])]
                if not exact.size:  # then another finding says so: confusion/table-VII-alone
                    continue
                low, high = area_range(exact)
                if overlaps(low, high, auc, unit * auc_half):
                    continue
                outside[unit].append(dataset)
                if unit == 2:
                    least, most = _areas(found)
                    fits = np.zeros(totals[dataset] + 1, dtype=bool)
                    fits[malignant[overlaps(least, most, auc, unit * auc_half)]] = True
                    part = splits[dataset]
                    escapes[dataset] = escape(part, fits[part.counts[:, 1]])
            if exact.size:
                said.append(f"{dataset} {auc:.3f} against {low:.4f} to {high:.4f}")
        joint = float(np.prod([escaped.probability for escaped in escapes.values()]))
        if outside[2]:
            verdict = weigh(False, Escape(0, joint))
        else:
            verdict = UNEXPLAINED if outside[1] else CONSISTENT
        findings.append(
            Finding(
                id=f"auc/tables-II-{name}",
                theme="auc",
                tables=f"02 {number}",
                columns="auc_roc",
                where=f"Tables II (layer 4), {name} (DALAResNet50), III, VI",
                printed=f"AUC-ROC; {described}",
                computation="each pair of a malignant and a benign image that are both wrong at "
                "the threshold is ranked wrong, each pair that is right is ranked right: "
                "sensitivity x specificity <= AUC <= 1 - (1 - sensitivity)(1 - specificity); "
                "extremes over all whole matrices. Layers 1 to 3 have an accuracy alone, which "
                "allows an AUC of 1 (all errors in one class)",
                result="; ".join(said)
                + f"; outside: {listed(outside[2])}"
                + "".join(
                    f"; {dataset}: {describe(escaped, totals[dataset])}"
                    for dataset, escaped in escapes.items()
                ),
                tolerance=ROUNDING_OR_CUT + "; any class split, weighed by its probability",
                verdict=verdict,
                reconciles=""
                if verdict == CONSISTENT
                else "an AUC of another run or of other images than the operating point; means "
                "over runs only if sensitivity and specificity vary widely in opposite ways",
            )
        )
    return findings


def _with_rates(row: pd.Series, half: pd.Series, total: int, unit: int) -> np.ndarray:
    """Matrices with the sensitivity and specificity of a row, any class split: 4 x M."""
    return matrices_with_rates(
        total,
        *(
            (row[name] - unit * half[name], row[name] + unit * half[name])
            for name in ("sensitivity", "specificity")
        ),
    )


def _with_gmean(row: pd.Series, half: pd.Series, total: int, unit: int) -> np.ndarray:
    """Matrices with the accuracy and GMean of a row, any class split: 4 x M."""
    margin = unit * half["accuracy"]
    matrices = confusion_matrices(total, row["accuracy"] - margin, row["accuracy"] + margin)
    return matrices[:, admitted(matrices, row[["gmean"]], half[["gmean"]], unit)]
