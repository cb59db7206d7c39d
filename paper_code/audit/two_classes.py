"""Tables II, VII and XI: whole confusion matrices of two classes."""

from itertools import permutations

import numpy as np
import pandas as pd

from paper_code.audit.finding import (
    CONSISTENT,
    Judgement,
    check,
    closest,
    exclude,
    finding,
    judge,
    listed,
    undefined,
)
from paper_code.audit.identities import span
from paper_code.audit.matrices import (
    RATES,
    UNITS,
    candidates,
    fitting,
    meets,
    names,
    search,
    with_rates,
)
from paper_code.audit.printed import OURS, Printed, Row
from paper_code.audit.splits import Fits, TestSet, chance, weigh

F1_READINGS = ("f1_benign", "f1_malignant", "f1_macro", "f1_weighted", "accuracy")
ACCURACY = {"accuracy": "accuracy"}
# Finding: tables, and what their columns may be. The readings with the most columns compete.
SEARCHES = {
    "confusion/tables-VII-XI": (
        ("07", "11"),
        {
            "GMean = sqrt(sensitivity x specificity): ": {"gmean": "gmean"} | ACCURACY | RATES,
            "GMean of class-weighted averages: ": {"gmean": "gmean_weighted"} | ACCURACY | RATES,
            "without GMean: ": ACCURACY | RATES,
        },
    ),
    "confusion/table-XI-alone": (("11",), {"": RATES}),
    "confusion/table-VII-alone": (
        ("07",),
        {
            "IBA = index balanced accuracy, GMean = sqrt(sens x spec): ": ACCURACY
            | {"iba": "iba", "gmean": "gmean"},
            "IBA = (sens + spec) / 2, GMean = sqrt(sens x spec): ": ACCURACY
            | {"iba": "balanced_accuracy", "gmean": "gmean"},
            "IBA = (sens + spec) / 2, GMean = sqrt(accuracy x class-weighted specificity): ": (
                ACCURACY | {"iba": "balanced_accuracy", "gmean": "gmean_weighted"}
            ),
        },
    ),
}
ALPHA = 0.1  # weight of the dominance in the index balanced accuracy: imbalanced-learn's default
ALPHAS = np.linspace(0, 1, 1001)


@check
def common_matrices(printed: Printed):
    """Whether one matrix gives all numbers of a row, under each reading of its columns."""
    for key, (tables, readings) in SEARCHES.items():
        fits = search(printed.tests, printed.rows(*tables), readings)
        most = max(map(len, readings.values()))
        full = [name for name in readings if len(readings[name]) == most]
        best = max(full, key=lambda name: tuple(fits[name].counts().values()))
        counts = "; ".join(f"{name}{fit}" for name, fit in fits.items())
        yield finding(key, fits[best].judge(), counts=counts, best=best.removesuffix(": "))


def malignant_left(printed: Printed) -> dict[str, np.ndarray]:
    """Malignant test images with which all rows of Table XI that have a matrix have one."""
    found = search(printed.tests, printed.rows("11"), {"": RATES})[""].found[2]
    left = {}
    for dataset in dict.fromkeys(row[0] for row in found):
        fits = [fit for row, fit in found.items() if row[0] == dataset and fit.any()]
        left[dataset] = printed.tests[dataset].counts[np.all(fits, axis=0), 1]
    return left


def implied_specificity(printed: Printed) -> pd.DataFrame:
    """The specificity that Table VII allows, with the class split that Table XI leaves.

    Within one unit, for both readings of GMean: of sensitivity and specificity, and of
    class-weighted averages. One row per network and magnification: dataset, network, test_images,
    malignant (the numbers left), low and high (NaN if Table VII has no matrix), printed (Table XI),
    difference (printed minus the nearer end, 0 inside), matrices_07_gmean, matrices_07_weighted and
    matrices_11 (TP/FN/FP/TN, "; " between), shared (bool: a matrix of both tables).
    """
    left, rates, found = malignant_left(printed), {r.key: r for r in printed.rows("11")}, []
    for row in printed.rows("07"):
        test, split, diagnostic = printed.tests[row.key[0]], left[row.key[0]], rates[row.key]
        tried = candidates(test, row)
        plain, weighted = (
            fitting(tried, ACCURACY | {"gmean": score}, row, 2)
            for score in ("gmean", "gmean_weighted")
        )
        found_by = [plain, weighted, with_rates(test, diagnostic)]
        found_by = [table[table["positives"].isin(split)] for table in found_by]
        allowed = pd.concat(found_by[:2])["specificity"]
        low, high, value = allowed.min(), allowed.max(), diagnostic.value["specificity"]
        by_gmean, by_weighted, by_rates = map(names, found_by)
        found.append(
            {
                "dataset": row.key[0],
                "network": row.key[1],
                "test_images": test.images,
                "malignant": " ".join(map(str, split)),
                "low": low,
                "high": high,
                "printed": value,
                "difference": value - np.clip(value, low, high),
                "matrices_07_gmean": "; ".join(by_gmean),
                "matrices_07_weighted": "; ".join(by_weighted),
                "matrices_11": "; ".join(by_rates),
                "shared": bool({*by_gmean, *by_weighted} & {*by_rates}),
            }
        )
    return pd.DataFrame(found).round(6)


@check
def specificity_of_both(printed: Printed):
    """By how much, and which way, Tables VII and XI exclude each other."""
    rows = implied_specificity(printed)
    own = rows["network"] == OURS
    gap = rows.loc[~own, "difference"]
    left = dict.fromkeys(rows["malignant"] + " of " + rows["test_images"].astype(str))
    yield finding(
        "confusion/specificity-tables-VII-XI",
        exclude(not rows["shared"].all(), "no matrix gives what both tables print"),
        left=listed(left),
        rows=len(rows),
        with_matrices=rows["low"].notna().sum(),
        shared=rows["shared"].sum(),
        above=(gap > 0).sum(),
        baselines=len(gap),
        gap=span(gap, 3),
        median=gap.median(),
        own=rows.loc[own, "difference"].abs().max(),
    )


@check
def f1_pairs(printed: Printed):
    """Whether two averages of F1 of one matrix give the printed pairs a/b.

    The rows of one magnification share a test set, so one class split must fit all of them.
    """
    readings = {
        f"{a} / {b}": ACCURACY | {"f1_first": a, "f1_second": b}
        for a, b in permutations(F1_READINGS, 2)
    }
    for table in ("II", "VII"):
        fits = search(printed.tests, printed.rows(table), readings)
        best = max(fits, key=lambda name: (fits[name].probability(), fits[name].rows(2).sum()))
        yield finding(
            "confusion/f1-pairs-table-{table}",
            closest(fits[best].weigh()),
            table=table,
            best=best,
            explained=fits[best].rows(2).sum(),
            joint=chance(fits[best].probability()),
        )


@check
def f1_of_table_11(printed: Printed):
    """F1 of the matrices that Table XI leaves, against the two numbers of Table VII."""
    rows, best, words = printed.rows("07", "11"), [], {}
    sizes = [len(with_rates(printed.tests[row.key[0]], row)) for row in rows]
    for column in ("f1_first", "f1_second"):
        readings = {name: {column: name} for name in F1_READINGS}
        fits = search(printed.tests, rows, readings, given=RATES)
        counts = {name: (fit.rows(1).sum(), fit.rows(2).sum()) for name, fit in fits.items()}
        words[column] = ", ".join(f"{name} {a}, {b}" for name, (a, b) in counts.items())
        best.append(fits[max(counts, key=lambda name: counts[name][::-1])])
    # confusion/table-XI-alone says which rows have no matrix
    rounded, cut = (pd.concat([fit.rows(u)[np.array(sizes) > 0] for fit in best]) for u in UNITS)
    yield finding(
        "confusion/f1-tables-VII-XI",
        judge(rounded, cut),
        with_matrices=sum(size > 0 for size in sizes),
        single=sizes.count(1),
        **words,
    )


@check
def iba_index(printed: Printed):
    """Table VII's IBA as (1 + alpha dominance) GMean^2 or GMean for any alpha from 0 to 1."""
    rows, default = printed.rows("07"), round(ALPHA / ALPHAS[1])
    fits, exact = {}, {}
    for name, power in (("squared", 2), ("plain", 1)):
        for unit in UNITS:
            found = {r.key: index_fits(printed.tests[r.key[0]], r, power, unit) for r in rows}
            near = [fit[printed.tests[row[0]].exact].any(axis=0) for row, fit in found.items()]
            fits[name, unit], exact[name, unit] = found, np.sum(near, axis=0).max()
    explained = max(exact["squared", 1], exact["plain", 1]) == len(rows)
    for name in ("squared", "plain"):
        rescued = _rescued(printed.tests, fits[name, 2])
        possible = ALPHAS[rescued > 0]
        words = "no alpha"
        if possible.size:
            words = f"alpha from {possible.min():.3f} to {possible.max():.3f}, probability at most "
            words += chance(rescued.max())
        judgement = undefined(weigh(rescued.max()))
        yield finding(
            f"metrics/iba-table-VII-{name}",
            Judgement(CONSISTENT, "one alpha fits all rows") if explained else judgement,
            step=ALPHAS[1],
            alpha=ALPHA,
            default=sum(fit[:, default].any() for fit in fits[name, 2].values()),
            rows=len(rows),
            rounded=exact[name, 1],
            cut=exact[name, 2],
            rescued=words,
        )


def index_fits(test: TestSet, row: Row, power: int, unit: int) -> np.ndarray:
    """Whether a row's IBA is (1 + alpha dominance) GMean^power, per class split and alpha: bool."""
    tried = fitting(candidates(test, row), ACCURACY | {"gmean": "gmean"}, row, unit)
    gmean, dominance, positives = tried[["gmean", "dominance", "positives"]].to_numpy().T[..., None]
    index = (1 + ALPHAS * dominance) * gmean**power
    which, alpha = np.nonzero(meets((index, index), row.bounds("iba", unit)))
    fits = np.zeros((test.images + 1, len(ALPHAS)), dtype=bool)
    fits[positives[which, 0].astype(int), alpha] = True
    return fits[test.counts[:, 1]]


def _rescued(tests: dict[str, TestSet], fits: dict) -> np.ndarray:
    """Probability of the class splits in which all rows fit, per alpha."""
    result = np.ones(len(ALPHAS))
    for dataset in dict.fromkeys(row[0] for row in fits):
        common = np.all([fit for row, fit in fits.items() if row[0] == dataset], axis=0)
        result *= tests[dataset].probability @ common
    return result


@check
def operating_point(printed: Printed):
    """AUC of Table II's layer 4 at the operating points of Tables XI and VII."""
    layer = {row.key[0]: row for row in printed.rows("02").of("layer4", level="placement")}
    points = {
        "XI": ("sensitivity and specificity", {n: n for n in ("sensitivity", "specificity")}),
        "VII": ("accuracy and GMean", ACCURACY | {"gmean": "gmean"}),
    }
    for table, (described, reading) in points.items():
        fits, said = Fits(printed.tests), []
        for row in printed.rows(table).of(OURS, level="network"):
            test, auc = printed.tests[row.key[0]], layer[row.key[0]]
            tried = candidates(test, row)
            for unit in UNITS:
                point = fitting(tried, reading, row, unit)
                exact = point[point["positives"].isin(test.counts[test.exact, 1])]
                if exact.empty:  # then another finding says so: confusion/table-VII-alone
                    continue
                possible = meets(
                    (point["auc_least"], point["auc_most"]), auc.bounds("auc_roc", unit)
                )
                fits.found[unit][row.key] = test.having(point[possible])
            if len(exact):
                said.append(
                    f"{row.key[0]} {auc.value['auc_roc']:.3f} against "
                    f"{exact['auc_least'].min():.4f} to {exact['auc_most'].max():.4f}"
                )
        yield finding(
            "auc/tables-II-{table}",
            fits.weigh(),
            table=table,
            described=described,
            said="; ".join(said),
            outside=listed(fits.escapes()),
        )
