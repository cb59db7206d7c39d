"""Identities between printed columns: what F1, IBA, GMean and the diagnostic numbers can be."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binom

from paper_code.audit.finding import check, doubt, exclude, finding, judge, listed, pattern
from paper_code.audit.matrices import DIAGNOSTICS, EPSILON, UNITS, meets, with_rates
from paper_code.audit.printed import OURS, Printed, Row, Rows
from paper_code.audit.splits import Fits, TestSet, chance

NEAR = 0.005  # a cell this near to its prediction says nothing new


def span(values, digits: int, sign: str = "") -> str:
    """The smallest and the largest of some values, for reading."""
    return f"{values.min():{sign}.{digits}f} to {values.max():{sign}.{digits}f}"


def geometric(one: tuple, other: tuple) -> tuple:
    """Smallest and largest geometric mean of two numbers within bounds (low, high)."""
    pairs = zip(one, other, strict=True)
    return tuple(np.sqrt(np.clip(a, 0, None) * np.clip(b, 0, None)) for a, b in pairs)


# --- GMean, F1, IBA -------------------------------------------------------------------------------


@check
def gmean_of_both_tables(printed: Printed):
    """sqrt(sensitivity x specificity) of Table XI against the GMean of Table VII, and its leads."""
    rows = printed.rows("07", "11")
    derived = np.sqrt(rows["sensitivity"] * rows["specificity"])
    equal, ranges = {}, {}
    for unit in UNITS:
        ranges[unit] = geometric(*(rows.bounds(n, unit) for n in ("sensitivity", "specificity")))
        equal[unit] = meets(ranges[unit], rows.bounds("gmean", unit))
    above = rows.bounds("gmean")[0] > ranges[1][1]
    yield finding(
        "metrics/gmean-tables-VII-XI",
        judge(equal[1], equal[2]),
        fitting=listed(equal[2].index[equal[2]]),
        gap=(rows["gmean"] - derived).abs().max(),
        above=above.sum(),
        above_rows=listed(above.index[above]),
    )
    gap = (rows["gmean"] - derived).unstack("network")
    others, own = gap.drop(columns=OURS).stack(), gap[OURS]
    said, again = (
        scores[OURS] - scores.drop(columns=OURS).max(axis=1)
        for scores in (rows["gmean"].unstack("network"), derived.unstack("network"))
    )
    # each lead is a difference of two GMeans, each known to one unit
    unit = 2 * rows.half["gmean"].max() + 2 * rows.half[["sensitivity", "specificity"]].max().max()
    leads = [f"{d} {said[d]:.4f} printed and {again[d]:.4f} recomputed" for d in said.index]
    yield finding(
        "metrics/gmean-leads",
        doubt((said - again > 2 * unit + EPSILON).any()),
        baselines=f"{others.mean():+.4f} on average ({span(others, 4, '+')})",
        own=f"{own.mean():+.4f} ({span(own, 4, '+')})",
        leads=", ".join(leads),
    )


@check
def f1_square(printed: Printed):
    """Whether the first "F1" number is the square of the second."""
    for table in ("II", "VII", "VIII"):
        rows = printed.rows(table)
        low, high = rows.bounds("f1_second")
        equal = meets((low**2, high**2), rows.bounds("f1_first"))
        yield finding(
            "metrics/f1-square-table-{table}",
            pattern(equal, 0.5),
            table=table,
            few=f" ({listed(equal.index[equal])})" if 0 < equal.sum() < 6 else "",
            accurate=meets(rows.bounds("f1_second"), rows.bounds("accuracy")).sum(),
        )


@check
def means_of_two(printed: Printed):
    """Whether IBA and GMean are the two means of the accuracy and one further number x."""
    for name in ("VII", "VIII, bach", "VIII, mini_ddsm"):
        table, _, dataset = name.partition(", ")
        rows = printed.rows(table).of(dataset) if dataset else printed.rows(table)
        iba, gmean = rows.bounds("iba"), rows.bounds("gmean")
        found = rows["iba"] < 0
        for a in np.linspace(*rows.bounds("accuracy"), 101):
            low = np.maximum(2 * iba[0] - a, gmean[0] ** 2 / a)
            found |= low <= np.minimum(2 * iba[1] - a, gmean[1] ** 2 / a)
        yield finding(
            "metrics/means-of-two-table-{name}",
            pattern(found, 0.5),
            name=name.replace(", ", "-"),
            where=name,
            table=table,
            x=span((rows["gmean"] ** 2 / rows["accuracy"])[found], 3),
            above=(rows["iba"] >= rows["gmean"]).sum(),
        )


@check
def one_half(printed: Printed):
    """Rows with IBA 0.5 and GMean sqrt(b (1 - b)), b the second F1 number."""
    numbers, halves = [], []
    for rows in (printed.rows("07"), printed.rows("08")):
        low, high = rows.bounds("f1_second")
        mean = geometric((low, high), (1 - high, 1 - low))
        half = meets((0.5, 0.5), rows.bounds("iba")) & meets(mean, rows.bounds("gmean"))
        halves.append(half)
        numbers += [
            f"{' '.join(row.key)}: accuracy {row.value['accuracy']:.3f}, "
            f"b {row.value['f1_second']:.3f}, IBA {row.value['iba']:.3f}, "
            f"GMean {row.value['gmean']:.3f}"
            for row in rows.only(half)
        ]
    words = "; ".join(numbers) or "IBA and GMean"
    yield finding("metrics/iba-one-half", pattern(pd.concat(halves)), numbers=words)


# --- sensitivity, specificity, PPV and NPV --------------------------------------------------------


def equal_rates(positive: int, total: int, rate: float, margin: float) -> float:
    """Chance that sensitivity and specificity differ by `margin` or less if both are truly `rate`.

    `positive` of the `total` test images are positive.
    """
    negative = total - positive
    right = np.arange(positive + 1)
    low = np.ceil((right / positive - margin) * negative - EPSILON)
    high = np.floor((right / positive + margin) * negative + EPSILON)
    inside = binom.cdf(high, negative, rate) - binom.cdf(low - 1, negative, rate)
    return float((binom.pmf(right, positive, rate) * np.clip(inside, 0, 1)).sum())


def gap_from_accuracy(rows: Rows, share) -> pd.DataFrame:
    """How far printed rates lie from those of a test with both rates equal to its accuracy."""
    a = rows["accuracy"]
    predicted = {
        "sensitivity": a,
        "specificity": a,
        "ppv": a * share / (a * share + (1 - a) * (1 - share)),
        "npv": a * (1 - share) / (a * (1 - share) + (1 - a) * share),
    }
    return pd.DataFrame({name: (value - rows[name]).abs() for name, value in predicted.items()})


def _named(values: pd.Series) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())


@check
def table_11_from_accuracy(printed: Printed):
    """Table XI predicted from the accuracy of Table VII and the class counts of Table III."""
    rows = printed.rows("11", "07")
    tests = [printed.tests[row.key[0]] for row in rows]
    gap = gap_from_accuracy(rows, np.array([t.sizes[1] / t.sizes.sum() for t in tests]))
    apart = (rows["sensitivity"] - rows["specificity"]).abs()
    chances = [
        equal_rates(test.counts[test.exact, 1].min(), test.images, accuracy, margin + 0.001)
        for test, accuracy, margin in zip(tests, rows["accuracy"], apart, strict=True)
    ]
    chances = pd.Series(chances, index=apart.index)
    yield finding(
        "metrics/table-XI-from-accuracy",
        pattern(pd.Series([gap.max().max() <= NEAR])),
        cells=len(rows),
        largest=_named(gap.max()),
        mean=_named(gap.mean()),
        chances=span(chances, 2),
        power=np.log10(chances).sum(),
        parts=chance(chances.groupby(level="dataset").min().prod()),
        near=NEAR,
        apart=apart.max(),
        below=(rows["accuracy"] - rows["gmean"]).max(),
    )


@check
def table_12_from_accuracy(printed: Printed):
    """Table XII predicted from the accuracy of Table VIII and one positive share per data set."""
    said, near = [], []
    for dataset in ("bach", "mini_ddsm"):
        rows = printed.rows("12", "08").of(dataset)
        low, high = prevalence_range(rows, 2)
        share = float((low.max() + high.min()) / 2)
        gap = gap_from_accuracy(rows, share)
        near.append((gap <= NEAR).stack())
        said.append(f"{dataset}, share {share:.3f}: largest differences {_named(gap.max())}")
    near = pd.concat(near)
    yield finding(
        "metrics/table-XII-from-accuracy",
        pattern(near, 0.9),
        near=NEAR,
        other=listed(dict.fromkeys(row[:2] for row in near.index[~near])),
        said="; ".join(said),
    )


def prevalence_range(rows: Row | Rows, unit: int = 1) -> tuple:
    """Positive share that sensitivity, specificity, PPV and NPV imply: low, high.

    From PPV: p / (1 - p) = PPV (1 - spec) / (sens (1 - PPV)); from NPV likewise with
    spec (1 - NPV) / (NPV (1 - sens)). The odds are monotone in each number, so the corners of the
    printed intervals give the range; low > high where PPV and NPV contradict each other.
    """

    def odds(numerator, denominator):
        return numerator / np.clip(denominator, 1e-12, None)

    (s_low, s_high), (t_low, t_high), (v_low, v_high), (w_low, w_high) = (
        (low, np.minimum(high, 1)) for low, high in (rows.bounds(n, unit) for n in DIAGNOSTICS)
    )
    low = np.maximum(
        odds(v_low * (1 - t_high), s_high * (1 - v_low)),
        odds(t_low * (1 - w_high), w_high * (1 - s_low)),
    )
    high = np.minimum(
        odds(v_high * (1 - t_low), s_low * (1 - v_high)),
        odds(t_high * (1 - w_low), w_low * (1 - s_high)),
    )
    return low / (1 + low), high / (1 + high)


@check
def table_11_prevalence(printed: Printed):
    """Malignant share implied by Table XI against Table III's in the test images of Table VI."""

    def inside(row: Row, test: TestSet, unit: int) -> np.ndarray:
        share, implied = test.counts[:, 1] / test.images, prevalence_range(row, unit)
        # exact proportions lie between two whole numbers
        between = share[test.exact].min(), share[test.exact].max()
        return meets((share, share), implied) | (test.exact & meets(between, implied))

    fits = Fits.of(printed.tests, printed.rows("11"), inside)
    yield finding("metrics/table-XI-prevalence", fits.weigh())


# --- the same numbers in more than one place ------------------------------------------------------


@check
def identical_rows(printed: Printed):
    """Two networks with all four diagnostic numbers equal, and what Tables VII and VIII say."""
    for table, other in (("XI", "VII"), ("XII", "VIII")):
        scores = {row.key: row for row in printed.rows(other)}
        pairs, different = [], False
        for first, second in combinations(printed.rows(table), 2):
            if first.key[0] != second.key[0] or first.value != second.value:
                continue
            one, two = scores[first.key], scores[second.key]
            gap = {name: abs(one.value[name] - two.value[name]) for name in one.value}
            largest = max(gap, key=gap.get)
            words = f"{first.key[0]} {first.key[1]} and {second.key[1]} differ by up to "
            words += f"{gap[largest]:.4f} ({largest}) in Table {other}"
            if table == "XI":  # two classes: few matrices give four rates, and fix all scores
                test = printed.tests[first.key[0]]
                fitting = len(with_rates(test, first))
                words += f"; {fitting} matrix of {test.images} images gives the four numbers"
                # Where several do, the scores may differ by about two units more.
                units = 2 if fitting == 1 else 4
                different |= any(
                    gap[name] > units * (one.half[name] + two.half[name]) + EPSILON for name in gap
                )
            pairs.append(words)
        judgement = pattern(pd.Series(bool(pairs), index=[0]))
        if different:
            judgement = exclude(True, "networks with the same matrix have the same scores")
        said = "; ".join(pairs) or "no identical rows"
        yield finding(f"duplicates/rows-table-{table}", judgement, said=said)


@check
def same_on_two_datasets(printed: Printed):
    """A network whose IBA and GMean are the same on BACH and on Mini-DDSM."""
    bach, mini = (printed.rows("08").values.loc[name] for name in ("bach", "mini_ddsm"))
    same = (bach["iba"] == mini["iba"]) & (bach["gmean"] == mini["gmean"])
    gap = mini["gmean"] - mini["accuracy"]
    words = [
        f"{name}: IBA {bach.at[name, 'iba']:.3f} and GMean {bach.at[name, 'gmean']:.3f} on both, "
        f"with accuracy {bach.at[name, 'accuracy']:.4g} and {mini.at[name, 'accuracy']:.4g}; on "
        f"Mini-DDSM the other networks have GMean - accuracy from {span(gap[~same], 3, '+')}, this "
        f"one {gap[name]:+.3f}"
        for name in same.index[same]
    ]
    yield finding("duplicates/bach-mini-ddsm", pattern(same), said="; ".join(words) or "none")


@check
def layer_four_is_the_network(printed: Printed):
    """Table II's layer-4 row and Table VII's DALAResNet50 row: the same network."""
    equal = layer_four(printed).all(axis=1)
    yield finding(
        "duplicates/layer-4",
        doubt(not equal.all()),
        equal=equal.sum(),
        rows=len(equal),
        other=listed(equal.index[~equal]),
    )


def layer_four(printed: Printed) -> pd.DataFrame:
    """Which numbers of Table II's layer-4 row are DALAResNet50's in Table VII, by data set."""
    columns = ["accuracy", "f1_first", "f1_second"]
    placed = printed.rows("02").values.xs("layer4", level="placement")[columns]
    return placed == printed.rows("07").values.xs(OURS, level="network")[columns].loc[placed.index]
