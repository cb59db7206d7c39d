"""What the paper prints beside what its other numbers allow: each row follows its tables."""

import shutil

import pandas as pd
import pytest
from conftest import ROOT, from_catalogue

from paper_code.audit.printed import Printed
from paper_code.published import published_table
from paper_code.reporting.claims.evidence import ALLOWED, FIGURE_TABLES, PRINTED, evidence
from paper_code.reporting.markdown import read_results

ROWS = {  # computed with other code from the printed tables
    "ResNet50, 21,797,672 parameters": "ResNet-34 with 1,000 outputs: 21,797,672; ResNet50: 23,5",
    "one DALAResNet50": "gate reduction 4 (BreakHis), 16 (Mini-DDSM, BACH)",
    "specificity of ViT at 40X, 0.835": "0.60 to 0.63",
    "AUC at 400X, 0.999": "at most 0.997",
    "accuracy of ViT on BACH, 0.746 of 120 images": "89.5 images",
    "GMean of DALAResNet50 on Mini-DDSM, 0.851": "at most 0.823",
}


NAMES = ("table_09_breakhis_cost", "implied_specificity")


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return {name: read_results(ROOT / "tables" / f"{name}.csv") for name in NAMES}


def test_six_printed_numbers_that_others_exclude(tables):
    rows = evidence(tables)
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


GMEAN = {"dataset": "mini_ddsm", "network": "dalaresnet50", "metric": "gmean"}
TOTAL = {"network": "dalaresnet50", "metric": "parameters"}
AUC = {"dataset": "breakhis_400x", "placement": "layer4", "metric": "auc_roc"}


@pytest.mark.parametrize(
    ("table", "value", "keys", "printed", "allowed"),
    [
        ("09", "24038594", TOTAL, "one DALA", []),
        ("08", "0.860", GMEAN, "GMean of DALAResNet50 on Mini-DDSM, 0.860", ["at most 0.823"]),
        ("08", "0.820", GMEAN, "GMean", []),
        ("02", "0.996", AUC, "AUC", []),
    ],
)
def test_a_row_follows_its_numbers_and_goes_where_they_agree(
    table, value, keys, printed, allowed, tables
):
    rows = evidence(tables, changed(table, value, **keys))
    found = rows.loc[rows[PRINTED].str.startswith(printed), ALLOWED]
    assert [text.partition(",")[0] for text in found] == allowed


def test_rows_of_tables_follow_them(tables):
    sizes, implied = tables.values()
    sizes.loc[(sizes["network"] == "resnet50"), ["value", "printed"]] = 23512130
    implied.loc[implied["network"] == "vit", "difference"] = 0
    rows = evidence(tables)
    assert not rows[PRINTED].str.contains("ResNet50, ").any()
    assert rows[PRINTED].str.startswith("specificity of Swin-Transformer at 400X").sum() == 1
    implied["difference"] = 0
    assert not evidence(tables)[PRINTED].str.startswith("specificity").any()
    assert len(evidence({})) == 3


def test_the_figure_is_drawn_from_three_tables(tmp_path):
    paths = [tmp_path / f"{name}.csv" for name in FIGURE_TABLES]
    for path in paths:
        shutil.copy(ROOT / "tables" / path.name, path)
    draw, pictures = from_catalogue("figure", "evidence").draw, []
    for _ in range(2):
        draw(str(tmp_path / "one.png"), tables=[str(path) for path in paths])
        pictures.append((tmp_path / "one.png").read_bytes())
        pd.read_csv(paths[2]).assign(known=0.99).to_csv(paths[2], index=False)
    assert (tmp_path / "one.pdf").is_file() and pictures[0] != pictures[1]
