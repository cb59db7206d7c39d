"""Sentences, captions and equations of the paper against each other and against its tables."""

import pandas as pd

from paper_code.audit.counts import class_sizes, part_sizes
from paper_code.audit.finding import (
    CONSISTENT,
    EXACT,
    IMPOSSIBLE,
    UNEXPLAINED,
    Finding,
    by_row,
    listed,
)
from paper_code.audit.parameters import CLASSES, printed_totals, readings_of

LITERAL = "none: the words as printed"


def quoted(quotes: pd.DataFrame) -> dict[str, str]:
    """The printed words by their names in `published_table("quotes")`."""
    return dict(zip(quotes["metric"], quotes["printed"], strict=True))


def _words(key: str, verdict: str, where: str, printed: str, **fields: str) -> Finding:
    """A finding on words: what would reconcile them is empty if they agree."""
    reconciles = fields.pop("reconciles")
    return Finding(
        id=key,
        theme=fields.pop("theme", "wording"),
        tables=fields.pop("tables", ""),
        columns=fields.pop("columns", ""),
        where=where,
        printed=printed,
        tolerance=fields.pop("tolerance", LITERAL),
        verdict=verdict,
        reconciles="" if verdict == CONSISTENT else reconciles,
        **fields,
    )


def pooling(
    quotes: pd.DataFrame, table_01: pd.DataFrame, table_09: pd.DataFrame, table_10: pd.DataFrame
) -> list[Finding]:
    """Average pooling said to reduce the parameter count, against the printed totals."""
    words = quoted(quotes)["adaptive_pooling"]
    totals = printed_totals(table_09, table_10)
    more = 100 * (totals.loc["dalaresnet50"] / totals.loc["resnet50"] - 1)
    pooled = table_01[(table_01["module"] == "pooling") & (table_01["metric"] == "output_size")]
    claimed = "reducing parameter count" in words
    resnet50 = readings_of("resnet50")[0].count(CLASSES["breakhis"])
    return [
        _words(
            "wording/pooling",
            IMPOSSIBLE if claimed and (more > 0).any() else CONSISTENT,
            "Section I; Eq. 1; Tables I, IX, X",
            f'"{words}"',
            tables="09 10",
            computation="parameters of Eq. 1, a mean over height and width: none, like the "
            f"{pooled['printed'].iloc[0]} x {pooled['printed'].iloc[0]} average pool that Table I "
            "already has; total of DALAResNet50 / total of ResNet50 - 1",
            result="pooling can remove no parameter from this ResNet50; the printed total is "
            + ", ".join(f"{dataset} {value:+.1f} %" for dataset, value in more.items())
            + f", and {100 * (totals.at['dalaresnet50', 'breakhis'] / resnet50 - 1):+.1f} % over a "
            "ResNet50 with two outputs (breakhis; the printed total is a ResNet34's)",
            reconciles="another statement: the gate adds parameters, and pooling has none",
        )
    ]


def binarised(quotes: pd.DataFrame) -> list[Finding]:
    """The sentence after Table XIV against Eq. 10."""
    words = quoted(quotes)
    binary, kept = "binarized" in words["thresholding"], ">T, 0" in words["equation_10"]
    kept &= words["equation_10"].startswith("LcAvg")
    return [
        _words(
            "wording/binarised",
            IMPOSSIBLE if binary and kept else CONSISTENT,
            "Section V-A, Eq. 10",
            f'"{words["thresholding"]}"; {words["equation_10"]}',
            computation="values that Eq. 10 gives",
            result="above T the averaged map itself, any value from T to its maximum; a binarized "
            "map has two values"
            if kept
            else "two values",
            reconciles="1 in place of the map above T in Eq. 10, or another word; the scores of "
            "Table XIV need a binary map, and the paper does not say how it was made",
        )
    ]


def figure_of_mammograms(quotes: pd.DataFrame) -> list[Finding]:
    """Caption of Fig. 5 against the description of Mini-DDSM."""
    words = quoted(quotes)
    differ = "Histopathology" in words["figure_05_caption"]
    differ &= "mammography" in words["mini_ddsm_images"]
    return [
        _words(
            "wording/figure-5",
            IMPOSSIBLE if differ else CONSISTENT,
            "caption of Fig. 5; Section IV-B",
            f'"{words["figure_05_caption"]}"; "{words["mini_ddsm_images"]}"',
            computation="kind of image in the caption and in the text",
            result="histopathology and mammography" if differ else "the same",
            reconciles="mammograms in the caption",
        )
    ]


def imbalanced_bach(quotes: pd.DataFrame, table_04: pd.DataFrame) -> list[Finding]:
    """Table XII's caption calls BACH imbalanced; Table IV's classes."""
    words = quoted(quotes)["table_12_caption"]
    sizes = class_sizes(table_04)["bach"].values()
    differ = "Imbalanced BACH" in words and len(set(sizes)) == 1
    return [
        _words(
            "counts/bach-imbalanced",
            IMPOSSIBLE if differ else CONSISTENT,
            "caption of Table XII; Table IV",
            f'"{words}"',
            theme="image-counts",
            tables="04 12",
            columns="images",
            computation="largest class / smallest class",
            result=f"{max(sizes) / min(sizes):.2f}",
            tolerance=EXACT,
            reconciles="'imbalanced' said of Mini-DDSM alone",
        )
    ]


def fourth_block(quotes: pd.DataFrame, table_01: pd.DataFrame) -> list[Finding]:
    """ "Fourth residual block" and "layer-4" against the blocks of Table I."""
    words = quoted(quotes)
    blocks = table_01[table_01["metric"] == "blocks"].set_index("module")["value"].astype(int)
    ends = blocks.cumsum()
    fourth = ends.index[ends >= 4][0]
    said = "fourth residual block" in words["layer_choice"]
    differ = said and fourth != ends.index[-1]
    return [
        _words(
            "wording/fourth-block",
            UNEXPLAINED if differ else CONSISTENT,
            "Section III-B; Tables I, II",
            "the fourth residual block (III-B); layer-4 (Table II)",
            tables="01",
            computation="residual blocks of Table I, counted from the first",
            result=f"{ends.iloc[-1]} residual blocks; the fourth is in {fourth}, the last of its "
            f"four stages is {ends.index[-1]}",
            reconciles="stage in place of block: the printed totals prove a gate on 2048 channels "
            "(parameters/dalaresnet50), which only the last stage has",
        )
    ]


def smallest_batch(quotes: pd.DataFrame) -> list[Finding]:
    """A batch size that is a minimum because of memory."""
    words = quoted(quotes)["batch_size"]
    differ = "minimum value considering memory" in words
    return [
        _words(
            "wording/batch",
            UNEXPLAINED if differ else CONSISTENT,
            "Section IV-A",
            f'"{words}"',
            computation="which bound memory sets on a batch",
            result="a greatest batch; a smaller batch needs less memory",
            reconciles="maximum in place of minimum, or another reason",
        )
    ]


def average_of_one(
    quotes: pd.DataFrame, table_09: pd.DataFrame, table_10: pd.DataFrame
) -> list[Finding]:
    """ "Average time" in Table X, where each data set has one time."""
    words = quoted(quotes)["table_10_column"]
    times = table_10[table_10["metric"] == "average_time_s"].groupby("network").size()
    magnifications = table_09[table_09["metric"] == "convergence_time_s"].groupby("network").size()
    differ = "Average" in words
    return [
        _words(
            "wording/average-time",
            UNEXPLAINED if differ else CONSISTENT,
            "Table X",
            words,
            tables="10",
            columns="average_time_s",
            theme="times",
            computation="times per network that an average can be taken over",
            result=f"Table IX averages {magnifications.max()} magnifications; Table X has "
            f"{times.max()} averages per network and no times they are averages of",
            reconciles="averages over runs, of which the paper gives neither the number nor the "
            "spread and which it mentions for no other table, or one time under this name",
        )
    ]


def true_regions(quotes: pd.DataFrame, table_14: pd.DataFrame) -> list[Finding]:
    """Scores against true regions on data sets for which none are described."""
    words = quoted(quotes)["true_regions"]
    sets = by_row(table_14).index.unique("dataset")
    differ = words.endswith("true regions") and all(name.startswith("breakhis") for name in sets)
    return [
        _words(
            "wording/true-regions",
            UNEXPLAINED if differ else CONSISTENT,
            "Section V-B; Table XIV; Section IV-B",
            f'"{words}"',
            theme="localization",
            tables="14",
            columns="iou dice recall f1",
            computation="data sets of Table XIV; what Section IV-B says of their annotations",
            result=f"Table XIV is on {listed(sets)}; the paper describes lesion locations for "
            "Mini-DDSM alone and does not say who drew the true regions, on how many images",
            reconciles="a description of the true regions",
        )
    ]


def misnamed(quotes: pd.DataFrame) -> list[Finding]:
    """Labels and references to tables that name something else."""
    words = quoted(quotes)
    slips = []
    if "EligenCAM" in words["figure_07_label"]:
        slips.append("Fig. 7: EligenCAM for Eigen-CAM")
    if words["tables_11_12"].endswith("all magnification levels"):
        slips.append(
            "Section IV-E: Tables 11 and 12 across all magnification levels, but Table XII is on "
            "BACH and Mini-DDSM, which have none"
        )
    return [
        _words(
            "wording/names",
            UNEXPLAINED if slips else CONSISTENT,
            "Fig. 7; Section IV-E",
            f'"{words["figure_07_label"]}"; "{words["tables_11_12"]}"',
            computation="names against those of the text and of the tables",
            result="; ".join(slips) or "none",
            reconciles="the right names",
        )
    ]


def layer_choice(
    quotes: pd.DataFrame, table_02: pd.DataFrame, table_06: pd.DataFrame, table_07: pd.DataFrame
) -> list[Finding]:
    """Layer 4 was chosen by numbers that are then reported as the test result."""
    words = quoted(quotes)["layer_choice"]
    columns = ["accuracy", "f1_first", "f1_second"]
    accuracy = by_row(table_02)["accuracy"].unstack("placement")
    placed = by_row(table_02).xs("layer4", level="placement")[columns]
    network = by_row(table_07).xs("dalaresnet50", level="network")[columns]
    same = (placed == network.loc[placed.index]).sum().sum()
    second = accuracy.drop(columns="layer4").max(axis=1)
    lead = accuracy["layer4"] - second
    tests = {dataset: sizes["test"] for dataset, sizes in part_sizes(table_06).items()}
    images = pd.Series({dataset: lead[dataset] * tests[dataset] for dataset in lead.index})
    test_numbers = same == placed.size and "validation" not in words.lower()
    return [
        _words(
            "choice/layer-4",
            UNEXPLAINED if test_numbers else CONSISTENT,
            "Section III-B; Tables II, VII",
            f'"{words}"',
            theme="choice-and-test",
            tables="02 07",
            columns="accuracy f1_first f1_second auc_roc",
            computation="numbers of Table II's layer-4 row that Table VII reports for the test; "
            "accuracy of layer 4 minus that of the next best place, times the test images",
            result=f"{same} of {placed.size} numbers are the same; the lead over the next best of "
            "four places, in accuracy and in test images, is "
            + ", ".join(f"{d} {lead[d]:.3f} and {images[d]:.0f}" for d in lead.index),
            reconciles="a choice made on the validation images of Table VI; a place picked by its "
            "test result has a test result that is too good on average",
        )
    ]


def augmentation(
    quotes: pd.DataFrame, table_03: pd.DataFrame, table_06: pd.DataFrame
) -> list[Finding]:
    """Augmentation is described before the split."""
    words = quoted(quotes)["augmentation"]
    before = 0 <= words.find("augmentation") < words.find("then split")
    sizes = {dataset: sum(s.values()) for dataset, s in class_sizes(table_03).items()}
    parts = part_sizes(table_06)
    added = {d: parts[d]["total"] - size for d, size in sizes.items()}
    return [
        _words(
            "choice/augmentation",
            UNEXPLAINED if before else CONSISTENT,
            "Section IV-C; Tables III, VI",
            f'"{words}"',
            theme="choice-and-test",
            computation="order of the steps; images of Table VI minus images of Table III",
            result="the data are augmented, then split; images added by augmentation: "
            + ", ".join(f"{dataset} {count}" for dataset, count in added.items()),
            reconciles="augmentation of the training images alone, after the split; copies of one "
            "image in two parts would show as added images, and there are none, but nothing says "
            "that validation and test images were left as they are",
        )
    ]
