"""Definitions: what F1, IBA, GMean, sensitivity and the predictive values can be."""

import numpy as np
import pandas as pd

from paper_code.audit.confusion import malignant_in_test
from paper_code.audit.counts import class_sizes, part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    IMPOSSIBLE,
    ROUNDING,
    ROUNDING_OR_CUT,
    UNEXPLAINED,
    Finding,
    agrees,
    by_row,
    judge,
    listed,
    overlaps,
    tolerances,
)

ALPHA = 0.1  # weight of the dominance in the index balanced accuracy


def product_range(a, b, margin_a, margin_b):
    """Smallest and largest sqrt(a x b) of two printed numbers within their margins."""
    low = np.sqrt(np.clip(a - margin_a, 0, None) * np.clip(b - margin_b, 0, None))
    return low, np.sqrt((a + margin_a) * (b + margin_b))


def gmean_against_sensitivity(table_07: pd.DataFrame, table_11: pd.DataFrame) -> list[Finding]:
    """sqrt(sensitivity x specificity) of Table XI against the GMean of Table VII."""
    rows = by_row(table_07).join(by_row(table_11))
    half = tolerances(table_07).join(tolerances(table_11))
    equal = {}
    for unit in (1, 2):
        low, high = product_range(
            rows["sensitivity"],
            rows["specificity"],
            unit * half["sensitivity"],
            unit * half["specificity"],
        )
        equal[unit] = overlaps(low, high, rows["gmean"], unit * half["gmean"])
        if unit == 1:
            above = rows["gmean"] - half["gmean"] > high
    gap = (rows["gmean"] - np.sqrt(rows["sensitivity"] * rows["specificity"])).abs()
    verdict = judge((~equal[1]).sum(), (~equal[2]).sum())
    return [
        Finding(
            id="metrics/gmean-tables-VII-XI",
            where="Tables VII, XI",
            printed="GMean; sensitivity and specificity",
            computation="sqrt(sensitivity x specificity) = GMean",
            result=f"{equal[1].sum()} of {len(rows)} rows (rounded), {equal[2].sum()} with one "
            f"unit ({listed(rows.index[equal[2]])}); largest difference {gap.max():.4f}; GMean is "
            f"the greater in {above.sum()} ({listed(rows.index[above])})",
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict,
            reconciles=""
            if verdict == CONSISTENT
            else "another GMean (see metrics/means-of-two-table-VII), different runs, or means "
            "over runs that differ much, which (Cauchy-Schwarz) can only make GMean the smaller",
        )
    ]


def f1_square(
    table_02: pd.DataFrame, table_07: pd.DataFrame, table_08: pd.DataFrame
) -> list[Finding]:
    """Whether the first "F1" number is the square of the second."""
    findings = []
    for name, table in (("II", table_02), ("VII", table_07), ("VIII", table_08)):
        rows, half = by_row(table), tolerances(table)
        second, margin = rows["f1_second"], half["f1_second"]
        equal = overlaps(
            (second - margin) ** 2, (second + margin) ** 2, rows["f1_first"], half["f1_first"]
        )
        accurate = agrees(second, rows["accuracy"], half["f1_second"] + half["accuracy"])
        pattern = equal.mean() > 0.5
        findings.append(
            Finding(
                id=f"metrics/f1-square-table-{name}",
                where=f"Table {name}, F1 a/b",
                printed="a/b",
                computation="a = b^2; b = accuracy",
                result=f"a = b^2 in {equal.sum()} of {len(rows)} rows"
                + (f" ({listed(rows.index[equal])})" if 0 < equal.sum() < 6 else "")
                + f"; b = accuracy in {accurate.sum()}",
                tolerance=ROUNDING,
                verdict=UNEXPLAINED if pattern else CONSISTENT,
                reconciles="no two averages of F1 obey this in general; imbalanced-learn's "
                "make_index_balanced_accuracy(alpha=0, squared=True) of b would be b^2"
                if pattern
                else "",
            )
        )
    return findings


def iba_index(table_07: pd.DataFrame, table_08: pd.DataFrame) -> list[Finding]:
    """Printed IBA against the range of (1 + 0.1 dominance) GMean^2 at the printed GMean."""
    findings = []
    for name, table in (("VII", table_07), ("VIII", table_08)):
        rows, half = by_row(table), tolerances(table)
        low_g, high_g = rows["gmean"] - half["gmean"], rows["gmean"] + half["gmean"]
        # |sens - spec| <= 1 - GMean^2 for two classes; for more, only |dominance| <= 1 is safe
        low_d, high_d = (1 - low_g**2, 1 - high_g**2) if name == "VII" else (1, 1)
        low = (1 - ALPHA * low_d) * low_g**2
        high = (1 + ALPHA * high_d) * high_g**2
        inside = overlaps(low, high, rows["iba"], half["iba"])
        findings.append(
            Finding(
                id=f"metrics/iba-table-{name}",
                where=f"Table {name}",
                printed="IBA and GMean",
                computation="IBA = (1 + 0.1 (sensitivity - specificity)) GMean^2, with the "
                "difference anywhere in " + ("±(1 - GMean^2)" if name == "VII" else "±1"),
                result=f"{inside.sum()} of {len(rows)} rows have an IBA in that range; elsewhere "
                f"it is up to {(rows['iba'] - high).max():.3f} above",
                tolerance=ROUNDING,
                verdict=CONSISTENT if inside.all() else IMPOSSIBLE,
                reconciles=""
                if inside.all()
                else "another number under the name IBA (see metrics/means-of-two)",
            )
        )
    return findings


def means_of_two(table_07: pd.DataFrame, table_08: pd.DataFrame) -> list[Finding]:
    """Whether IBA and GMean are the two means of the accuracy and one further number x."""
    findings = []
    groups = {"VII": table_07}
    for dataset in ("bach", "mini_ddsm"):
        groups[f"VIII, {dataset}"] = table_08[table_08["dataset"] == dataset]
    for name, table in groups.items():
        rows, half = by_row(table), tolerances(table)
        margins = (half["accuracy"], half["iba"], half["gmean"])
        possible = pd.Series(False, index=rows.index)
        a_low, a_high = rows["accuracy"] - margins[0], rows["accuracy"] + margins[0]
        for a in np.linspace(a_low, a_high, 101):
            x_low = np.maximum(
                2 * (rows["iba"] - margins[1]) - a, (rows["gmean"] - margins[2]) ** 2 / a
            )
            x_high = np.minimum(
                2 * (rows["iba"] + margins[1]) - a, (rows["gmean"] + margins[2]) ** 2 / a
            )
            possible |= x_low <= x_high
        pattern = possible.mean() > 0.5
        x = (rows["gmean"] ** 2 / rows["accuracy"])[possible]
        findings.append(
            Finding(
                id=f"metrics/means-of-two-table-{name.replace(', ', '-')}",
                where=f"Table {name}",
                printed="accuracy, IBA, GMean",
                computation="is there one x with IBA = (accuracy + x) / 2 and "
                "GMean = sqrt(accuracy x)",
                result=f"{possible.sum()} of {len(rows)} rows; not: "
                f"{listed(rows.index[~possible])}; x from {x.min():.3f} to {x.max():.3f}; "
                f"IBA >= GMean in {(rows['iba'] >= rows['gmean']).sum()} rows",
                tolerance=ROUNDING,
                verdict=UNEXPLAINED if pattern else CONSISTENT,
                reconciles="IBA as the arithmetic and GMean as the geometric mean of the accuracy "
                "and x; with two classes the class-weighted specificity can be such an x "
                "(confusion/table-VII-alone), with four it cannot (multiclass/specificity-bach)"
                if pattern
                else "",
            )
        )
    return findings


def one_half(table_07: pd.DataFrame, table_08: pd.DataFrame) -> list[Finding]:
    """Rows with IBA 0.5 and GMean sqrt(b (1 - b)), b the second F1 number."""
    rows = pd.concat([by_row(table_07), by_row(table_08)])
    half = pd.concat([tolerances(table_07), tolerances(table_08)])
    b, margin = rows["f1_second"], half["f1_second"]
    low = np.sqrt((b - margin) * (1 - b - margin).clip(lower=0))
    high = np.sqrt((b + margin) * (1 - b + margin))
    found = agrees(rows["iba"], 0.5, half["iba"]) & overlaps(
        low, high, rows["gmean"], half["gmean"]
    )
    return [
        Finding(
            id="metrics/iba-one-half",
            where="Tables VII, VIII",
            printed="; ".join(
                f"{' '.join(row)}: accuracy {v['accuracy']:.3f}, b {v['f1_second']:.3f}, "
                f"IBA {v['iba']:.3f}, GMean {v['gmean']:.3f}"
                for row, v in rows[found].iterrows()
            )
            or "IBA and GMean",
            computation="IBA = (b + (1 - b)) / 2 = 0.5 and GMean = sqrt(b (1 - b)), b the second "
            "F1 number",
            result=f"{found.sum()} of {len(rows)} rows: {listed(rows.index[found])}",
            tolerance=ROUNDING,
            verdict=UNEXPLAINED if found.any() else CONSISTENT,
            reconciles="IBA and GMean of b and 1 - b, which says nothing about the classes; with "
            "IBA as a mean of sensitivity and specificity, 0.5 is chance level"
            if found.any()
            else "",
        )
    ]


def table_11_from_accuracy(
    table_03: pd.DataFrame, table_07: pd.DataFrame, table_11: pd.DataFrame
) -> list[Finding]:
    """Table XI predicted from the accuracy of Table VII and the class counts of Table III."""
    rows = by_row(table_11).join(by_row(table_07)["accuracy"])
    share = _malignant_share(table_03, rows)
    a = rows["accuracy"]
    predicted = pd.DataFrame(
        {
            "sensitivity": a,
            "specificity": a,
            "ppv": a * share / (a * share + (1 - a) * (1 - share)),
            "npv": a * (1 - share) / (a * (1 - share) + (1 - a) * share),
        }
    )
    gap = (predicted - rows[predicted.columns]).abs()
    pattern = gap.max().max() <= 0.005
    return [
        Finding(
            id="metrics/table-XI-from-accuracy",
            where="Tables XI, VII, III",
            printed="sensitivity, specificity, PPV, NPV",
            computation="with a the accuracy and p the malignant share: sensitivity = specificity "
            "= a, PPV = a p / (a p + (1 - a)(1 - p)), NPV = a (1 - p) / (a (1 - p) + (1 - a) p)",
            result="largest differences over "
            f"{len(rows)} rows: "
            + ", ".join(f"{name} {value:.4f}" for name, value in gap.max().items())
            + "; mean "
            + ", ".join(f"{name} {value:.4f}" for name, value in gap.mean().items()),
            tolerance="0.005 in every cell",
            verdict=UNEXPLAINED if pattern else CONSISTENT,
            reconciles="each network is as right on benign as on malignant images to within "
            f"{(rows['sensitivity'] - rows['specificity']).abs().max():.3f}; Table VII's GMean, "
            f"up to {(a - by_row(table_07)['gmean']).max():.3f} below the accuracy, excludes that"
            if pattern
            else "",
        )
    ]


def _malignant_share(table_03: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    sizes = class_sizes(table_03)
    shares = {d: size["malignant"] / sum(size.values()) for d, size in sizes.items()}
    return pd.Series([shares[dataset] for dataset, _ in rows.index], index=rows.index)


def prevalence_range(rows: pd.DataFrame, half: pd.DataFrame, unit: float = 1) -> pd.DataFrame:
    """Positive share that sensitivity, specificity, PPV and NPV imply: columns low, high.

    From PPV: p / (1 - p) = PPV (1 - spec) / (sens (1 - PPV)); from NPV likewise with
    spec (1 - NPV) / (NPV (1 - sens)). The odds are monotone in each number, so the corners of the
    printed intervals give the range; low > high where PPV and NPV contradict each other.
    """

    def odds(numerator, denominator):
        return numerator / np.clip(denominator, 1e-12, None)

    (s_low, s_high), (t_low, t_high), (v_low, v_high), (w_low, w_high) = (
        (rows[name] - unit * half[name], (rows[name] + unit * half[name]).clip(upper=1))
        for name in ("sensitivity", "specificity", "ppv", "npv")
    )
    low = np.maximum(
        odds(v_low * (1 - t_high), s_high * (1 - v_low)),
        odds(t_low * (1 - w_high), w_high * (1 - s_low)),
    )
    high = np.minimum(
        odds(v_high * (1 - t_low), s_low * (1 - v_high)),
        odds(t_high * (1 - w_low), w_low * (1 - s_high)),
    )
    return pd.DataFrame({"low": low / (1 + low), "high": high / (1 + high)})


def table_11_prevalence(
    table_03: pd.DataFrame, table_06: pd.DataFrame, table_11: pd.DataFrame
) -> list[Finding]:
    """Malignant share implied by Table XI against Table III's in the test images of Table VI."""
    rows, half = by_row(table_11), tolerances(table_11)
    parts, malignant = part_sizes(table_06), malignant_in_test(table_03, table_06)
    shares = np.array(
        [[m / parts[d]["test"] for m in (malignant[d][0], malignant[d][-1])] for d, _ in rows.index]
    )
    inside = {}
    for unit in (1, 2):
        implied = prevalence_range(rows, half, unit)
        inside[unit] = (implied["low"] <= shares[:, 1]) & (shares[:, 0] <= implied["high"])
    verdict = judge((~inside[1]).sum(), (~inside[2]).sum())
    return [
        Finding(
            id="metrics/table-XI-prevalence",
            where="Tables XI, III, VI",
            printed="sensitivity, specificity, PPV, NPV; images per class",
            computation="odds of malignant = PPV (1 - specificity) / (sensitivity (1 - PPV)) "
            "= specificity (1 - NPV) / (NPV (1 - sensitivity))",
            result=f"range holds the share of Table III in {inside[1].sum()} of {len(rows)} rows "
            f"(rounded), {inside[2].sum()} (one unit); not if rounded: "
            f"{listed(rows.index[~inside[1]])}",
            tolerance=ROUNDING_OR_CUT,
            verdict=verdict,
            reconciles="" if verdict == CONSISTENT else "another class split of the test part",
        )
    ]
