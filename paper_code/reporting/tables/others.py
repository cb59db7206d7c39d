"""What others measured with ResNet50-type networks on BreakHis, beside the paper's ResNet50."""

from pathlib import Path

import pandas as pd

import paper_code.published
from paper_code.published import published_table
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS

MEASUREMENTS = Path(paper_code.published.__file__).parent / "others.csv"
SPLITS = ("by image", "official folds", "by patient", "not stated in the abstract")
PAPER = ("resnet50", "dalaresnet50")


def rows() -> pd.DataFrame:
    """The paper's rows, then those of others, by kind of split.

    Returns:
        DataFrame: network, family, magnification ("40X" to "400X", or "all"), split (one of
        `SPLITS`), test_part, metric, quoted (str, as the source has it), value, authors, address.
    """
    printed = published_table("07")
    printed = printed[printed["network"].isin(PAPER) & (printed["metric"] == "accuracy")]
    sizes = published_table("06")
    tested = sizes[sizes["part"] == "test"].set_index("dataset")["printed"]
    paper = pd.DataFrame(
        {
            "network": printed["network"].map(NETWORK_LABELS),
            "family": "resnet50",
            "magnification": printed["dataset"].map(DATASET_LABELS).str.split().str[-1],
            "split": "by image",
            "test_part": printed["dataset"].map(tested) + " images",
            "metric": "accuracy",
            "quoted": printed["printed"],
            "value": printed["value"],
            "authors": "the paper",
            "address": "Table VII",
        }
    )
    others = pd.read_csv(MEASUREMENTS, dtype={"quoted": str})
    table = pd.concat([paper, others], ignore_index=True)
    place = table["split"].map({split: place for place, split in enumerate(SPLITS)})
    return table.iloc[place.argsort(kind="stable")].reset_index(drop=True)
