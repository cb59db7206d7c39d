"""What the paper prints beside what its other numbers allow: each row follows its tables."""

import pandas as pd
import pytest
from conftest import ROOT

from paper_code.audit.printed import Printed
from paper_code.published import published_table
from paper_code.reporting.claims.evidence import ALLOWED, PRINTED, evidence
from paper_code.reporting.figures.evidence import TABLES, draw

ROWS = {  # computed with other code from the printed tables
    "ResNet50, 21,797,672 parameters": "ResNet-34: 21,797,672; ResNet50: 23,512,130",
    "one DALAResNet50": "reduction 4 (BreakHis); reduction 16 (Mini-DDSM, BACH)",
    "specificity of ViT at 40X, 0.835": "0.60 to 0.63",
    "AUC at 400X, 0.999": "at most 0.997",
    "accuracy of ViT on BACH, 0.746 of 120 images": "89.5 images",
    "GMean of DALAResNet50 on Mini-DDSM, 0.851": "at most 0.823",
}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return evidence()


def test_six_printed_numbers_that_others_exclude(rows):
    assert len(rows) == len(ROWS)
    for (printed, allowed), row in zip(ROWS.items(), rows.itertuples(index=False), strict=True):
        assert row[0].startswith(printed), row
        assert allowed in row[1], row


def changed(table: str, value: str, **keys: str) -> Printed:
    """The printed tables with another text in one cell."""
    rows = published_table(table)
    cell = pd.concat([rows[name] == key for name, key in keys.items()], axis=1).all(axis=1)
    assert cell.sum() == 1
    rows.loc[cell, "printed"] = value
    rows.loc[cell, "value"] = float(value)
    return Printed({table: rows})


@pytest.mark.parametrize(
    ("table", "value", "keys", "printed", "allowed"),
    [
        ("09", "23512130", {"network": "resnet50", "metric": "parameters"}, "ResNet50, ", None),
        (
            "08",
            "0.860",
            {"dataset": "mini_ddsm", "network": "dalaresnet50", "metric": "gmean"},
            "GMean of DALAResNet50 on Mini-DDSM, 0.860",
            "at most 0.823",
        ),
        (
            "08",
            "0.820",
            {"dataset": "mini_ddsm", "network": "dalaresnet50", "metric": "gmean"},
            "GMean",
            None,
        ),
        (
            "02",
            "0.996",
            {"dataset": "breakhis_400x", "placement": "layer4", "metric": "auc_roc"},
            "AUC",
            None,
        ),
    ],
)
def test_a_row_follows_its_numbers_and_goes_where_they_agree(table, value, keys, printed, allowed):
    rows = evidence(changed(table, value, **keys))
    found = rows[rows[PRINTED].str.startswith(printed)]
    assert len(found) == (allowed is not None)
    if allowed:
        assert allowed in found[ALLOWED].iloc[0]


def test_the_figure_is_drawn_from_three_tables(tmp_path):
    paths = []
    for name in TABLES:
        source = pd.read_csv(ROOT / "tables" / f"{name}.csv")
        paths.append(tmp_path / f"{name}.csv")
        source.to_csv(paths[-1], index=False)
    draw(str(tmp_path / "one.png"), tables=[str(path) for path in paths])
    assert (tmp_path / "one.pdf").is_file()
    before = (tmp_path / "one.png").read_bytes()
    pd.read_csv(paths[2]).assign(known=0.99).to_csv(paths[2], index=False)
    draw(str(tmp_path / "one.png"), tables=[str(path) for path in paths])
    assert (tmp_path / "one.png").read_bytes() != before
