"""What networks of the paper's names, with ImageNet weights, reach on BreakHis elsewhere."""

from pathlib import Path

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

import paper_code.published
from paper_code.published import published_table

CONFUSIONS = Path(paper_code.published.__file__).parent / "others_confusions.csv"
# Printed networks beside each of theirs: DALAResNet50 is a ResNet50 with a gate.
BESIDE = {
    "resnet50": ("resnet50", "dalaresnet50"),
    "densenet121": ("densenet121",),
    "vgg16": ("vgg16",),
    "swin": ("swin",),
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


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the other network's full name, how many comparisons are below, and the sources."""
    groups = rows.groupby(["split", "other", "variant", "network"], sort=False)["below"]
    count = groups.transform(lambda below: f"{sum(map(bool, below))} of {len(below)}")
    sources = rows.groupby("split")["source"].transform(lambda each: "; ".join(dict.fromkeys(each)))
    named = rows["other"] + (", " + rows["variant"]).where(rows["variant"] != "", "")
    return rows.assign(metric=rows["dataset"], named=named, count=count, sources=sources)
