"""Every contradiction that the audit finds, again: plain enumeration over the printed tables.

Nothing here comes from `paper_code.audit` but the findings themselves.
"""

from collections import Counter, defaultdict
from fractions import Fraction
from functools import cache
from itertools import combinations, permutations, product
from math import comb, factorial, prod, sqrt
from statistics import mean, median

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn.metrics import f1_score, roc_auc_score

from paper_code.published import published_table

BREAKHIS = ["breakhis_40x", "breakhis_100x", "breakhis_200x", "breakhis_400x"]
OURS = "dalaresnet50"


def read(table):
    return published_table(table).to_dict("records")


def cells(table, *keys):
    """{(key values): {metric: printed text}}"""
    found = defaultdict(dict)
    for row in read(table):
        found[tuple(row[key] for key in keys)][row["metric"]] = row["printed"]
    return dict(found)


T02, T14 = cells("02", "dataset", "placement"), cells("14", "dataset", "method")
T07, T08, T09, T10, T11, T12 = (
    cells(table, "dataset", "network") for table in ("07", "08", "09", "10", "11", "12")
)
T03 = {(r["dataset"], r["class"]): int(r["printed"]) for r in read("03")}
T06 = {(r["dataset"], r["part"]): int(r["printed"]) for r in read("06")}
NETWORKS = list(dict.fromkeys(network for _, network in T07))
TEST = {dataset: T06[dataset, "test"] for dataset, _ in T06}
MALIGNANT = {dataset: T03[dataset, "malignant"] for dataset in BREAKHIS}
SIZES = {"bach": (30, 30, 30, 30), "mini_ddsm": (150, 210, 240)}  # in exact proportions


def of(table, dataset):
    return {network: row for (d, network), row in table.items() if d == dataset}


def ends(text, units=1):
    """The least and the greatest number that can be printed so: exact."""
    half = Fraction(units, 2 * 10 ** len(text.partition(".")[2]))
    return Fraction(text) - half, Fraction(text) + half


def close(values, text, units=1):
    """Whether numbers can be printed so; works on arrays."""
    low, high = map(float, ends(text, units))
    return (values >= low - 1e-9) & (values <= high + 1e-9)


def drawn(total, positive, test, wanted):
    """Probability that a draw of `test` of `total` has a wanted number of `positive`: exact."""
    rest = total - positive
    ways = sum(comb(positive, k) * comb(rest, test - k) for k in wanted if 0 <= k <= test)
    return ways / comb(total, test)


@cache
def rated(key, units=2):
    """Every whole matrix (tp, fn, fp, tn) that gives the four rates of Table XI or XII."""
    row, total, found = {**T11, **T12}[key], TEST[key[0]], []
    for positive in range(1, total):
        rights = [
            np.flatnonzero(close(np.arange(size + 1) / size, row[name], units))
            for name, size in (("sensitivity", positive), ("specificity", total - positive))
        ]
        for tp, tn in product(*rights):
            fn, fp = positive - tp, total - positive - tn
            if close(tp / (tp + fp), row["ppv"], units) and close(
                tn / (tn + fn), row["npv"], units
            ):
                found.append(tuple(map(int, (tp, fn, fp, tn))))
    return found


@cache
def accurate(key, accuracy):
    """Scores of every whole matrix with an accuracy within one unit: arrays."""
    total, every = TEST[key[0]], []
    for wrong in np.flatnonzero(close(1 - np.arange(total) / total, accuracy, 2)):
        positive, fn = np.mgrid[1:total, : wrong + 1].reshape(2, -1)
        possible = (fn <= positive) & (wrong - fn <= total - positive)
        every.append(np.stack([positive, fn, wrong - fn])[:, possible])
    positive, fn, fp = np.concatenate(every, axis=1).astype(float)
    tp, tn = positive - fn, total - positive - fp
    sens, spec, share, right = tp / positive, tn / (total - positive), positive / total, tp + tn
    malignant, benign = tp / (tp + (fn + fp) / 2), tn / (tn + (fn + fp) / 2)
    return {
        "positive": positive.astype(int),
        "accuracy": right / total,
        "sensitivity": sens,
        "specificity": spec,
        "gmean": np.sqrt(sens * spec),
        "gmean_weighted": np.sqrt(right / total * (share * spec + (1 - share) * sens)),
        "f1_malignant": malignant,
        "f1_benign": benign,
        "f1_macro": (malignant + benign) / 2,
        "f1_weighted": share * malignant + (1 - share) * benign,
        "auc_most": 1 - (1 - sens) * (1 - spec),
    }


# --- verdicts -------------------------------------------------------------------------------------


def test_the_committed_table_is_what_the_audit_gives(printed):
    committed = pd.read_csv(ROOT / "tables" / "audit.csv", dtype=str, keep_default_na=False)
    assert committed.set_index("id").equals(printed)
    assert committed["verdict"].value_counts().to_dict() == {
        "unexplained": 40,
        "impossible": 34,
        "consistent": 10,
        "absent": 2,
    }


@pytest.fixture
def says(printed):
    """says(id, *words): the result of a finding has these words."""

    def check(name, *words):
        for word in words:
            assert word in printed.at[name, "result"] + printed.at[name, "reconciles"], name

    return check


# --- parameters -----------------------------------------------------------------------------------

TRUNK = 25_557_032 - 1000 * 2049  # torchvision's ResNet50 without its last layer
TOTALS = {
    name: [
        int(table[dataset, name]["parameters"])
        for table, dataset in ((T09, "breakhis"), (T10, "mini_ddsm"), (T10, "bach"))
    ]
    for name in NETWORKS
}


def test_totals_by_hand(says):
    """Those that prove another network; tests of the networks have the others."""
    gates = [2 * 2048 * (2048 // r) + 2048 // r + 2048 for r in (4, 16, 16)]
    assert TOTALS[OURS] == [TRUNK + g + 2049 * n for g, n in zip(gates, (2, 3, 4), strict=True)]
    words = [f"ResNet50 + gate of reduction {r} after" for r in (4, 16)]
    says("parameters/dalaresnet50", f"breakhis: {words[0]}", f"bach: {words[1]}")
    resnet34 = 21_797_672  # torchvision's, head of 1000 kept
    assert TOTALS["resnet50"] == [resnet34, resnet34, resnet34 + 4 * 2049] and resnet34 < TRUNK
    says("parameters/resnet50", "breakhis: torchvision resnet34 with its 1000-way head")
    steps = {name: (b - a, c - b) for name, (a, b, c) in TOTALS.items()}
    uneven = [name for name, (first, second) in steps.items() if first != second or first <= 0]
    says("parameters/head-growth", ", ".join(uneven))


# --- numbers of images ----------------------------------------------------------------------------


def test_images(says):
    text = {(r["dataset"], r["metric"]): int(r["value"]) for r in read("text") if r["dataset"]}
    assert text["breakhis", "benign_images"] + 5429 == 7858 != text["breakhis", "images"] == 7909
    says(
        "counts/breakhis-text",
        "= 7858, printed total 7909",
        f"{sum(T03[d, 'benign'] for d in BREAKHIS)} benign",
    )
    assert {
        r["printed"] for r in read("04") if r["class"] != "total" and r["metric"] == "images"
    } == {"100"}


def test_accuracies_of_whole_images(says):
    for name, table, datasets in (
        ("II-breakhis", T02, BREAKHIS),
        ("VII-breakhis", T07, BREAKHIS),
        ("VIII-bach", T08, ["bach"]),
        ("VIII-mini_ddsm", T08, ["mini_ddsm"]),
    ):
        rows = [(TEST[d], row["accuracy"]) for (d, _), row in table.items() if d in datasets]
        rounded, cut = (
            sum(close(np.arange(images + 1) / images, text, units).any() for images, text in rows)
            for units in (1, 2)
        )
        words = (
            f"{rounded} of {len(rows)} are a whole number of correct images if rounded, {cut} if"
        )
        says(f"counts/accuracy-table-{name}", words)


# --- two classes: every whole matrix --------------------------------------------------------------


def test_matrices_of_tables_7_and_11(says):
    count = Counter()
    for key, row in T07.items():
        for units in (1, 2):
            found = rated(key, units)
            count["XI", units] += bool(found)
            fits = [m for m in found if close((m[0] + m[3]) / sum(m), row["accuracy"], units)]
            count["accuracy", units] += bool(fits)
            gmeans = [sqrt(a / (a + b) * d / (c + d)) for a, b, c, d in fits]
            count["gmean", units] += any(close(g, row["gmean"], units) for g in gmeans)
    assert (count["gmean", 1], count["gmean", 2]) == (0, 0)
    for name, key in (("table-XI-alone", "XI"), ("tables-VII-XI", "accuracy")):
        words = f"{count[key, 1]} of 36 rows (rounded) or {count[key, 2]} (one unit)"
        says(f"confusion/{name}", words)


def test_the_specificity_that_table_7_allows(says):
    """With the one class split that Table XI leaves, both readings of GMean: size and direction."""
    gap, left, shared = {}, [], 0
    for dataset in BREAKHIS:
        keys = [key for key in T07 if key[0] == dataset]
        splits = [{tp + fn for tp, fn, _, _ in rated(key)} for key in keys]
        (positive,) = set.intersection(*filter(None, splits))
        negative = TEST[dataset] - positive
        left.append(f"{positive} of {TEST[dataset]}")
        for key in keys:
            scores = accurate(key, T07[key]["accuracy"])
            keep = scores["positive"] == positive
            keep &= close(scores["gmean"], T07[key]["gmean"], 2) | close(
                scores["gmean_weighted"], T07[key]["gmean"], 2
            )
            sens, spec = scores["sensitivity"][keep], scores["specificity"][keep]
            rights = set(zip(np.rint(sens * positive), np.rint(spec * negative), strict=True))
            shared += bool(
                rights & {(tp, tn) for tp, fn, _, tn in rated(key) if tp + fn == positive}
            )
            value = float(T11[key]["specificity"])
            gap[key] = value - np.clip(value, spec.min(), spec.max())
    gaps = [value for (_, network), value in gap.items() if network != OURS]
    own = max(abs(gap[dataset, OURS]) for dataset in BREAKHIS)
    words = f"in {sum(g > 0 for g in gaps)} of 32 rows of the baselines, by {min(gaps):.3f} to "
    words += f"{max(gaps):.3f} (median {median(gaps):.3f}), and within {own:.3f}"
    name = "confusion/specificity-tables-VII-XI"
    says(name, words, f"{len(gap)} of 36 rows have a matrix by Table VII, {shared} of them one")
    assert left == ["411 of 599", "431 of 624", "417 of 604", "370 of 546"]
    assert min(gaps) > 0 == shared


def test_f1_of_the_matrices_of_table_11(says):
    """No first number is an F1, and the second is no one F1 in all rows: by scikit-learn."""
    count, sizes = Counter(), [len(rated(key)) for key in T07]
    for key, row in T07.items():
        found = set()
        for tp, fn, fp, tn in rated(key):
            truth, guess = np.repeat([1, 1, 0, 0], (tp, fn, fp, tn)), [1, 0, 1, 0]
            guess = np.repeat(guess, (tp, fn, fp, tn))
            scores = {a: f1_score(truth, guess, average=a) for a in ("macro", "weighted", "micro")}
            scores["malignant"], scores["benign"] = (
                f1_score(truth, guess, pos_label=k) for k in (1, 0)
            )
            found |= {
                (c, a)
                for c in ("f1_first", "f1_second")
                for a in scores
                if close(scores[a], row[c], 2)
            }
        count.update(found)
    assert set(count) == {("f1_second", "weighted"), ("f1_second", "micro")}
    words = f"9, {count['f1_second', 'weighted']}, accuracy 17, {count['f1_second', 'micro']}"
    matrices = (
        f"{36 - sizes.count(0)} rows have such matrices, {sizes.count(1)} of them exactly one"
    )
    says("confusion/f1-tables-VII-XI", words, matrices)


@pytest.mark.parametrize(("name", "table"), [("II", T02), ("VII", T07)])
def test_one_class_split_for_the_f1_pairs_of_a_magnification(says, name, table):
    readings = ("f1_benign", "f1_malignant", "f1_macro", "f1_weighted", "accuracy")
    possible = defaultdict(list)  # (reading, data set): sets of numbers of malignant images
    for key, row in table.items():
        scores = accurate(key, row["accuracy"])
        fits = {
            (c, r): close(scores[r], row[c], 2) for c in ("f1_first", "f1_second") for r in readings
        }
        for a, b in permutations(readings, 2):
            keep = fits["f1_first", a] & fits["f1_second", b]
            possible[a, b, key[0]].append(set(scores["positive"][keep].tolist()))
    chances = [
        prod(
            drawn(T06[d, "total"], MALIGNANT[d], TEST[d], set.intersection(*possible[a, b, d]))
            for d in BREAKHIS
        )
        for a, b in permutations(readings, 2)
    ]
    assert max(chances) < 1e-4
    says(
        f"confusion/f1-pairs-table-{name}",
        f"all together {max(chances):.0e}" if max(chances) else "together 0",
    )


def test_best_ranking_at_the_operating_point(says):
    """The AUC of the best ranking that keeps the mistakes at the threshold, 400X."""
    key, auc = ("breakhis_400x", OURS), float(T02["breakhis_400x", "layer4"]["auc_roc"])
    scores = accurate(key, T07[key]["accuracy"])
    keep = close(scores["gmean"], T07[key]["gmean"], 2)
    exact = keep & np.isin(scores["positive"], (369, 370))
    sens, spec = (float(ends(T11[key][n], 2)[1]) for n in ("sensitivity", "specificity"))
    best = {"VII": scores["auc_most"][exact].max(), "XI": 1 - (1 - sens) * (1 - spec)}
    assert max(best.values()) < 0.99705 < auc - 0.001
    truth = [1] * 349 + [0] * 10 + [1] * 21 + [0] * 166  # the bound is reached: 349 of 370 right
    assert roc_auc_score(truth, range(546, 0, -1)) == pytest.approx(1 - 21 / 370 * 10 / 176)
    says("auc/tables-II-VII", f"to {best['VII']:.4f}; outside: breakhis_400x")
    says("auc/tables-II-XI", "outside: breakhis_400x; breakhis_400x: no class split")
    wanted = set(scores["positive"][keep & (scores["auc_most"] >= auc - 0.001)].tolist())
    says("auc/tables-II-VII", f"probability {drawn(1820, 1232, 546, wanted):.0e}")


# --- identities -----------------------------------------------------------------------------------


def test_gmean_of_table_11(says):
    fits = Counter()
    for key, row in T07.items():
        texts = T11[key]["sensitivity"], T11[key]["specificity"], row["gmean"]
        for units in (1, 2):
            (s, t, g), (s2, t2, g2) = zip(*(ends(text, units) for text in texts), strict=True)
            fits[units] += g**2 <= s2 * t2 and g2**2 >= s * t
    says("metrics/gmean-tables-VII-XI", f"{fits[1]} of 36 rows (rounded), {fits[2]} with one")


# --- three and four classes -----------------------------------------------------------------------


def gmeans(sizes, right):
    """Geometric means of the recalls of all ways to spread whole right images."""
    axes = np.meshgrid(*(np.arange(size + 1) for size in sizes[:-1]), indexing="ij", sparse=True)
    last = right - sum(axes)
    product_ = np.where((last >= 0) & (last <= sizes[-1]), last / sizes[-1], np.nan)
    for axis, size in zip(axes, sizes[:-1], strict=True):
        product_ = product_ * axis / size
    return product_[~np.isnan(product_)] ** (1 / len(sizes))


def test_gmean_of_whole_recalls(says):
    for dataset, sizes in SIZES.items():
        outside = {"below": [], "above": []}
        for network, row in of(T08, dataset).items():
            low, high = (end * TEST[dataset] for end in ends(row["accuracy"], 2))
            means = np.concatenate([gmeans(sizes, int(low)), gmeans(sizes, int(high) + 1)])
            least, most = ends(row["gmean"], 2)
            if most < means.min():
                outside["below"].append(network)
            if least > means.max():
                outside["above"].append(network)
        below, above = (", ".join(names) or "none" for names in outside.values())
        words = f"below the smallest: {below}; above the largest: {above} "
        says(f"multiclass/gmean-of-recalls-{dataset}", words)
    # no average of one-vs-rest numbers is below the accuracy, unless a class has over half: BACH is
    assert all(float(r["gmean"]) < float(r["accuracy"]) - 0.05 for r in of(T08, "bach").values())
    says("multiclass/gmean-definitions", "class recalls, 6 bach, 1 mini_ddsm")


def test_one_vs_rest(says):
    """Specificity near the accuracy, and IBA above GMean, need a class with over half of all."""
    for dataset, classes in (("bach", [100] * 4), ("mini_ddsm", [500, 700, 800])):
        test = TEST[dataset]
        chances = [drawn(sum(classes), n, test, range(test // 2 + 1, test + 1)) for n in classes]
        words = f"probability {sum(chances):.0e} if images are drawn at random"
        says(f"multiclass/specificity-{dataset}", "0 of 9 rows possible", words)
        for network, row in of(T08, dataset).items():  # all mistakes into the largest class
            a = ends(row["accuracy"], 2)[0]
            weighted = 1 - (1 - a) * max(classes) / (sum(classes) - max(classes))
            assert ends(T12[dataset, network]["specificity"], 2)[1] < weighted


def test_no_reading_of_iba_fits_both_tables(says):
    """Order alone: an index is at most GMean (or its square) on BACH, a mean at least GMean."""
    count = Counter()
    for table, rows in (("VII", T07), ("bach", of(T08, "bach")), ("mini", of(T08, "mini_ddsm"))):
        for row in rows.values():
            (low, high), (least, most) = ends(row["iba"], 2), ends(row["gmean"], 2)
            count[table, "mean"] += high >= least
            count[table, "index"] += low <= most
            count[table, "squared"] += low <= most**2
            count[table, "above"] += float(row["iba"]) >= float(row["gmean"])
    assert count["VII", "above"] == count["VII", "mean"] == 36 and count["mini", "above"] == 1
    eight = {
        name: count["bach", name] + count["mini", name] for name in ("mean", "index", "squared")
    }
    assert eight == {"mean": 9, "index": 9, "squared": 0}
    words = "IBA >= GMean in 36 of 36 rows of VII, IBA < GMean in 8 of 9 rows"
    says("metrics/iba-tables-VII-VIII", words, "whose geometric mean is GMean: 36 and 9")


def test_table_12_as_two_classes(says):
    for dataset in SIZES:
        count = [sum(bool(rated((dataset, n), u)) for n in NETWORKS) for u in (1, 2)]
        words = f"{count[0]} of 9 rows (rounded), {count[1]} (one unit)"
        says(f"multiclass/two-class-matrices-{dataset}", words)


def rising(total, parts, most, least=0):
    """All rising tuples of `parts` whole numbers up to `most` that add up to `total`."""
    if parts == 1:
        return [(total,)] if least <= total <= most else []
    firsts = range(least, min(most, total // parts) + 1)
    return [(n, *rest) for n in firsts for rest in rising(total - n, parts - 1, most, n)]


def test_f1_and_recall_on_equal_classes(says):
    bach = of(T08, "bach")
    not_micro = [n for n, r in bach.items() if not close(float(r["accuracy"]), r["f1_second"], 3)]
    says(
        "multiclass/f1-pair-bach", f"neither: {', '.join(f'bach {n}' for n in not_micro)}; |a - b|"
    )
    # |macro - weighted| <= images of another class / images: how often a draw moves enough
    gap = max(abs(Fraction(r["f1_first"]) - Fraction(r["f1_second"])) for r in bach.values())
    need, ways = -(-(gap - Fraction(2, 1000)) * 120 // 1), 0
    for counts in rising(120, 4, 100):
        if sum(max(0, n - 30) for n in counts) >= need:
            orders = 24 // prod(factorial(c) for c in Counter(counts).values())
            ways += orders * prod(comb(100, n) for n in counts)
    words = f"to fit, {need} of the 120", f"probability {ways / comb(400, 120):.0e}"
    says("multiclass/f1-pair-bach", *words)
    says("multiclass/f1-bound-bach", "vgg16_inception 0.864 > 0.765")


# --- slips --------------------------------------------------------------------------------------


def test_rows_printed_twice_averages_and_pooling(says):
    (pair,) = ((a, b) for a, b in combinations(T11, 2) if a[0] == b[0] and T11[a] == T11[b])
    says("duplicates/rows-table-XI", f"{pair[0][0]} {pair[0][1]} and {pair[1][1]} differ")
    assert len(rated(pair[0])) == 1  # so both networks have all its scores
    one, two = (T07[key] for key in pair)
    assert Fraction(two["iba"]) - Fraction(one["iba"]) == Fraction(17, 1000)
    off = {}
    for network in NETWORKS:
        row = {d: float(T09[d, network]["convergence_time_s"]) for d in BREAKHIS}
        average = mean(row.values())
        if abs(average - float(T09["breakhis", network]["average_time_s"])) > 0.0101:
            off[network] = f"mean {average:.2f}"
    words = (*(f"{name}: printed" for name in off), *off.values(), "the other 8 agree")
    says("timing/averages", *words)
    pairs = zip(TOTALS[OURS], TOTALS["resnet50"], strict=True)
    says("wording/pooling", *(f"{100 * (a / b - 1):+.1f} %" for a, b in pairs))
