"""Definitions: what F1, IBA, GMean, sensitivity and the predictive values can be."""

import numpy as np
import pandas as pd
from scipy.stats import binom

from paper_code.audit.confusion import SCORES, admitted, confusion_matrices, malignant_in_test
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
from paper_code.audit.splits import Escape, chance, class_splits, describe, escape, weigh

ALPHA = 0.1  # weight of the dominance in the index balanced accuracy: imbalanced-learn's default
NEAR = 0.005  # a cell this near to its prediction says nothing new
ALPHAS = np.linspace(0, 1, 1001)
DIAGNOSTICS = ("sensitivity", "specificity", "ppv", "npv")


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
            theme="gmean-breakhis",
            tables="07 11",
            columns="gmean sensitivity specificity",
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


def gmean_leads(table_07: pd.DataFrame, table_11: pd.DataFrame) -> list[Finding]:
    """DALAResNet50's lead in GMean, as printed and as Table XI gives it."""
    rows = by_row(table_07)[["gmean"]].join(by_row(table_11))
    half = tolerances(table_07)[["gmean"]].join(tolerances(table_11))
    derived = np.sqrt(rows["sensitivity"] * rows["specificity"])
    gap = (rows["gmean"] - derived).unstack("network")
    own, baselines = gap["dalaresnet50"], gap.drop(columns="dalaresnet50")
    printed = _lead(rows["gmean"].unstack("network"))
    recomputed = _lead(derived.unstack("network"))
    # each lead is a difference of two GMeans, each known to one unit
    unit = 2 * half["gmean"].max() + 2 * half[["sensitivity", "specificity"]].max().max()
    shrunk = printed - recomputed > 2 * unit + 1e-9
    return [
        Finding(
            id="metrics/gmean-leads",
            theme="gmean-breakhis",
            tables="07 11",
            columns="gmean",
            where="Tables VII, XI",
            printed="GMean of nine networks; sensitivity and specificity",
            computation="GMean - sqrt(sensitivity x specificity); lead of DALAResNet50 over the "
            "best other network by GMean and by sqrt(sensitivity x specificity)",
            result=f"baselines {baselines.stack().mean():+.4f} on average "
            f"({baselines.min().min():+.4f} to {baselines.max().max():+.4f}), DALAResNet50 "
            f"{own.mean():+.4f} ({own.min():+.4f} to {own.max():+.4f}); leads "
            + ", ".join(
                f"{dataset} {printed[dataset]:.4f} printed and {recomputed[dataset]:.4f} recomputed"
                for dataset in printed.index
            ),
            tolerance="each number by one unit",
            verdict=UNEXPLAINED if shrunk.any() else CONSISTENT,
            reconciles="Table XI for the leads, or a reason why GMean is lower than it for the "
            "baselines and not for DALAResNet50"
            if shrunk.any()
            else "",
        )
    ]


def _lead(scores: pd.DataFrame) -> pd.Series:
    return scores["dalaresnet50"] - scores.drop(columns="dalaresnet50").max(axis=1)


def f1_square(
    table_02: pd.DataFrame, table_07: pd.DataFrame, table_08: pd.DataFrame
) -> list[Finding]:
    """Whether the first "F1" number is the square of the second."""
    findings = []
    for name, number, table in (
        ("II", "02", table_02),
        ("VII", "07", table_07),
        ("VIII", "08", table_08),
    ):
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
                theme="f1-pairs",
                tables=number,
                columns="f1_first f1_second",
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


def iba_index(
    table_03: pd.DataFrame, table_06: pd.DataFrame, table_07: pd.DataFrame
) -> list[Finding]:
    """Table VII's IBA as (1 + alpha dominance) GMean^2 or GMean for any alpha from 0 to 1."""
    rows, half = by_row(table_07), tolerances(table_07)
    totals = {dataset: part["test"] for dataset, part in part_sizes(table_06).items()}
    splits = {d: class_splits(s.values(), totals[d]) for d, s in class_sizes(table_03).items()}
    published = malignant_in_test(table_03, table_06)
    matrices = {row: _accurate(values, half.loc[row], totals) for row, values in rows.iterrows()}
    default = round(ALPHA / ALPHAS[1])
    readings = (("squared", True), ("plain", False))
    free, exact, rescued = {}, {}, {}
    for name, squared in readings:
        for unit in (1, 2):
            fits = {
                row: _alphas(matrices[row], values, half.loc[row], totals, squared, unit)
                for row, values in rows.iterrows()
            }
            key = name, unit
            free[key] = np.sum([fit.any(axis=0) for fit in fits.values()], axis=0)
            exact[key] = np.sum(
                [fit[list(published[row[0]])].any(axis=0) for row, fit in fits.items()], axis=0
            )
            rescued[key] = _rescued(fits, splits)
    explained = any((exact[name, 1] == len(rows)).any() for name, _ in readings)  # by either
    findings = []
    for name, squared in readings:
        verdict = weigh(explained, Escape(0, rescued[name, 2].max()))
        findings.append(
            Finding(
                id=f"metrics/iba-table-VII-{name}",
                theme="iba",
                tables="07",
                columns="iba",
                where="Tables VII, III, VI",
                printed="accuracy, IBA and GMean; alpha is not given"
                + (" (GMean squared, as Garcia et al. 2009 define IBA)" if squared else ""),
                computation="IBA = (1 + alpha (sensitivity - specificity)) x "
                f"{'GMean^2' if squared else 'GMean'} over all whole matrices with the printed "
                "accuracy and GMean, for each alpha from 0 to 1 in steps of "
                f"{ALPHAS[1]:.3f}; one class split for all rows of a magnification",
                result=f"alpha {ALPHA}: {free[name, 2][default]} of {len(rows)} rows (one unit, a "
                "class split for each row); any alpha: at most "
                f"{exact[name, 1].max()} rows (rounded) or {exact[name, 2].max()} (one unit) with "
                "exact class proportions; all rows with any class split: "
                + _alpha_range(rescued[name, 2]),
                tolerance=ROUNDING_OR_CUT + "; any class split, weighed by its probability",
                verdict=verdict,
                reconciles={
                    CONSISTENT: "",
                    UNEXPLAINED: "an alpha so small that IBA is GMean itself to within two units, "
                    "or another number under the name IBA (see metrics/means-of-two)",
                    IMPOSSIBLE: "another number under the name IBA (see metrics/means-of-two)",
                }[verdict],
            )
        )
    return findings


def _accurate(values: pd.Series, half: pd.Series, totals: dict[str, int]) -> np.ndarray:
    """Matrices with the accuracy and GMean of a row within one unit."""
    margin = 2 * half["accuracy"]
    matrices = confusion_matrices(
        totals[values.name[0]], values["accuracy"] - margin, values["accuracy"] + margin
    )
    return matrices[:, admitted(matrices, values[["gmean"]], half[["gmean"]], 2)]


def _alphas(
    matrices: np.ndarray,
    values: pd.Series,
    half: pd.Series,
    totals: dict[str, int],
    squared: bool,
    unit: int,
) -> np.ndarray:
    """Whether a row fits, per number of malignant test images and alpha: bool, images + 1 x A."""
    score = ["accuracy", "gmean"]
    tp, fn, fp, tn = m = matrices[:, admitted(matrices, values[score], half[score], unit)]
    fits = np.zeros((totals[values.name[0]] + 1, len(ALPHAS)), dtype=bool)
    dominance = tp / (tp + fn) - tn / (tn + fp)
    gmean = SCORES["gmean"](*m)
    index = (1 + ALPHAS * dominance[:, None]) * (gmean**2 if squared else gmean)[:, None]
    which, alpha = np.nonzero(agrees(index, values["iba"], unit * half["iba"]))
    fits[(tp + fn)[which], alpha] = True
    return fits


def _rescued(fits: dict, splits: dict) -> np.ndarray:
    """Probability of the class splits in which all rows fit, per alpha."""
    result = np.ones(len(ALPHAS))
    for dataset, part in splits.items():
        common = np.all([fit for row, fit in fits.items() if row[0] == dataset], axis=0)
        result *= part.probability @ common[part.counts[:, 1]]
    return result


def _alpha_range(probability: np.ndarray) -> str:
    fits = ALPHAS[probability > 0]
    if not fits.size:
        return "no alpha"
    return (
        f"alpha from {fits.min():.3f} to {fits.max():.3f}, probability at most "
        f"{chance(probability.max())}"
    )


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
                theme="iba",
                tables="07" if name == "VII" else "08",
                columns="iba gmean",
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
            theme="iba",
            tables="07 08",
            columns="iba gmean",
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


def equal_rates(positive: int, total: int, rate: float, margin: float) -> float:
    """Chance that sensitivity and specificity differ by `margin` or less if both are `rate`.

    Args:
        positive: positive test images, of `total`.
        rate: true share of right images in either class.
        margin: largest difference between the two measured rates.
    """
    negative = total - positive
    right = np.arange(positive + 1)
    low = np.ceil((right / positive - margin) * negative - 1e-9)
    high = np.floor((right / positive + margin) * negative + 1e-9)
    inside = binom.cdf(high, negative, rate) - binom.cdf(low - 1, negative, rate)
    return float((binom.pmf(right, positive, rate) * np.clip(inside, 0, 1)).sum())


def table_11_from_accuracy(
    table_03: pd.DataFrame, table_06: pd.DataFrame, table_07: pd.DataFrame, table_11: pd.DataFrame
) -> list[Finding]:
    """Table XI predicted from the accuracy of Table VII and the class counts of Table III."""
    rows = by_row(table_11).join(by_row(table_07)["accuracy"])
    share = _malignant_share(table_03, rows)
    a = rows["accuracy"]
    predicted = _from_accuracy(a, share)
    gap = (predicted - rows[predicted.columns]).abs()
    pattern = gap.max().max() <= NEAR
    near = pd.Series(
        {
            row: equal_rates(
                malignant_in_test(table_03, table_06)[row[0]][0],
                part_sizes(table_06)[row[0]]["test"],
                values["accuracy"],
                abs(values["sensitivity"] - values["specificity"]) + 0.001,
            )
            for row, values in rows.iterrows()
        }
    )
    return [
        Finding(
            id="metrics/table-XI-from-accuracy",
            theme="one-number-per-row",
            tables="07 11",
            columns="sensitivity specificity ppv npv",
            where="Tables XI, VII, III",
            printed="sensitivity, specificity, PPV, NPV",
            computation="with a the accuracy and p the malignant share: sensitivity = specificity "
            "= a, PPV = a p / (a p + (1 - a)(1 - p)), NPV = a (1 - p) / (a (1 - p) + (1 - a) p)",
            result="largest differences over "
            f"{len(rows)} rows: "
            + ", ".join(f"{name} {value:.4f}" for name, value in gap.max().items())
            + "; mean "
            + ", ".join(f"{name} {value:.4f}" for name, value in gap.mean().items())
            + "; even if the two true rates of a network were equal, so small a difference "
            f"between the measured ones has a probability of {near.min():.2f} to {near.max():.2f} "
            f"in one row, 10^{np.log10(near).sum():.0f} in all if rows were independent, "
            f"{chance(near.groupby(level=0).min().prod())} if only the four test parts were",
            tolerance=f"{NEAR} in every cell; one unit for the probability",
            verdict=UNEXPLAINED if pattern else CONSISTENT,
            reconciles="a threshold set for each network where its two rates meet on the test "
            "images: each is as right on benign as on malignant images to within "
            f"{(rows['sensitivity'] - rows['specificity']).abs().max():.3f}; Table VII's GMean, "
            f"up to {(a - by_row(table_07)['gmean']).max():.3f} below the accuracy, excludes that"
            if pattern
            else "",
        )
    ]


def _from_accuracy(a: pd.Series, share) -> pd.DataFrame:
    """Diagnostic numbers of a test with both rates equal to its accuracy `a`."""
    return pd.DataFrame(
        {
            "sensitivity": a,
            "specificity": a,
            "ppv": a * share / (a * share + (1 - a) * (1 - share)),
            "npv": a * (1 - share) / (a * (1 - share) + (1 - a) * share),
        }
    )


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
    parts, published = part_sizes(table_06), malignant_in_test(table_03, table_06)
    inside, escapes = {1: {}, 2: {}}, {}
    implied = {unit: prevalence_range(rows, half, unit) for unit in inside}
    for dataset, sizes in class_sizes(table_03).items():
        total = parts[dataset]["test"]
        splits = class_splits(sizes.values(), total)
        share = splits.counts[:, 1] / total
        near = np.array(published[dataset]) / total  # not whole: 0.3 of the malignant images
        fits = np.ones(len(share), dtype=bool)
        for row in rows.loc[[dataset]].index:
            for unit, ranges in implied.items():
                low, high = ranges.loc[row]
                inside[unit][row] = bool(low <= near.max() and near.min() <= high)
            fits &= (low - 1e-9 <= share) & (share <= high + 1e-9)  # the last: one unit
        escapes[dataset] = escape(splits, fits)
    rounded, cut = (pd.Series(inside[unit]).loc[rows.index] for unit in (1, 2))
    joint = float(np.prod([escaped.probability for escaped in escapes.values()]))
    verdict = UNEXPLAINED if cut.all() else weigh(False, Escape(0, joint))
    verdict = CONSISTENT if rounded.all() else verdict
    return [
        Finding(
            id="metrics/table-XI-prevalence",
            theme="one-number-per-row",
            tables="03 06 11",
            columns="sensitivity specificity ppv npv",
            where="Tables XI, III, VI",
            printed="sensitivity, specificity, PPV, NPV; images per class",
            computation="odds of malignant = PPV (1 - specificity) / (sensitivity (1 - PPV)) "
            "= specificity (1 - NPV) / (NPV (1 - sensitivity))",
            result=f"range holds the share of Table III in {rounded.sum()} of {len(rows)} rows "
            f"(rounded), {cut.sum()} (one unit); not if rounded: {listed(rows.index[~rounded])}"
            + (
                ""
                if verdict == CONSISTENT
                else "".join(
                    f"; {dataset}: {describe(escaped, parts[dataset]['test'])}"
                    for dataset, escaped in escapes.items()
                    if escaped.moved >= 1
                )
            ),
            tolerance=ROUNDING_OR_CUT + "; any class split, weighed by its probability",
            verdict=verdict,
            reconciles="" if verdict == CONSISTENT else "another class split of the test part",
        )
    ]


def table_12_from_accuracy(table_08: pd.DataFrame, table_12: pd.DataFrame) -> list[Finding]:
    """Table XII predicted from the accuracy of Table VIII and one positive share per data set."""
    rows = by_row(table_12).join(by_row(table_08)["accuracy"])
    half = tolerances(table_12)
    said, near = [], []
    for dataset in rows.index.unique("dataset"):
        subset = rows.loc[[dataset]]
        implied = prevalence_range(subset, half.loc[[dataset]], 2)
        share = float((implied["low"].max() + implied["high"].min()) / 2)
        gap = (_from_accuracy(subset["accuracy"], share) - subset[list(DIAGNOSTICS)]).abs()
        near.append(gap <= NEAR)
        said.append(
            f"{dataset}, share {share:.3f}: largest differences "
            + ", ".join(f"{name} {value:.4f}" for name, value in gap.max().items())
        )
    near = pd.concat(near)
    pattern = near.to_numpy().mean() > 0.9
    return [
        Finding(
            id="metrics/table-XII-from-accuracy",
            theme="one-number-per-row",
            tables="08 12",
            columns="sensitivity specificity ppv npv",
            where="Tables XII, VIII",
            printed="sensitivity, specificity, PPV, NPV; accuracy",
            computation="as metrics/table-XI-from-accuracy, with p the one share on which the "
            "rows of a data set agree (multiclass/prevalence)",
            result=f"{near.to_numpy().sum()} of {near.size} cells within {NEAR}; not: "
            f"{listed(near.index[~near.all(axis=1)])}; " + "; ".join(said),
            tolerance=f"{NEAR} in nine of ten cells",
            verdict=UNEXPLAINED if pattern else CONSISTENT,
            reconciles="four columns that say no more than the accuracy; for three and four "
            "classes sensitivity, specificity and accuracy need not be equal, and the specificity "
            "cannot be this low (multiclass/specificity)"
            if pattern
            else "",
        )
    ]
