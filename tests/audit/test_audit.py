"""The audit: consistent tables pass clean, every kind of slip is caught, its bounds are bounds."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from paper_code.audit import audit_page, column_findings, themes
from paper_code.audit.costs import count_parameters
from paper_code.audit.finding import ABSENT, CHECKS, CONSISTENT, IMPOSSIBLE, UNEXPLAINED, texts
from paper_code.audit.multiclass import largest_macro_f1
from paper_code.audit.printed import Printed
from paper_code.audit.report import write as write_audit
from paper_code.audit.words import METHODS
from paper_code.metrics import classification_metrics
from paper_code.networks.structure import gmacs
from paper_code.published import TABLES, published_table

CLEAN = {CONSISTENT, ABSENT}
# Words that agree with the tables and with each other, in place of the printed ones.
TRUE_WORDS = {
    "adaptive_pooling": "adaptive average pooling, which has no parameters",
    "two_layers": "incorporates an attention module",
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


# --- tables that come from real confusion matrices, networks, times and masks ---------------------


def random_matrix(rng, sizes):
    rows = []
    for label, size in enumerate(sizes):
        recall = rng.uniform(0.6, 0.97)
        chance = (1 - recall) * rng.dirichlet(np.ones(len(sizes)))
        chance[label] += recall
        rows.append(rng.multinomial(size, chance / chance.sum()))
    return np.array(rows)


def scores_of(matrix):
    """All numbers of Tables II, VII, VIII, XI and XII."""
    labels = (np.repeat(index.ravel(), matrix.ravel()) for index in np.indices(matrix.shape))
    true, predicted = labels
    scores = classification_metrics(true, np.eye(len(matrix))[predicted])
    return scores | {"f1_first": scores["f1_macro"], "f1_second": scores["f1_weighted"]}


def fill(table, values, digits):
    """The published table with `values[row key][metric]` printed in place of its numbers."""
    keys = [k for k in table.columns if k not in ("table", "metric", "printed", "value")]
    digits = table["metric"].map({"parameters": 0}).fillna(digits).astype(int)
    printed = [
        f"{values[tuple(row[k] for k in keys)][row['metric']]:.{count}f}"
        for row, count in zip(table.to_dict("records"), digits, strict=True)
    ]
    return table.assign(printed=printed, value=[float(text) for text in printed])


@pytest.fixture(scope="module")
def consistent():
    """Every audited table, none of it from the paper except data set sizes."""
    rng = np.random.default_rng(0)
    tables = {name: published_table(name) for name in TABLES}
    slip = tables["text"]["metric"] == "benign_images"
    tables["text"] = tables["text"].assign(value=tables["text"]["value"].mask(slip, 2480.0))
    quotes = tables["quotes"].set_index("metric")["printed"].to_dict()
    tables["quotes"] = tables["quotes"].assign(printed=list((quotes | TRUE_WORDS).values()))
    titles = tables["references"]["subject"].map(METHODS).fillna("On metrics")
    titles += ", number " + tables["references"]["reference"]
    tables["references"] = tables["references"].assign(printed=titles, cited="I")

    networks = list(dict.fromkeys(tables["07"]["network"]))
    part = tables["06"].set_index(["dataset", "part"])["value"].astype(int)
    sizes = {d: test.counts[test.exact][0] for d, test in Printed().tests.items()}
    found = {(d, n): random_matrix(rng, sizes[d]) for d in sizes for n in networks}
    for name in ("07", "08", "11", "12"):
        tables[name] = fill(tables[name], {k: scores_of(m) for k, m in found.items()}, 3)
    magnifications = [d for d in sizes if d.startswith("breakhis")]
    placed = {
        (d, f"layer{i}"): found[d, "dalaresnet50"] if i == 4 else random_matrix(rng, sizes[d])
        for d, i in product(magnifications, (1, 2, 3, 4))
    }
    tables["02"] = fill(tables["02"], {k: scores_of(m) for k, m in placed.items()}, 3)

    costs = {}
    for n in networks:
        # a floor below which a machine is never busy, so that a light network need not be faster
        seconds = 1e-2 * max(5.0, gmacs(n)) if n != "vgg16_inception" else 0.2
        reduction = 16 if n == "dalaresnet50" else None
        for d, classes in (("breakhis", 2), ("mini_ddsm", 3), ("bach", 4)):
            costs[d, n] = {"parameters": count_parameters(n, classes, reduction=reduction)}
        for d in sizes:
            time = round(50 * part[d, "train"] * seconds, 2)
            costs.setdefault((d, n), {})["convergence_time_s"] = time
            costs[d, n]["average_time_s"] = time
        times = [costs[d, n]["convergence_time_s"] for d in magnifications]
        costs["breakhis", n]["average_time_s"] = np.mean(times)
    tables["09"], tables["10"] = fill(tables["09"], costs, 2), fill(tables["10"], costs, 2)

    maps = {}
    methods = ("gradcam", "scorecam", "eigencam", "dt_gradcam")
    for dataset, (rank, method) in product(magnifications, enumerate(methods)):
        masks = np.arange(100)[None] < rng.integers(60, 80, 50)[:, None]
        marked = np.roll(masks, 30 - 8 * rank, axis=1)
        both = (masks & marked).sum(axis=1)
        dice = (2 * both / (masks.sum(axis=1) + marked.sum(axis=1))).mean()
        iou, recall = (
            (both / (masks | marked).sum(axis=1)).mean(),
            (both / masks.sum(axis=1)).mean(),
        )
        maps[dataset, method] = {"iou": iou, "dice": dice, "recall": recall, "f1": dice}
    tables["14"] = fill(tables["14"], maps, 4)
    return tables


@pytest.fixture(scope="module")
def checked(consistent):
    """What each check finds on the consistent tables: {id: (check, finding)}."""
    printed = Printed(consistent)
    return {found["id"]: (check, found) for check in CHECKS for found in check(printed)}


def test_consistent_tables_pass_clean(checked, printed):
    assert set(checked) == set(printed.index)
    found = [finding for _, finding in checked.values()]
    assert {f["id"]: f["result"] for f in found if f["verdict"] not in CLEAN} == {}
    assert not any(finding["reconciles"] for finding in found) and all(f["reason"] for f in found)
    absent = {f["id"].partition("-table")[0] for f in found if f["verdict"] == ABSENT}
    assert absent == {
        "parameters/bach-linear-2048-4",
        "metrics/f1-square",
        "metrics/means-of-two",
        "metrics/iba-one-half",
        "metrics/table-XI-from-accuracy",
        "metrics/table-XII-from-accuracy",
        "duplicates/rows",
        "duplicates/bach-mini-ddsm",
    }


# --- slips planted in the consistent tables -------------------------------------------------------


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


def reworded(tables, name):
    """Print the paper's own words again in place of the true ones."""
    quotes, printed = tables["quotes"], published_table("quotes")
    pick = quotes["metric"] == name
    assert pick.sum() == 1
    words = quotes["printed"].mask(pick, printed["printed"])
    return {**tables, "quotes": quotes.assign(printed=words)}


def plus(amount):
    return lambda value: value + amount


def times(factor):
    return lambda value: value * factor


VIT, BACH = ({"dataset": d, "network": "vit"} for d in ("breakhis_100x", "bach"))
MINI, LAYER4, GRADCAM = {"dataset": "mini_ddsm"}, {"placement": "layer4"}, {"method": "gradcam"}
# One slip each: table, change, metric, rows. First the findings that are clean on the paper.
SLIPS = {
    "parameters/seresnet50": ("09", plus(1), "parameters", {"network": "seresnet50"}),
    "parameters/dinov2_vitb14": ("10", plus(1), "parameters", {"network": "dinov2_vitb14"}),
    "counts/totals": ("03", plus(1), "images", {"dataset": "breakhis_40x", "class_": "benign"}),
    "counts/split": ("06", plus(5), None, {"dataset": "bach", "part": "test"}),
    "metrics/f1-square-table-VIII": ("08", 1.0, ["f1_first", "f1_second"], {}),
    "metrics/means-of-two-table-VIII-mini_ddsm": ("08", 0.7, ["accuracy", "iba", "gmean"], MINI),
    "metrics/table-XI-prevalence": ("11", plus(0.05), "npv", VIT),
    "duplicates/layer-4": ("02", plus(0.01), "accuracy", LAYER4),
    "localization/dice-iou": ("14", plus(0.05), "dice", GRADCAM),
    "localization/f1-dice": ("14", plus(0.01), "f1", GRADCAM),
    "localization/precision": ("14", times(0.5), "recall", GRADCAM),
    "localization/best": ("14", 0.99, "iou", GRADCAM),
    # then those of a column without a formula
    "metrics/iba-table-VII-squared": ("07", 0.98, "iba", VIT),
    "metrics/iba-table-VIII": ("08", 0.98, "iba", BACH),
    "metrics/iba-tables-VII-VIII": ("08", 0.98, "iba", BACH),
}


def found(checked, identifier, tables):
    check, _ = checked[identifier]
    (finding,) = (f for f in check(Printed(tables)) if f["id"] == identifier)
    assert bool(finding["reconciles"]) == (finding["verdict"] not in CLEAN)
    return finding["verdict"]


@pytest.mark.parametrize("identifier", SLIPS)
def test_a_planted_slip_is_caught(consistent, checked, identifier):
    table, change, metric, where = SLIPS[identifier]
    assert found(checked, identifier, edit(consistent, table, change, metric, **where)) not in CLEAN


def test_every_check_can_pass_and_can_fail(printed):
    """All pass on the consistent tables; those that pass on the paper too have a slip above."""
    clean = printed.index[printed["verdict"].isin(CLEAN)]
    assert set(clean) <= set(SLIPS) <= set(printed.index)


def test_words_are_judged_by_the_tables_beside_them(consistent, checked):
    """The same words are no contradiction beside tables that bear them out."""
    caption = edit(reworded(consistent, "table_12_caption"), "04", 50, "images", class_="normal")
    assert found(checked, "counts/bach-imbalanced", caption) == CONSISTENT
    smaller = reworded(consistent, "adaptive_pooling")
    for table in ("09", "10"):
        smaller = edit(smaller, table, times(0.5), "parameters", network="dalaresnet50")
    assert found(checked, "wording/pooling", smaller) == CONSISTENT
    other = reworded(consistent, "layer_choice")
    other = edit(other, "02", plus(0.01), "accuracy", placement="layer4")
    assert found(checked, "choice/layer-4", other) == CONSISTENT


@pytest.mark.parametrize(
    ("gmean", "verdict"),
    [(0.801, CONSISTENT), (0.802, UNEXPLAINED), (0.803, IMPOSSIBLE)],
)
def test_rounding_and_cutting_are_no_contradiction(consistent, checked, gmean, verdict):
    """sqrt(0.800 x 0.800) is 0.7995 to 0.8005 if rounded, 0.799 to 0.801 if cut either way."""
    tables = edit(consistent, "11", 0.8, ["sensitivity", "specificity"], **VIT)
    tables = edit(tables, "07", gmean, "gmean", **VIT)
    assert found(checked, "metrics/gmean-tables-VII-XI", tables) == verdict


# --- the arithmetic behind it ---------------------------------------------------------------------


def test_no_matrix_has_a_greater_macro_f1_than_the_bound():
    sizes, best = (2, 3, 3), {}
    rows = [[r for r in product(range(size + 1), repeat=3) if sum(r) == size] for size in sizes]
    for matrix in map(np.array, product(*rows)):
        right, found = np.diag(matrix), matrix.sum(axis=0)
        f1 = (2 * right / (np.array(sizes) + found)).mean()
        best[right.sum()] = max(f1, best.get(right.sum(), 0))
    for right, f1 in best.items():
        bound = largest_macro_f1(np.array([sizes]), right / 8)[0]
        assert f1 - 1e-6 <= bound <= f1 + 0.15


# --- the report -----------------------------------------------------------------------------------


def test_themes_and_columns(printed):
    findings = printed.reset_index()
    by_theme = themes(findings).set_index("theme")
    assert list(by_theme.index) == list(texts()["themes"])
    impossible = by_theme[by_theme["verdict"] == IMPOSSIBLE]
    assert impossible["kind"].value_counts().to_dict() == {"substantive": 9, "slip": 4}
    assert (findings["kind"] == by_theme.loc[findings["theme"], "kind"].array).all()
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


def test_files_are_whole(tmp_path, printed, monkeypatch):
    monkeypatch.setattr("paper_code.audit.report.run_audit", printed.reset_index)
    write_audit(tmp_path / "audit.csv")
    table = pd.read_csv(tmp_path / "audit.csv", keep_default_na=False)
    assert table.equals(printed.reset_index())
    page = (tmp_path / "audit.md").read_text()
    assert page == audit_page(printed.reset_index())
    assert all(f"\n## {name}\n" in page and f"[{name}](#" in page for name in printed.index)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.csv", "audit.md"]
