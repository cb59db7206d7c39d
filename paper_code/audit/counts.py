"""Numbers of images: the text, Tables III to VI, and the accuracies those numbers allow."""

import numpy as np
import pandas as pd

from paper_code.audit.finding import check, exclude, finding, judge, listed
from paper_code.audit.matrices import UNITS, meets
from paper_code.audit.printed import Printed, Rows

SHARES = {"train": 0.6, "val": 0.1, "test": 0.3}
MOST_RUNS = 99


@check
def text_against_table(printed: Printed):
    """BreakHis in the text (Section IV-B) against the sums of Table III."""
    text = printed["text"]
    said = text[text["dataset"] == "breakhis"].set_index("metric")["value"].astype(int)
    table = {
        kind: sum(sizes[kind] for name, sizes in printed.classes.items() if "breakhis" in name)
        for kind in ("benign", "malignant")
    }
    parts = {"benign": said["benign_images"], "malignant": said["malignant_images"]}
    total, added = said["images"], sum(parts.values())
    judgement = exclude(added != total or table != parts)
    yield finding(
        "counts/breakhis-text", judgement, said=parts, table=table, total=total, sum=added
    )


@check
def table_totals(printed: Printed):
    """Printed totals against the sums of their classes and of their parts."""
    totals = pd.concat([printed[name] for name in ("03", "04", "05")])
    totals = totals[(totals["class"] == "total") & (totals["metric"] == "images")]
    totals = totals.set_index("dataset")["value"]
    wrong = [
        dataset
        for dataset, sizes in printed.parts.items()
        if not (
            totals[dataset]
            == sizes["total"]
            == sum(sizes[name] for name in SHARES)
            == sum(printed.classes[dataset].values())
        )
    ]
    yield finding("counts/totals", exclude(bool(wrong)), wrong=listed(wrong))


@check
def split_ratio(printed: Printed):
    """Table VI against a 6:1:3 split."""
    wrong = [
        (dataset, part)
        for dataset, sizes in printed.parts.items()
        for part, share in SHARES.items()
        if abs(sizes[part] - share * sizes["total"]) >= 1
    ]
    yield finding("counts/split", exclude(bool(wrong)), wrong=listed(wrong))


@check
def accuracies_as_counts(printed: Printed):
    """Whether some number of right test images gives each printed accuracy."""
    for table in ("II", "VII", "VIII"):
        rows = printed.rows(table)
        archive = rows.values.index.get_level_values("dataset").str.replace(
            r"_\d+x", "", regex=True
        )
        for family in archive.unique():
            group = rows.only(archive == family)
            fits = [shares_of(group, printed.parts, unit) for unit in UNITS]
            names = group.values.index.unique("dataset")
            runs = [f"{name} {_fewest_runs(group.of(name), printed.parts)}" for name in names]
            yield finding(
                "counts/accuracy-table-{table}-{family}",
                judge(*fits),
                table=table,
                family=family,
                sizes=", ".join(f"{name} {printed.parts[name]['test']}" for name in names),
                runs=", ".join(runs),
            )


def shares_of(rows: Rows, parts: dict[str, dict[str, int]], unit: int = 1, runs: int = 1):
    """Which printed accuracies are whole numbers of right images, over so many equal runs: bool."""
    images = np.array([runs * parts[row.key[0]]["test"] for row in rows])
    nearest = np.rint(rows["accuracy"] * images) / images
    return meets((nearest, nearest), rows.bounds("accuracy", unit))


def _fewest_runs(rows: Rows, parts: dict[str, dict[str, int]]) -> str:
    """Fewest equal runs whose mean accuracies include all printed ones."""
    enough = (n for n in range(1, MOST_RUNS + 1) if shares_of(rows, parts, runs=n).all())
    return str(next(enough, f"over {MOST_RUNS}"))
