"""Numbers of images: the text, Tables III to VI, and the accuracies those numbers allow."""

import numpy as np
import pandas as pd

from paper_code.audit.finding import (
    CONSISTENT,
    EXACT,
    IMPOSSIBLE,
    ROUNDING_OR_CUT,
    Finding,
    agrees,
    by_row,
    judge,
    listed,
    tolerances,
)

ROMAN = {"Table II": "02", "Table VII": "07", "Table VIII": "08"}  # as `published_table` has them


def class_sizes(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Images per class of each data set of Tables III, IV or V, without the printed totals."""
    images = table[(table["metric"] == "images") & (table["class"] != "total")]
    return {
        dataset: dict(zip(rows["class"], rows["value"].astype(int), strict=True))
        for dataset, rows in images.groupby("dataset", sort=False)
    }


def part_sizes(table_06: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Images per part of each data set of Table VI; `total` is the printed one."""
    return {
        dataset: dict(zip(rows["part"], rows["value"].astype(int), strict=True))
        for dataset, rows in table_06.groupby("dataset", sort=False)
    }


def text_against_table(text: pd.DataFrame, table_03: pd.DataFrame) -> list[Finding]:
    """BreakHis in the text (Section IV-B) against the sums of Table III."""
    said = text[text["dataset"] == "breakhis"].set_index("metric")["value"].astype(int)
    sizes = pd.DataFrame(class_sizes(table_03)).sum(axis=1)
    benign, malignant, total = (said[m] for m in ("benign_images", "malignant_images", "images"))
    agree = benign + malignant == total and sizes.to_dict() == {
        "benign": benign,
        "malignant": malignant,
    }
    return [
        Finding(
            id="counts/breakhis-text",
            theme="image-counts",
            tables="03",
            columns="images",
            where="Section IV-B; Table III",
            printed=f"{benign} benign + {malignant} malignant, {total} images",
            computation="benign + malignant; sum of each row of Table III",
            result=f"{benign} + {malignant} = {benign + malignant}, printed total {total}; "
            f"Table III sums to {sizes['benign']} benign and {sizes['malignant']} malignant",
            tolerance=EXACT,
            verdict=CONSISTENT if agree else IMPOSSIBLE,
            reconciles="" if agree else f"{sizes['benign']} in place of {benign} in the text",
        )
    ]


def table_totals(
    table_03: pd.DataFrame, table_04: pd.DataFrame, table_05: pd.DataFrame, table_06: pd.DataFrame
) -> list[Finding]:
    """Printed totals against the sums of their classes and of their parts."""
    wrong = []
    parts = part_sizes(table_06)
    for table in (table_03, table_04, table_05):
        totals = table[(table["class"] == "total") & (table["metric"] == "images")]
        printed = totals.set_index("dataset")["value"]
        wrong += [
            dataset
            for dataset, sizes in class_sizes(table).items()
            if not sum(sizes.values()) == printed[dataset] == parts[dataset]["total"]
        ]
    wrong += [d for d, p in parts.items() if p["train"] + p["val"] + p["test"] != p["total"]]
    return [
        Finding(
            id="counts/totals",
            theme="image-counts",
            tables="03 04 05 06",
            columns="images",
            where="Tables III, IV, V, VI",
            printed="class counts, part counts and totals of six data sets",
            computation="sum of classes = printed total = Table VI total = train + val + test",
            result=f"data sets that break it: {listed(dict.fromkeys(wrong))}",
            tolerance=EXACT,
            verdict=IMPOSSIBLE if wrong else CONSISTENT,
            reconciles="another count in one of the cells" if wrong else "",
        )
    ]


def split_ratio(table_06: pd.DataFrame) -> list[Finding]:
    """Table VI against a 6:1:3 split."""
    share = {"train": 0.6, "val": 0.1, "test": 0.3}
    wrong = [
        (dataset, part)
        for dataset, sizes in part_sizes(table_06).items()
        for part, fraction in share.items()
        if abs(sizes[part] - fraction * sizes["total"]) >= 1
    ]
    return [
        Finding(
            id="counts/split",
            theme="image-counts",
            tables="06",
            columns="images",
            where="Table VI",
            printed="6:1:3",
            computation="|part - share x total| < 1",
            result=f"parts that are off by an image or more: {listed(wrong)}",
            tolerance="less than one image",
            verdict=IMPOSSIBLE if wrong else CONSISTENT,
            reconciles="another ratio" if wrong else "",
        )
    ]


def accuracies_as_counts(
    table_02: pd.DataFrame, table_06: pd.DataFrame, table_07: pd.DataFrame, table_08: pd.DataFrame
) -> list[Finding]:
    """Whether some number of correct test images gives each printed accuracy."""
    tests = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    findings = []
    for name, table in (("II", table_02), ("VII", table_07), ("VIII", table_08)):
        rows = pd.DataFrame(
            {"accuracy": by_row(table)["accuracy"], "half": tolerances(table)["accuracy"]}
        )
        for family, group in rows.groupby(_source, sort=False):
            findings.append(_whole_counts(f"table-{name}-{family}", f"Table {name}", group, tests))
    return findings


def _source(row: tuple[str, str]) -> str:
    """The archive a row's data set comes from: the four magnifications together."""
    return "breakhis" if row[0].startswith("breakhis") else row[0]


def _whole_counts(key: str, where: str, rows: pd.DataFrame, tests: dict[str, int]) -> Finding:
    datasets = rows.index.get_level_values("dataset")
    images = np.array([tests[dataset] for dataset in datasets])
    nearest = np.rint(rows["accuracy"] * images) / images
    rounded = agrees(nearest, rows["accuracy"], rows["half"])
    cut = agrees(nearest, rows["accuracy"], 2 * rows["half"])
    verdict = judge((~rounded).sum(), (~cut).sum())
    runs = {d: _fewest_runs(rows.loc[[d]], tests[d]) for d in dict.fromkeys(datasets)}
    sizes = ", ".join(f"{dataset} {tests[dataset]}" for dataset in runs)
    return Finding(
        id=f"counts/accuracy-{key}",
        theme="whole-images",
        tables=f"{ROMAN[where]} 06",
        columns="accuracy",
        where=f"{where}; Table VI",
        printed=f"{len(rows)} accuracies; test images: {sizes}",
        computation="min over k of |k / test images - accuracy|",
        result=f"{rounded.sum()} of {len(rows)} are a whole number of correct images if rounded, "
        f"{cut.sum()} if one unit is allowed; not if rounded: {listed(rows.index[~rounded])}",
        tolerance=ROUNDING_OR_CUT,
        verdict=verdict,
        reconciles=""
        if verdict == CONSISTENT
        else "another number of test images, or means over several runs (fewest equal runs that "
        "give all: " + ", ".join(f"{dataset} {fewest}" for dataset, fewest in runs.items()) + ")",
    )


def _fewest_runs(rows: pd.DataFrame, images: int, most: int = 99) -> str:
    """Fewest equal runs whose mean accuracies include all printed ones, "over 99" if none do."""
    for runs in range(1, most + 1):
        total = runs * images
        nearest = np.rint(rows["accuracy"] * total) / total
        if agrees(nearest, rows["accuracy"], rows["half"]).all():
            return str(runs)
    return f"over {most}"
