"""What networks of the paper's names, with ImageNet weights, reach on BreakHis elsewhere."""

from pathlib import Path

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

import paper_code.published
from paper_code.datasets.catalog import of_families
from paper_code.published import published_table
from paper_code.reporting.labels import label
from paper_code.reporting.pages import page_table

CONFUSIONS = Path(paper_code.published.__file__).parent / "others_confusions.csv"
# Printed networks beside each of theirs: DALAResNet50 is a ResNet50 with a gate.
BESIDE = {
    "resnet50": ("resnet50", "dalaresnet50"),
    "densenet121": ("densenet121",),
    "vgg16": ("vgg16",),
    "swin": ("swin",),
}
SPLITS = {"image": "Split by image", "slide": "Split by slide"}
COLUMNS = {
    "Elsewhere": "{named}",
    "Test images": "{images:,}",
    "Accuracy": "{value:.3f}",
    "Printed for": "{network:label}",
    **{label(name): f"{{{name}[printed]:.3f}}" for name in of_families("breakhis")},
}


def rows() -> pd.DataFrame:
    """One row per result of others, network of the paper beside it, and magnification.

    Returns:
        DataFrame: split ("image" or "slide"), other and variant (their network), images, right
        (test images, and those classified correctly), value, low, high (accuracy and its exact
        95 % interval; none by slide), network, dataset, printed (Table VII), printed_low and
        printed_high (its exact 95 % interval, for the test images of Table VI), below (whether
        `printed_high` is less than `low`; empty by slide) and source.
    """
    sizes = published_table("06")
    tested = sizes[sizes["part"] == "test"].set_index("dataset")["value"]
    printed = published_table("07")
    printed = printed[printed["metric"] == "accuracy"].rename(columns={"value": "accuracy"})
    found = []
    for other in pd.read_csv(CONFUSIONS, keep_default_na=False).itertuples():
        right = other.benign_right + other.malignant_right
        images = right + other.benign_wrong + other.malignant_wrong
        by_image = other.split == "image"
        low, high = _exact(right, images) if by_image else (float("nan"),) * 2
        for network in BESIDE[other.like]:
            for cell in printed[printed["network"] == network].itertuples():
                number = tested[cell.dataset]  # of images; whole ones are right
                ends = _exact(round(cell.accuracy * number), number)
                found.append(
                    {
                        "split": other.split,
                        "other": other.network,
                        "variant": other.variant,
                        "images": images,
                        "right": right,
                        "value": right / images,
                        "low": low,
                        "high": high,
                        "network": network,
                        "dataset": cell.dataset,
                        "printed": cell.accuracy,
                        "printed_low": ends[0],
                        "printed_high": ends[1],
                        "below": ends[1] < low if by_image else "",
                        "source": other.source,
                    }
                )
    rounded = ("value", "low", "high", "printed_low", "printed_high")
    return pd.DataFrame(found).round(dict.fromkeys(rounded, 6))


def _exact(right: float, images: float) -> tuple[float, float]:
    """The Clopper-Pearson 95 % interval of a share."""
    return proportion_confint(right, images, method="beta")


def page(rows: pd.DataFrame) -> list[str]:
    """A section for each kind of split."""
    return [_block(title, rows[rows["split"] == split]) for split, title in SPLITS.items()]


def _block(title: str, rows: pd.DataFrame) -> str:
    keys = ["other", "variant", "network"]
    columns, groups = COLUMNS, rows.groupby(keys, sort=False)["below"]
    if (rows["split"] == "image").all():
        rows = rows.assign(count=groups.transform(lambda below: f"{sum(below)} of {len(below)}"))
        columns = COLUMNS | {"Accuracy": "{value:.3f} [{low:.3f}, {high:.3f}]", "Below": "{count}"}
    named = rows["other"] + (", " + rows["variant"]).where(rows["variant"] != "", "")
    shown = page_table(rows.assign(metric=rows["dataset"], named=named), columns, keys)
    sources = "; ".join(dict.fromkeys(rows["source"]))
    return f"## {title}\n\n{shown}\n\nSource: {sources}."
