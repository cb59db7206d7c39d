"""What the paper prints beside what its own other numbers allow: six rows, each computed."""

import pandas as pd

from paper_code.audit.costs import CLASSES
from paper_code.audit.counts import shares_of
from paper_code.audit.matrices import RATES, candidates, fitting
from paper_code.audit.multiclass import gmean_of_recalls
from paper_code.audit.printed import OURS, Printed
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS

UNIT = 2  # half units of the last printed digit that a number may be off
PRINTED, ALLOWED = "Printed", "Its own other numbers allow"
FIGURE_TABLES = ("implied_specificity", "networks_elsewhere", "crossover")  # of the figure
CHANNELS = 2048  # of the map that the gate weighs
Row = tuple[str, str]
Tables = dict[str, pd.DataFrame]


def evidence(tables: Tables, printed: Printed | None = None) -> pd.DataFrame:
    """Printed numbers that others of the paper exclude, one of each kind.

    Args:
        tables: of results; Table IX has the sizes of networks, `implied_specificity` its rows.
        printed: the printed tables; by default those of the paper.

    Returns:
        The columns `PRINTED` and `ALLOWED`, as text. A kind whose numbers agree, or whose table
        was not made, has no row.
    """
    printed = printed or Printed()
    sizes = tables.get("table_09_breakhis_cost", pd.DataFrame({"network": [], "metric": []}))
    sizes = sizes[sizes["network"] == "resnet50"].set_index("metric")
    rows = [
        *([_counted_network(sizes), _two_networks(sizes, printed)] if len(sizes) else []),
        *([_specificity(rows)] if (rows := tables.get("implied_specificity")) is not None else []),
        *(make(printed) for make in (_auc, _whole_images, _gmean)),
    ]
    return pd.DataFrame(filter(None, rows), columns=[PRINTED, ALLOWED])


def _counted_network(sizes: pd.DataFrame) -> Row | None:
    """ResNet50's printed total beside that of the network of this name."""
    named, counted = (sizes.loc[f"parameters_{how}"] for how in ("named", "counted"))
    if named["printed"] == named["value"]:
        return None
    return (
        f"ResNet50, {named['printed']:,.0f} parameters (Table IX)",
        f"ResNet-34 with 1,000 outputs: {counted['value']:,.0f}; ResNet50: {named['value']:,.0f}",
    )


def _two_networks(sizes: pd.DataFrame, printed: Printed) -> Row | None:
    """The reductions of the gate that DALAResNet50's totals need.

    A gate with h units between its two layers has (C h + h) + (h C + C) parameters, C = 2048.
    """
    two_classes = int(sizes.loc["parameters_named", "value"])
    found: dict[str, list[str]] = {}
    for dataset, classes in CLASSES.items():
        resnet50 = two_classes + (classes - 2) * (CHANNELS + 1)
        gate = int(printed.totals.loc[OURS, dataset]) - resnet50
        units, rest = divmod(gate - CHANNELS, 2 * CHANNELS + 1)
        if not rest and units > 0 and not CHANNELS % units:
            label = DATASET_LABELS.get(dataset, "BreakHis")
            found.setdefault(str(CHANNELS // units), []).append(label)
    if len(found) < 2:
        return None
    gates = ", ".join(f"{r} ({', '.join(names)})" for r, names in found.items())
    return "one DALAResNet50 (Tables IX, X)", f"{len(found)} networks: gate reduction {gates}"


def _specificity(rows: pd.DataFrame) -> Row | None:
    """The specificity of Table XI that lies farthest above what Table VII allows."""
    row = rows.loc[rows["difference"].idxmax()]
    if row["difference"] <= 0:
        return None
    return (
        f"specificity of {NETWORK_LABELS[row['network']]} at {_magnification(row['dataset'])}, "
        f"{row['printed']:.3f} (Table XI)",
        f"{row['low']:.2f} to {row['high']:.2f} (Table VII)",
    )


def _auc(printed: Printed) -> Row | None:
    """The AUC of Table II's layer 4 that lies farthest above what Table XI allows."""
    points = {n: RATES[n] for n in ("sensitivity", "specificity")}
    own = {row.key[0]: row for row in printed.rows("11").of(OURS, level="network")}
    above = []
    for layer in printed.rows("02").of("layer4", level="placement"):
        dataset, value = layer.key[0], layer.value["auc_roc"]
        test = printed.tests[dataset]
        point = fitting(candidates(test, own[dataset]), points, own[dataset], UNIT)
        exact = point["positives"].isin(test.counts[test.exact, 1])
        most = point.loc[exact, "auc_most"].max()
        above.append((layer.bounds("auc_roc", UNIT)[0] - most, dataset, value, most))
    gap, dataset, value, most = max(above)
    if gap <= 0:
        return None
    return (
        f"AUC at {_magnification(dataset)}, {value:.3f} (Table II)",
        f"at most {most:.3f} (Table XI)",
    )


def _whole_images(printed: Printed) -> Row | None:
    """The accuracy on BACH that is farthest from a whole number of right images."""
    rows = printed.rows("08").of("bach")
    rows = rows.only(~shares_of(rows, printed.parts, UNIT))
    if not len(rows):
        return None
    images = printed.parts["bach"]["test"]
    right = rows["accuracy"] * images
    farthest = (right - right.round()).abs().idxmax()
    return (
        f"accuracy of {NETWORK_LABELS[farthest[1]]} on BACH, {rows['accuracy'][farthest]:.3f} of "
        f"{images} images (Table VIII)",
        f"{right[farthest]:.1f} images",
    )


def _gmean(printed: Printed) -> Row | None:
    """DALAResNet50's GMean on Mini-DDSM beside the largest at its accuracy."""
    (row,) = printed.rows("08").of("mini_ddsm").of(OURS, level="network")
    test = printed.tests["mini_ddsm"]
    most = gmean_of_recalls(row, test, UNIT)[1][test.exact].max()
    if row.bounds("gmean", UNIT)[0] <= most:
        return None
    return (
        f"GMean of DALAResNet50 on Mini-DDSM, {row.value['gmean']:.3f} (Table VIII)",
        f"at most {most:.3f}, by its accuracy and the paper's definition",
    )


def _magnification(dataset: str) -> str:
    return DATASET_LABELS[dataset].removeprefix("BreakHis ")
