"""Tables VII and XI side by side: the matrices behind both by enumeration, page and figure."""

from math import sqrt

import pandas as pd
import pytest
from conftest import from_catalogue

from paper_code.errors import UserError

# Malignant test images, accuracy and GMean of Table VII, the four rates of Table XI.
ROWS = {
    ("breakhis_40x", "resnet50"): (411, 599, 0.927, 0.914, (0.927, 0.926, 0.965, 0.853)),
    ("breakhis_40x", "dalaresnet50"): (411, 599, 0.985, 0.980, (0.985, 0.984, 0.993, 0.969)),
    ("breakhis_100x", "resnet50"): (431, 624, 0.944, 0.922, (0.944, 0.943, 0.974, 0.883)),
    ("breakhis_40x", "vit"): (411, 599, 0.835, 0.767, (0.835, 0.835, 0.917, 0.698)),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The CSV of the table."""
    output = tmp_path_factory.mktemp("tables") / "implied_specificity.csv"
    from_catalogue("table", "implied_specificity").write(str(output))
    return output


def near(value, printed):
    return abs(value - printed) <= 0.001 + 1e-9


def matrices(positive, total):
    """Every matrix with these classes: TP, FN, FP, TN."""
    for tp in range(1, positive + 1):
        for tn in range(1, total - positive + 1):
            yield tp, positive - tp, total - positive - tn, tn


@pytest.mark.parametrize("key", ROWS)
def test_matrices_of_both_tables(made, key):
    positive, total, accuracy, gmean, rates = ROWS[key]
    share = positive / total
    plain, weighted, other = [], [], []
    for tp, fn, fp, tn in matrices(positive, total):
        sens, spec, right = tp / positive, tn / (total - positive), (tp + tn) / total
        name = f"{tp}/{fn}/{fp}/{tn}"
        if near(right, accuracy):
            averaged = sqrt(right * (share * spec + (1 - share) * sens))
            plain += [name] * near(sqrt(sens * spec), gmean)
            weighted += [name] * near(averaged, gmean)
        if all(map(near, (sens, spec, tp / (tp + fp), tn / (tn + fn)), rates)):
            other.append(name)
    row = pd.read_csv(made).set_index(["dataset", "network"]).loc[key]
    assert row["malignant"] == positive and not row["shared"]
    for column, names in (("07_gmean", plain), ("07_weighted", weighted), ("11", other)):
        assert sorted(row[f"matrices_{column}"].split("; ")) == sorted(names)
    allowed = [int(n.split("/")[3]) / (total - positive) for n in plain + weighted]
    assert (row["low"], row["high"]) == pytest.approx((min(allowed), max(allowed)), abs=1e-6)


def test_page_and_figure(made, tmp_path):
    table, page = pd.read_csv(made), made.with_suffix(".md").read_text()
    assert len(table) == 36 and not table["shared"].any()
    assert "in 32 of 32 rows of the baselines, by 0.021 to 0.202 (median 0.108)" in page
    assert "| BreakHis 40X | ResNet50 | 389/22/22/166 |" in page
    draw = from_catalogue("figure", "implied_specificity").draw
    draw(str(tmp_path / "figure.png"), tables=[str(made)])
    assert (tmp_path / "figure.pdf").stat().st_size > 5000
    table.iloc[:0].to_csv(tmp_path / "empty.csv", index=False)
    with pytest.raises(UserError, match=r"empty\.csv: no rows"):
        draw(str(tmp_path / "none.png"), tables=[str(tmp_path / "empty.csv")])
