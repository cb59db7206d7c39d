"""The audit: consistent tables pass clean, every kind of slip is caught, the paper is as stated."""

import re
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from imblearn.metrics import geometric_mean_score, make_index_balanced_accuracy
from scipy.stats import hypergeom, multivariate_hypergeom
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from paper_code.audit import audit_page, column_findings, run_audit, themes
from paper_code.audit.auc import area_range
from paper_code.audit.confusion import (
    SCORES,
    confusion_matrices,
    malignant_in_test,
    matrices_with_rates,
)
from paper_code.audit.finding import CONSISTENT, IMPOSSIBLE, UNEXPLAINED, by_row, tolerances
from paper_code.audit.metrics import equal_rates, prevalence_range
from paper_code.audit.multiclass import (
    largest_macro_f1,
    macro_recall_range,
    recall_gmean_range,
    specificity_range,
)
from paper_code.audit.parameters import count_parameters
from paper_code.audit.references import METHODS
from paper_code.audit.report import CHECKS
from paper_code.audit.report import write as write_audit
from paper_code.audit.splits import class_splits, describe, escape, weigh
from paper_code.networks.registry import PAPER_NETWORKS
from paper_code.networks.structure import gmacs
from paper_code.published import TABLES, published_table

# Words that agree with the tables and with each other, in place of the printed ones.
TRUE_WORDS = {
    "adaptive_pooling": "adaptive average pooling, which has no parameters",
    "layer_choice": "the last stage was chosen on the validation images",
    "batch_size": "The batch size is set to 32, the maximum value considering memory constraints",
    "figure_05_caption": "Mammograms from the Mini-DDSM Dataset",
    "augmentation": "The dataset is then split; training images are rotated and flipped",
    "tables_11_12": "Table 11 is on all magnification levels, Table 12 on BACH and Mini-DDSM",
    "table_10_column": "Time",
    "table_12_caption": "Sensitivity, Specificity, PPV, and NPV on BACH and Mini-DDSM",
    "thresholding": "The averaged heatmap is then cut at the Otsu threshold",
    "true_regions": "IoU measures the overlap between predicted regions and those of pathologists",
    "figure_07_label": "40X-EigenCAM",
}


# --- tables that come from real confusion matrices, networks, times and masks ------------------


def labels_of(matrix):
    """Matrix (true x predicted) -> labels, predictions."""
    true, predicted = np.indices(matrix.shape)
    return np.repeat(true.ravel(), matrix.ravel()), np.repeat(predicted.ravel(), matrix.ravel())


def random_matrix(rng, sizes):
    rows = []
    for label, size in enumerate(sizes):
        chance = rng.dirichlet(np.ones(len(sizes)))
        recall = rng.uniform(0.6, 0.97)
        chance = (1 - recall) * chance
        chance[label] += recall
        rows.append(rng.multinomial(size, chance / chance.sum()))
    return np.array(rows)


def performance(matrix):
    """The five numbers of Tables VII and VIII, by scikit-learn and imbalanced-learn."""
    true, predicted = labels_of(matrix)
    two = len(matrix) == 2
    index = make_index_balanced_accuracy(alpha=0.1, squared=True)(geometric_mean_score)
    return {
        "accuracy": accuracy_score(true, predicted),
        "f1_first": f1_score(true, predicted, average="macro"),
        "f1_second": f1_score(true, predicted, average="weighted"),
        "iba": index(true, predicted, average="binary" if two else "multiclass"),
        "gmean": geometric_mean_score(true, predicted),
    }


def diagnostics(matrix):
    """The four numbers of Tables XI and XII: malignant positive, or macro one-vs-rest."""
    tp = np.diag(matrix)
    fn, fp = matrix.sum(axis=1) - tp, matrix.sum(axis=0) - tp
    tn = matrix.sum() - tp - fn - fp
    each = {
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
    }
    return {name: v[1] if len(matrix) == 2 else v.mean() for name, v in each.items()}


def area_under_curve(rng, matrix):
    """AUC of scores that give a 2 x 2 matrix (true x predicted) at the threshold 0.5."""
    true, predicted = labels_of(matrix)
    return roc_auc_score(true, 0.5 * predicted + 0.5 * rng.uniform(size=len(true)))


def fill(table, values, digits):
    """The published table with `values[row key][metric]` printed in place of its numbers."""
    keys = [k for k in table.columns if k not in ("table", "metric", "printed", "value")]
    printed = [
        f"{values[tuple(row[k] for k in keys)][row['metric']]:.{digits[row['metric']]}f}"
        for row in table.to_dict("records")
    ]
    return table.assign(printed=printed, value=[float(text) for text in printed])


@pytest.fixture(scope="module")
def consistent():
    """Every audited table, none of it from the paper except data set sizes."""
    rng = np.random.default_rng(0)
    tables = {name: published_table(name) for name in TABLES}
    text = tables["text"]
    slip = text["metric"] == "benign_images"
    tables["text"] = text.assign(value=text["value"].mask(slip, 2480.0))

    quotes = tables["quotes"].set_index("metric")["printed"].to_dict()
    tables["quotes"] = tables["quotes"].assign(printed=list((quotes | TRUE_WORDS).values()))
    titles = tables["references"]["subject"].map(METHODS).fillna("On metrics")
    tables["references"] = tables["references"].assign(
        printed=titles + ", number " + tables["references"]["reference"], cited="I"
    )

    malignant = malignant_in_test(tables["03"], tables["06"])
    part = tables["06"].set_index(["dataset", "part"])["value"].astype(int)
    sizes = {d: (part[d, "test"] - m[0], m[0]) for d, m in malignant.items()}
    sizes |= {"bach": (30, 30, 30, 30), "mini_ddsm": (150, 210, 240)}
    networks = list(dict.fromkeys(tables["07"]["network"]))
    matrices = {(d, n): random_matrix(rng, sizes[d]) for d in sizes for n in networks}
    three = dict.fromkeys(
        [*performance(np.eye(2, dtype=int)), *diagnostics(np.eye(2, dtype=int))], 3
    )
    for name, numbers in (
        ("07", performance),
        ("08", performance),
        ("11", diagnostics),
        ("12", diagnostics),
    ):
        values = {key: numbers(matrix) for key, matrix in matrices.items()}
        tables[name] = fill(tables[name], values, three)
    placed = {}
    for d, i in product(malignant, (1, 2, 3, 4)):
        matrix = matrices[d, "dalaresnet50"] if i == 4 else random_matrix(rng, sizes[d])
        auc = {"auc_roc": area_under_curve(rng, matrix)}
        placed[d, f"layer{i}"] = performance(matrix) | auc
    tables["02"] = fill(tables["02"], placed, three | {"auc_roc": 3})

    costs = {}
    for n in networks:
        # a floor below which a machine is never busy, so that a light network need not be faster
        seconds = 1e-2 * max(5.0, gmacs(n)) if n != "vgg16_inception" else 0.2
        reduction = 16 if n == "dalaresnet50" else None
        for d, classes in (("breakhis", 2), ("mini_ddsm", 3), ("bach", 4)):
            costs[d, n] = {"parameters": count_parameters(n, classes, reduction=reduction)}
        for d in sizes:
            time = {"convergence_time_s": 50 * part[d, "train"] * seconds}
            costs.setdefault((d, n), {}).update(time)
            costs[d, n]["average_time_s"] = time["convergence_time_s"]
        costs["breakhis", n]["average_time_s"] = np.mean(
            [round(costs[d, n]["convergence_time_s"], 2) for d in malignant]
        )
    digits = {"parameters": 0, "convergence_time_s": 2, "average_time_s": 2}
    tables["09"] = fill(tables["09"], costs, digits)
    tables["10"] = fill(tables["10"], costs, digits)

    maps = {}
    for dataset, (rank, method) in product(
        malignant, enumerate(["gradcam", "scorecam", "eigencam", "dt_gradcam"])
    ):
        shift = 30 - 8 * rank
        masks = np.arange(100)[None] < rng.integers(60, 80, 50)[:, None]
        found = np.roll(masks, shift, axis=1)
        both = (masks & found).sum(axis=1)
        maps[dataset, method] = {
            "iou": (both / (masks | found).sum(axis=1)).mean(),
            "dice": (2 * both / (masks.sum(axis=1) + found.sum(axis=1))).mean(),
            "recall": (both / masks.sum(axis=1)).mean(),
        }
        maps[dataset, method]["f1"] = maps[dataset, method]["dice"]
    tables["14"] = fill(tables["14"], maps, dict.fromkeys(("iou", "dice", "recall", "f1"), 4))
    return tables


@pytest.fixture(scope="module")
def checked(consistent):
    """What each check finds on the consistent tables: [(check, names of its tables, finding)]."""
    return [
        (check, names, finding)
        for check, names in CHECKS
        for finding in check(*(consistent[name] for name in names))
    ]


@pytest.fixture(scope="module")
def sources(checked):
    """Which check gives which finding: {id: (check, names of its tables)}."""
    return {finding.id: (check, names) for check, names, finding in checked}


def test_consistent_tables_pass_clean(checked, printed):
    findings = [finding for _, _, finding in checked]
    assert [finding.id for finding in findings] == list(printed.index)
    assert {f.id: f.result for f in findings if f.verdict != CONSISTENT} == {}
    assert all(finding.reconciles == "" for finding in findings)


def test_other_tables_take_the_place_of_the_printed_ones(consistent, monkeypatch):
    few = [entry for entry in CHECKS if entry[1] in (("text", "03"), ("09",))]
    monkeypatch.setattr("paper_code.audit.report.CHECKS", few)
    findings = run_audit({"text": consistent["text"]}).set_index("id")
    assert findings.at["counts/breakhis-text", "verdict"] == CONSISTENT
    assert findings.at["timing/averages", "verdict"] == IMPOSSIBLE


# --- slips planted in the consistent tables ----------------------------------------------------


def edit(tables, name, change, metric=None, **where):
    """The tables with `change` applied to the chosen values of one of them, printed again."""
    table = tables[name].copy()
    pick = pd.Series(True, index=table.index)
    if metric:
        pick &= table["metric"].isin([metric] if isinstance(metric, str) else metric)
    for column, value in where.items():
        pick &= table[column.rstrip("_")] == value
    assert pick.any()
    values = table.loc[pick, "value"].map(change) if callable(change) else change
    table.loc[pick, "value"] = values
    digits = table["printed"].str.partition(".")[2].str.len()
    table["printed"] = [f"{v:.{d}f}" for v, d in zip(table["value"], digits, strict=True)]
    table["value"] = table["printed"].astype(float)
    return {**tables, name: table}


def squared(tables, name):
    """Make the first F1 the square of the second in every row."""
    table = tables[name].copy()
    second = table.loc[table["metric"] == "f1_second", "value"].to_numpy()
    table.loc[table["metric"] == "f1_first", "value"] = second**2
    return edit({**tables, name: table}, name, lambda v: v, "f1_first")


def means(tables, name, dataset=None):
    """Print the two means of accuracy and 0.7 as IBA and GMean."""
    rows = by_row(tables[name])
    for (data, network), row in rows.iterrows():
        if dataset in (None, data):
            where = {"dataset": data, "network": network}
            a = row["accuracy"]
            tables = edit(tables, name, (a + 0.7) / 2, "iba", **where)
            tables = edit(tables, name, np.sqrt(0.7 * a), "gmean", **where)
    return tables


def from_accuracy(tables):
    """Compute Table XI back from the accuracy."""
    totals = tables["03"].set_index(["dataset", "class"])["value"]
    for (data, network), row in by_row(tables["07"]).iterrows():
        p, a = totals[data, "malignant"] / totals[data, "total"], row["accuracy"]
        where = {"dataset": data, "network": network}
        ppv, npv = a * p / (a * p + (1 - a) * (1 - p)), a * (1 - p) / (a * (1 - p) + (1 - a) * p)
        for metric, value in (("sensitivity", a), ("specificity", a), ("ppv", ppv), ("npv", npv)):
            tables = edit(tables, "11", value, metric, **where)
    return tables


def two_class(tables, dataset, share):
    """Print Table XII as a two-class table with sensitivity = specificity = accuracy."""
    for (data, network), row in by_row(tables["08"]).iterrows():
        if data == dataset:
            a, p = row["accuracy"], share
            where = {"dataset": data, "network": network}
            ppv = a * p / (a * p + (1 - a) * (1 - p))
            npv = a * (1 - p) / (a * (1 - p) + (1 - a) * p)
            for metric, v in (("sensitivity", a), ("specificity", a), ("ppv", ppv), ("npv", npv)):
                tables = edit(tables, "12", v, metric, **where)
    return tables


def copied(tables, name, source, target, metrics=None):
    """Print the row `source` in place of the row `target`; rows are (data set, network)."""
    row = by_row(tables[name]).loc[source]
    for metric in metrics or row.index:
        tables = edit(tables, name, row[metric], metric, dataset=target[0], network=target[1])
    return tables


def one_half(tables):
    for metric, value in (("f1_second", 0.745), ("iba", 0.5), ("gmean", np.sqrt(0.745 * 0.255))):
        tables = edit(tables, "08", value, metric, dataset="bach", network="swin")
    return tables


def reworded(tables, name):
    """Print the paper's own words again in place of the true ones."""
    quotes, printed = tables["quotes"], published_table("quotes")
    pick = quotes["metric"] == name
    assert pick.sum() == 1
    return {
        **tables,
        "quotes": quotes.assign(printed=quotes["printed"].mask(pick, printed["printed"])),
    }


def cited(tables, column, **entries):
    """Put `entries` (r34="...") into a column of the references."""
    rows = tables["references"].set_index("reference", drop=False)
    for name, text in entries.items():
        rows.loc[name.removeprefix("r"), column] = text
    return {**tables, "references": rows.reset_index(drop=True)}


def lowered(tables):
    """Lower the GMean of eight networks and raise that of DALAResNet50."""
    tables = edit(tables, "07", plus(-0.03), "gmean", dataset="breakhis_100x")
    return edit(tables, "07", plus(0.06), "gmean", **breakhis("dalaresnet50"))


def plus(amount):
    return lambda value: value + amount


def times(factor):
    return lambda value: value * factor


def breakhis(network, **more):
    return {"dataset": "breakhis_100x", "network": network} | more


def bach(network):
    return {"dataset": "bach", "network": network}


def mini(network):
    return {"dataset": "mini_ddsm", "network": network}


SLIPS = [
    *(
        (f"parameters/{name}", lambda t, n=name: edit(t, "09", plus(1), "parameters", network=n))
        for name in PAPER_NETWORKS
    ),
    ("parameters/head-growth", lambda t: edit(t, "10", plus(1), "parameters", **bach("vgg16"))),
    (
        "parameters/bach-linear-2048-4",
        lambda t: edit(t, "10", plus(8196), "parameters", **bach("dinov2_vitb14")),
    ),
    (
        "counts/breakhis-text",
        lambda t: edit(t, "text", 2429, "benign_images", dataset="breakhis"),
    ),
    (
        "counts/totals",
        lambda t: edit(t, "03", plus(1), "images", dataset="breakhis_40x", class_="benign"),
    ),
    ("counts/split", lambda t: edit(t, "06", plus(5), dataset="bach", part="test")),
    ("counts/accuracy-table-II-breakhis", lambda t: edit(t, "06", 120, part="test")),
    ("counts/accuracy-table-VII-breakhis", lambda t: edit(t, "06", 120, part="test")),
    ("counts/accuracy-table-VIII-bach", lambda t: edit(t, "08", 0.770, "accuracy", **bach("vit"))),
    (
        "counts/accuracy-table-VIII-mini_ddsm",
        lambda t: edit(edit(t, "06", 120, part="test"), "08", 0.770, "accuracy", **mini("vit")),
    ),
    ("confusion/tables-VII-XI", lambda t: edit(t, "07", plus(-0.02), "gmean", **breakhis("vit"))),
    ("confusion/table-XI-alone", lambda t: edit(t, "11", plus(0.05), "npv", **breakhis("vit"))),
    ("confusion/table-VII-alone", lambda t: edit(t, "07", plus(0.05), "iba", **breakhis("vit"))),
    (
        "confusion/f1-pairs-table-II",
        lambda t: edit(t, "02", plus(-0.05), "f1_first", placement="layer1"),
    ),
    (
        "confusion/f1-pairs-table-VII",
        lambda t: edit(t, "07", plus(-0.05), "f1_first", **breakhis("vit")),
    ),
    (
        "confusion/f1-tables-VII-XI",
        lambda t: edit(t, "07", plus(0.02), "f1_first", **breakhis("vit")),
    ),
    (
        "metrics/gmean-tables-VII-XI",
        lambda t: edit(t, "07", plus(-0.02), "gmean", **breakhis("vit")),
    ),
    ("metrics/f1-square-table-II", lambda t: squared(t, "02")),
    ("metrics/f1-square-table-VII", lambda t: squared(t, "07")),
    ("metrics/f1-square-table-VIII", lambda t: squared(t, "08")),
    ("metrics/gmean-leads", lowered),
    ("metrics/iba-table-VII-squared", lambda t: edit(t, "07", 0.98, "iba", **breakhis("vit"))),
    ("metrics/iba-table-VII-plain", lambda t: edit(t, "07", 0.98, "iba", **breakhis("vit"))),
    ("metrics/iba-table-VIII", lambda t: edit(t, "08", 0.98, "iba", **bach("vit"))),
    ("metrics/means-of-two-table-VII", lambda t: means(t, "07")),
    ("metrics/means-of-two-table-VIII-bach", lambda t: means(t, "08", "bach")),
    ("metrics/means-of-two-table-VIII-mini_ddsm", lambda t: means(t, "08", "mini_ddsm")),
    ("metrics/iba-one-half", one_half),
    ("metrics/table-XI-from-accuracy", from_accuracy),
    (
        "metrics/table-XII-from-accuracy",
        lambda t: two_class(two_class(t, "bach", 0.75), "mini_ddsm", 0.64),
    ),
    ("auc/tables-II-XI", lambda t: edit(t, "02", 0.999, "auc_roc", placement="layer4")),
    ("auc/tables-II-VII", lambda t: edit(t, "02", 0.999, "auc_roc", placement="layer4")),
    ("metrics/table-XI-prevalence", lambda t: edit(t, "11", plus(0.05), "npv", **breakhis("vit"))),
    (
        "multiclass/gmean-of-recalls-bach",
        lambda t: edit(
            edit(t, "08", 0.892, "accuracy", **bach("vit")), "08", 0.734, "gmean", **bach("vit")
        ),
    ),
    (
        "multiclass/gmean-of-recalls-mini_ddsm",
        lambda t: edit(
            edit(t, "08", 0.7, "accuracy", **mini("vit")), "08", 0.768, "gmean", **mini("vit")
        ),
    ),
    (
        "multiclass/gmean-definitions",
        lambda t: edit(
            edit(t, "08", 0.892, "accuracy", **bach("vit")), "08", 0.5, "gmean", **bach("vit")
        ),
    ),
    (
        "multiclass/specificity-bach",
        lambda t: edit(t, "12", plus(-0.1), "specificity", **bach("vit")),
    ),
    (
        "multiclass/specificity-mini_ddsm",
        lambda t: edit(t, "12", plus(-0.2), "specificity", **mini("vit")),
    ),
    ("multiclass/two-class-matrices-bach", lambda t: two_class(t, "bach", 0.70)),
    ("multiclass/two-class-matrices-mini_ddsm", lambda t: two_class(t, "mini_ddsm", 0.64)),
    ("multiclass/prevalence-bach", lambda t: two_class(t, "bach", 0.70)),
    ("multiclass/prevalence-mini_ddsm", lambda t: two_class(t, "mini_ddsm", 0.64)),
    (
        "multiclass/macro-recall-bach",
        lambda t: edit(t, "12", plus(0.007), "sensitivity", **bach("vgg16")),
    ),
    ("multiclass/f1-pair-bach", lambda t: edit(t, "08", plus(0.01), "f1_second", **bach("vit"))),
    (
        "multiclass/f1-bound-bach",
        lambda t: edit(
            edit(t, "08", 0.727, "accuracy", **bach("vit")), "08", 0.864, "f1_first", **bach("vit")
        ),
    ),
    (
        "duplicates/rows-table-XI",
        lambda t: copied(t, "11", ("breakhis_100x", "vit"), ("breakhis_100x", "vgg16")),
    ),
    (
        "duplicates/rows-table-XII",
        lambda t: copied(t, "12", ("mini_ddsm", "vit"), ("mini_ddsm", "vgg16")),
    ),
    (
        "duplicates/bach-mini-ddsm",
        lambda t: copied(t, "08", ("bach", "vit"), ("mini_ddsm", "vit"), ("iba", "gmean")),
    ),
    (
        "duplicates/layer-4",
        lambda t: edit(t, "02", plus(0.01), "accuracy", placement="layer4"),
    ),
    ("timing/averages", lambda t: edit(t, "09", plus(-27), "average_time_s", network="vit")),
    (
        "timing/work",
        lambda t: edit(t, "09", times(0.1), "average_time_s", network="dinov2_vitb14"),
    ),
    ("timing/gate", lambda t: edit(t, "10", times(0.9), **bach("dalaresnet50"))),
    (
        "timing/magnifications",
        lambda t: edit(t, "09", times(1.2), "convergence_time_s", **breakhis("vit")),
    ),
    ("timing/datasets", lambda t: edit(t, "10", times(6), "average_time_s", dataset="bach")),
    (
        "timing/shortest",
        lambda t: edit(t, "09", plus(9), "convergence_time_s", **breakhis("dalaresnet50")),
    ),
    ("localization/dice-iou", lambda t: edit(t, "14", plus(0.05), "dice", method="gradcam")),
    ("localization/f1-dice", lambda t: edit(t, "14", plus(0.01), "f1", method="gradcam")),
    ("localization/precision", lambda t: edit(t, "14", times(0.5), "recall", method="gradcam")),
    (
        "localization/area",
        lambda t: edit(t, "14", times(1.2), "recall", method="dt_gradcam"),
    ),
    ("counts/bach-imbalanced", lambda t: reworded(t, "table_12_caption")),
    ("choice/layer-4", lambda t: reworded(t, "layer_choice")),
    ("choice/augmentation", lambda t: reworded(t, "augmentation")),
    ("wording/average-time", lambda t: reworded(t, "table_10_column")),
    ("wording/true-regions", lambda t: reworded(t, "true_regions")),
    ("wording/pooling", lambda t: reworded(t, "adaptive_pooling")),
    ("wording/binarised", lambda t: reworded(t, "thresholding")),
    ("wording/fourth-block", lambda t: reworded(t, "layer_choice")),
    ("wording/figure-5", lambda t: reworded(t, "figure_05_caption")),
    ("wording/batch", lambda t: reworded(t, "batch_size")),
    ("wording/names", lambda t: reworded(t, "figure_07_label")),
    ("references/duplicates", lambda t: cited(t, "printed", r15="One", r51="one")),
    ("references/uncited", lambda t: cited(t, "cited", r57="")),
    ("references/methods", lambda t: cited(t, "printed", r35="A bibliography")),
    (
        "references/measures",
        lambda t: {**t, "references": published_table("references")},
    ),
    ("localization/best", lambda t: edit(t, "14", 0.99, "iou", method="gradcam")),
]


def verdict_of(source, identifier, tables):
    check, names = source
    (finding,) = (f for f in check(*(tables[name] for name in names)) if f.id == identifier)
    assert bool(finding.reconciles) == (finding.verdict != CONSISTENT)
    return finding.verdict


@pytest.mark.parametrize(("identifier", "plant"), SLIPS, ids=[name for name, _ in SLIPS])
def test_a_planted_slip_is_caught(consistent, sources, identifier, plant):
    assert verdict_of(sources[identifier], identifier, plant(consistent)) != CONSISTENT


def test_words_are_judged_by_the_tables_beside_them(consistent, sources):
    """The same words are no contradiction beside tables that bear them out."""
    caption = reworded(consistent, "table_12_caption")
    unequal = edit(caption, "04", 50, "images", class_="normal")
    assert verdict_of(sources["counts/bach-imbalanced"], "counts/bach-imbalanced", unequal) == (
        CONSISTENT
    )
    smaller = edit(
        reworded(consistent, "adaptive_pooling"),
        "10",
        times(0.5),
        "parameters",
        network="dalaresnet50",
    )
    smaller = edit(smaller, "09", times(0.5), "parameters", network="dalaresnet50")
    assert verdict_of(sources["wording/pooling"], "wording/pooling", smaller) == CONSISTENT
    chosen = reworded(consistent, "layer_choice")
    other = edit(chosen, "02", plus(0.01), "accuracy", placement="layer4")
    assert verdict_of(sources["choice/layer-4"], "choice/layer-4", other) == CONSISTENT


def test_every_finding_has_its_slip(printed):
    assert {name for name, _ in SLIPS} == set(printed.index)


@pytest.mark.parametrize(
    ("gmean", "verdict"),
    [(0.801, CONSISTENT), (0.802, UNEXPLAINED), (0.803, IMPOSSIBLE)],
)
def test_rounding_and_cutting_are_no_contradiction(consistent, sources, gmean, verdict):
    """sqrt(0.800 x 0.800) is 0.7995 to 0.8005 if rounded, 0.799 to 0.801 if cut either way."""
    row = breakhis("vit")
    tables = edit(consistent, "11", 0.8, ["sensitivity", "specificity"], **row)
    tables = edit(tables, "07", gmean, "gmean", **row)
    identifier = "metrics/gmean-tables-VII-XI"
    assert verdict_of(sources[identifier], identifier, tables) == verdict


# --- the paper ---------------------------------------------------------------------------------


def test_verdicts_on_the_paper(printed):
    assert set(printed.index[printed["verdict"] == CONSISTENT]) == {
        "parameters/seresnet50",
        "parameters/dinov2_vitb14",
        "counts/totals",
        "counts/split",
        "metrics/f1-square-table-VIII",
        "metrics/means-of-two-table-VIII-mini_ddsm",
        "metrics/table-XI-prevalence",
        "duplicates/layer-4",
        "localization/dice-iou",
        "localization/f1-dice",
        "localization/precision",
        "localization/best",
    }
    assert set(printed.index[printed["verdict"] == IMPOSSIBLE]) == {
        "parameters/densenet121",
        "parameters/vgg16",
        "parameters/vit",
        "parameters/swin",
        "parameters/resnet50",
        "parameters/dalaresnet50",
        "parameters/head-growth",
        "counts/breakhis-text",
        "counts/bach-imbalanced",
        "counts/accuracy-table-VIII-bach",
        "counts/accuracy-table-VIII-mini_ddsm",
        "confusion/tables-VII-XI",
        "confusion/table-XI-alone",
        "confusion/f1-pairs-table-II",
        "confusion/f1-pairs-table-VII",
        "confusion/f1-tables-VII-XI",
        "metrics/gmean-tables-VII-XI",
        "metrics/iba-table-VII-squared",
        "metrics/iba-table-VIII",
        "multiclass/gmean-of-recalls-mini_ddsm",
        "multiclass/gmean-definitions",
        "multiclass/specificity-bach",
        "multiclass/specificity-mini_ddsm",
        "multiclass/two-class-matrices-bach",
        "multiclass/two-class-matrices-mini_ddsm",
        "multiclass/f1-pair-bach",
        "multiclass/f1-bound-bach",
        "auc/tables-II-XI",
        "auc/tables-II-VII",
        "duplicates/rows-table-XI",
        "timing/averages",
        "wording/pooling",
        "wording/binarised",
        "wording/figure-5",
    }


@pytest.mark.parametrize(
    ("identifier", "says"),
    [
        ("parameters/resnet50", "breakhis: torchvision resnet34 with its 1000-way head"),
        ("parameters/dalaresnet50", "breakhis: .* reduction 4 .*bach: .* reduction 16"),
        ("parameters/bach-linear-2048-4", "vgg16, vgg16_inception, swin, resnet50; .*: vit"),
        ("counts/breakhis-text", "2429 \\+ 5429 = 7858, printed total 7909; .* 2480 benign"),
        ("counts/accuracy-table-VIII-bach", "^0 of 9"),
        ("counts/accuracy-table-VIII-mini_ddsm", "^1 of 9"),
        ("confusion/tables-VII-XI", "^GMean = .*: 0 of 36 rows \\(rounded\\) or 0 \\(one unit\\)"),
        ("confusion/table-XI-alone", "^32 of 36 rows \\(rounded\\) or 35"),
        ("confusion/f1-pairs-table-II", "16 of 16 rows .* probability of all together 1e-10"),
        (
            "confusion/f1-pairs-table-VII",
            "40x, none: densenet121 at most 0.723 malignant, dalaresnet50 at least 0.735",
        ),
        ("metrics/gmean-tables-VII-XI", "^0 of 36 rows \\(rounded\\), 2 with one unit"),
        ("metrics/gmean-leads", "^baselines -0.0321 .*200x 0.0330 printed and 0.0175"),
        ("metrics/f1-square-table-VII", "in 36 of 36 rows"),
        ("metrics/iba-table-VII-squared", "at most 2 rows .* any class split: no alpha"),
        ("metrics/iba-table-VII-plain", "at most 19 rows .* 0.001 to 0.008"),
        ("metrics/iba-table-VIII", "above GMean in 9 of 18 rows"),
        ("metrics/iba-one-half", "2 of 54 rows: bach swin, bach dinov2_vitb14"),
        ("metrics/table-XII-from-accuracy", "^69 of 72 cells within 0.005"),
        ("multiclass/gmean-of-recalls-bach", "resnet50;.* 12 of the 120 .* probability 0.006"),
        ("multiclass/gmean-of-recalls-mini_ddsm", "105 of the 600 .* probability 9e-41"),
        ("multiclass/specificity-bach", "31 of the 120 .* probability 2e-13"),
        ("multiclass/specificity-mini_ddsm", "61 of the 600 .* probability 1e-09"),
        ("multiclass/two-class-matrices-bach", "^0 of 9 rows \\(rounded\\), 0 \\(one unit"),
        ("multiclass/two-class-matrices-mini_ddsm", "^2 of 9 rows \\(rounded\\), 5 \\(one"),
        ("multiclass/prevalence-bach", "from 0.7497 to 0.7505"),
        ("multiclass/prevalence-mini_ddsm", "from 0.6394 to 0.6406"),
        ("multiclass/macro-recall-bach", "0.788 / 0.781; to fit, 1 of the 120"),
        ("multiclass/f1-pair-bach", "0.189 \\(swin\\); to fit, 23 of the 120 .* 2e-06"),
        ("multiclass/f1-bound-bach", "vgg16_inception 0.864 > 0.765; .* probability 1e-12"),
        ("auc/tables-II-XI", "0.8896 to 0.9968; outside: breakhis_400x; .* no class split"),
        ("auc/tables-II-VII", "0.8924 to 0.9970; outside: breakhis_400x; .* probability"),
        ("timing/averages", "densenet121: printed 2347.49, mean 2374.49; the other 8 agree"),
        ("timing/shortest", "dinov2_vitb14 on breakhis_100x \\(2303.25 against 2319.50 s\\)"),
        ("duplicates/rows-table-XI", "breakhis_100x seresnet50 and vgg16 .* 1 matrix of 624"),
        ("duplicates/rows-table-XII", "mini_ddsm dinov2_vitb14 and resnet50"),
        ("localization/area", "42.2 to 49.7 % more than Grad-CAM .* p <= 0.651"),
        ("choice/layer-4", "^12 of 12 numbers"),
        ("wording/pooling", "\\+17.5 %"),
        ("wording/fourth-block", "^16 residual blocks; the fourth is in conv3_x"),
        ("references/duplicates", "^\\[6\\] = \\[25\\], \\[15\\] = \\[51\\]$"),
    ],
)
def test_results_on_the_paper(printed, identifier, says):
    assert re.search(says, printed.at[identifier, "result"])


def test_a_share_that_chance_explains_is_no_contradiction(printed):
    row = printed.loc["multiclass/prevalence-mini_ddsm"]
    assert row["verdict"] == UNEXPLAINED
    assert "6 of the 600 test images" in row["reconciles"]


def test_themes_and_columns(printed):
    findings = printed.reset_index()
    by_theme = themes(findings).set_index("theme")
    assert by_theme["findings"].sum() == len(findings)
    assert by_theme.at["localization", "verdict"] == UNEXPLAINED
    assert by_theme.at["auc", "verdict"] == IMPOSSIBLE
    assert column_findings("02", "auc_roc", findings) == ["auc/tables-II-XI", "auc/tables-II-VII"]
    assert "multiclass/specificity-bach" in column_findings(12, "specificity", findings)
    assert column_findings(14, "iou", findings) == []
    for row in findings.to_dict("records"):
        names = [published_table(table) for table in row["tables"].split()]
        known = set().union(*(table["metric"] for table in names)) if names else set()
        assert set(row["columns"].split()) <= known | {"images"}, row["id"]


# --- the arithmetic behind it ------------------------------------------------------------------


def test_search_finds_every_matrix_of_a_small_total():
    total, low, high = 9, 0.5, 0.8
    expected = {
        (tp, fn, fp, total - tp - fn - fp)
        for tp, fn, fp in product(range(total + 1), repeat=3)
        if tp + fn + fp <= total
        and 0 < tp + fn < total
        and low - 1e-9 <= (total - fn - fp) / total <= high + 1e-9
    }
    found = confusion_matrices(total, low, high)
    assert set(map(tuple, found.T.tolist())) == expected
    rates = matrices_with_rates(total, (0.4, 0.8), (0.3, 1.0))
    assert set(map(tuple, rates.T.tolist())) == {
        (tp, p - tp, total - p - tn, tn)
        for p in range(1, total)
        for tp, tn in product(range(p + 1), range(total - p + 1))
        if 0.4 <= tp / p <= 0.8 and tn / (total - p) >= 0.3
    }
    few = confusion_matrices(total, low, high, positives=(4,))
    assert set(map(tuple, few.T.tolist())) == {m for m in expected if m[0] + m[1] == 4}


def test_scores_are_those_of_the_libraries():
    rng = np.random.default_rng(1)
    for _ in range(20):
        matrix = random_matrix(rng, (20, 31)) + 1
        true, predicted = labels_of(matrix)
        (tn, fp), (fn, tp) = confusion_matrix(true, predicted)
        index = make_index_balanced_accuracy(alpha=0.1, squared=True)(geometric_mean_score)
        expected = {
            "accuracy": accuracy_score(true, predicted),
            "sensitivity": recall_score(true, predicted),
            "specificity": recall_score(true, predicted, pos_label=0),
            "ppv": precision_score(true, predicted),
            "npv": precision_score(true, predicted, pos_label=0),
            "balanced_accuracy": balanced_accuracy_score(true, predicted),
            "gmean": geometric_mean_score(true, predicted, average="binary"),
            "gmean_weighted": geometric_mean_score(true, predicted, average="weighted"),
            "iba": index(true, predicted, average="binary"),
            "f1_malignant": f1_score(true, predicted),
            "f1_benign": f1_score(true, predicted, pos_label=0),
            "f1_macro": f1_score(true, predicted, average="macro"),
            "f1_weighted": f1_score(true, predicted, average="weighted"),
        }
        assert set(expected) == set(SCORES)
        cells = [np.array([cell]) for cell in (tp, fn, fp, tn)]
        for name, value in expected.items():
            assert SCORES[name](*cells)[0] == pytest.approx(value), name


def test_recall_ranges_are_those_of_all_ways_to_be_right():
    counts = np.array([[3, 4, 2], [1, 1, 7]])
    for which, sizes in enumerate(counts):
        ways = np.array(list(product(*(range(size + 1) for size in sizes))))
        for correct in range(10):
            recalls = ways[ways.sum(axis=1) == correct] / sizes
            means = recalls.prod(axis=1) ** (1 / 3)
            low, high = (bound[which] for bound in recall_gmean_range(counts, correct, correct))
            assert low == pytest.approx(means.min())
            assert means.max() - 1e-12 <= high  # whole images are not demanded ...
            low, high = (
                bound[which] for bound in macro_recall_range(counts, correct / 9, correct / 9)
            )
            assert low == pytest.approx(recalls.mean(axis=1).min())
            assert high == pytest.approx(recalls.mean(axis=1).max())
    sizes = np.array([12, 20, 28])  # ... which matters little with more of them
    ways = np.array(list(product(*(range(size + 1) for size in sizes))))
    for correct in (30, 45, 55):
        most = ((ways[ways.sum(axis=1) == correct] / sizes).prod(axis=1) ** (1 / 3)).max()
        assert recall_gmean_range(sizes[None], correct, correct)[1] == pytest.approx(most, abs=1e-2)


def test_no_matrix_has_a_greater_macro_f1_than_the_bound():
    sizes = (2, 3, 3)
    rows = [
        [row for row in product(range(size + 1), repeat=3) if sum(row) == size] for size in sizes
    ]
    best = {}
    for matrix in map(np.array, product(*rows)):
        right, found = np.diag(matrix), matrix.sum(axis=0)
        f1 = (2 * right / (np.array(sizes) + found)).mean()
        best[right.sum()] = max(f1, best.get(right.sum(), 0))
    for right, f1 in best.items():
        bound = largest_macro_f1(np.array([sizes]), right / 8)[0]
        assert f1 - 1e-6 <= bound <= f1 + 0.15


def test_specificity_of_random_matrices_lies_in_its_range():
    rng = np.random.default_rng(2)
    for sizes in ((30, 30, 30, 30), (150, 210, 240), (5, 55, 60)):
        for _ in range(50):
            matrix = random_matrix(rng, sizes)
            each = matrix.sum() - matrix.sum(axis=0) - matrix.sum(axis=1) + np.diag(matrix)
            each = each / (matrix.sum() - np.array(sizes))
            ranges = specificity_range(np.array([sizes]), np.trace(matrix) / matrix.sum())
            weighted = np.average(each, weights=sizes)
            assert ranges["macro"][0][0] - 1e-9 <= each.mean() <= ranges["macro"][1][0] + 1e-9
            assert ranges["weighted"][0][0] - 1e-9 <= weighted <= ranges["weighted"][1][0] + 1e-9


def test_dominance_of_several_classes_is_never_positive():
    """What metrics/iba-table-VIII rests on, on random matrices of any class sizes."""
    rng = np.random.default_rng(3)
    for _ in range(300):
        sizes = rng.integers(1, 40, rng.integers(3, 5))
        matrix = random_matrix(rng, sizes)
        total, right = matrix.sum(), np.diag(matrix)
        recalls = right / sizes
        each = 1 - (matrix.sum(axis=0) - right) / (total - sizes)
        assert recalls.mean() - each.mean() <= 1e-12
        if sizes.max() <= total / 2:
            assert np.average(recalls, weights=sizes) - np.average(each, weights=sizes) <= 1e-12


def test_splits_have_the_probabilities_of_a_draw():
    splits = class_splits([7, 4, 9], 6)
    assert splits.probability.sum() == pytest.approx(1)
    for counts, probability in zip(splits.counts, splits.probability, strict=True):
        assert probability == pytest.approx(multivariate_hypergeom([7, 4, 9], 6).pmf(counts))
    equal = class_splits([5, 5, 5], 6)  # each split once, whatever the order of the classes
    assert equal.probability.sum() == pytest.approx(1)
    assert len(equal.counts) == len({tuple(sorted(counts)) for counts in equal.counts.tolist()})
    assert equal.moved.min() == 0
    found = escape(splits, splits.counts[:, 0] >= 5)
    assert found.probability == pytest.approx(hypergeom(20, 7, 6).sf(4))
    assert found.moved == pytest.approx(5 - 6 * 7 / 20)
    assert describe(escape(splits, np.zeros(len(splits.counts), bool)), 6).startswith("no class")
    assert weigh(True, found) == CONSISTENT
    assert weigh(False, found) == UNEXPLAINED
    assert weigh(False, found._replace(probability=0.9e-4)) == IMPOSSIBLE


def test_area_range_is_that_of_all_rankings():
    tp, fn, fp, tn = 3, 1, 1, 2
    above, below = [1] * tp + [0] * fp, [1] * fn + [0] * tn
    areas = [
        roc_auc_score(order, np.arange(7, 0, -1))
        for order in ([*a, *b] for a in permutations(above) for b in permutations(below))
    ]
    found = area_range(np.array([[tp], [fn], [fp], [tn]]))
    assert found == pytest.approx((min(areas), max(areas)))


def test_chance_of_equal_rates_is_that_of_a_simulation():
    rng = np.random.default_rng(4)
    right = rng.binomial(411, 0.9, 200_000) / 411 - rng.binomial(188, 0.9, 200_000) / 188
    simulated = (abs(right) <= 0.004).mean()
    assert equal_rates(411, 599, 0.9, 0.004) == pytest.approx(simulated, abs=0.005)


def test_prevalence_range_holds_the_prevalence(consistent):
    implied = prevalence_range(by_row(consistent["11"]), tolerances(consistent["11"]))
    malignant = malignant_in_test(consistent["03"], consistent["06"])
    tests = consistent["06"].query("part == 'test'").set_index("dataset")["value"]
    for (dataset, _), (low, high) in implied.iterrows():
        assert low <= malignant[dataset][0] / tests[dataset] <= high
    assert (implied["high"] - implied["low"]).max() < 0.05


def test_gate_counts():
    def gate(reduction):
        inner = 2048 // reduction
        return 2048 * inner + inner + inner * 2048 + 2048

    trunk = 23_508_032  # a ResNet50 without its last layer
    assert count_parameters("dalaresnet50", 2, reduction=4) == trunk + gate(4) + 2 * 2049
    assert count_parameters("dalaresnet50", 3, reduction=16) == trunk + gate(16) + 3 * 2049


def test_multiply_adds_are_the_well_known_ones():
    assert gmacs("vgg16") == pytest.approx(15.47, abs=0.02)
    assert gmacs("resnet50") == pytest.approx(4.09, abs=0.02)
    assert gmacs("resnet50", "counted") == pytest.approx(3.66, abs=0.02)
    assert gmacs("densenet121") == pytest.approx(2.83, abs=0.03)


# --- writing -----------------------------------------------------------------------------------


def test_files_are_whole_and_repeatable(tmp_path, printed):
    write_audit(tmp_path / "audit.csv")
    table = pd.read_csv(tmp_path / "audit.csv", keep_default_na=False)
    assert table.equals(printed.reset_index())
    assert (tmp_path / "audit.md").read_text() == audit_page(printed.reset_index())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.csv", "audit.md"]


def test_page_has_every_finding_and_its_link(printed):
    page = audit_page(printed.reset_index())
    for name in printed.index:
        assert f"\n## {name}\n" in page
        assert f"[{name}](#" in page
