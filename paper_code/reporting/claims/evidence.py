"""What the paper prints beside what its own other numbers allow: six rows, each computed."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from paper_code.audit.costs import CLASSES, REDUCTIONS, count_parameters
from paper_code.audit.counts import shares_of
from paper_code.audit.matrices import RATES, candidates
from paper_code.audit.multiclass import gmean_of_recalls
from paper_code.audit.printed import OURS, Printed
from paper_code.audit.two_classes import implied_specificity
from paper_code.reporting.labels import DATASET_LABELS, NETWORK_LABELS

UNIT = 2  # half units of the last printed digit that a number may be off
PRINTED, ALLOWED = "Printed", "Its own other numbers allow"
Row = tuple[str, str]


def evidence(printed: Printed | None = None) -> pd.DataFrame:
    """Printed numbers that others of the paper exclude, one of each kind.

    Args:
        printed: the printed tables; by default those of the paper.

    Returns:
        The columns `PRINTED` and `ALLOWED`, as text. A kind whose numbers agree has no row.
    """
    printed = printed or Printed()
    rows = [row for make in MAKERS if (row := make(printed))]
    return pd.DataFrame(rows, columns=[PRINTED, ALLOWED])


def _counted_network(printed: Printed) -> Row | None:
    """ResNet50's total beside that of the network of this name."""
    total = int(printed.totals.loc["resnet50", "breakhis"])
    named = count_parameters("resnet50", CLASSES["breakhis"])
    counted = count_parameters("resnet50", CLASSES["breakhis"], "counted")
    if total == named:
        return None
    return (
        f"ResNet50, {total:,} parameters (Table IX)",
        f"ResNet-34: {counted:,}; ResNet50: {named:,}",
    )


def _two_networks(printed: Printed) -> Row | None:
    """The reductions of the gate that give DALAResNet50's totals."""
    found: dict[str, list[str]] = {}
    for dataset, classes in CLASSES.items():
        total = printed.totals.loc[OURS, dataset]
        for reduction in REDUCTIONS:
            if count_parameters(OURS, classes, reduction=reduction) == total:
                label = DATASET_LABELS.get(dataset, "BreakHis")
                found.setdefault(str(reduction), []).append(label)
    if len(found) < 2:
        return None
    gates = "; ".join(f"reduction {r} ({', '.join(names)})" for r, names in found.items())
    return "one DALAResNet50 (Tables IX, X)", f"{len(found)} networks: {gates}"


def _specificity(printed: Printed) -> Row | None:
    """The specificity of Table XI that lies farthest above what Table VII allows."""
    rows = implied_specificity(printed)
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
        tried = candidates(test, own[dataset])
        point = tried.only(tried.fits(points, own[dataset], UNIT))
        exact = np.isin(point.positives, test.counts[test.exact, 1])
        most = point.score("auc_most")[exact].max()
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
        f"at most {most:.3f}, by its accuracy",
    )


def _magnification(dataset: str) -> str:
    return DATASET_LABELS[dataset].removeprefix("BreakHis ")


MAKERS: tuple[Callable[[Printed], Row | None], ...] = (
    _counted_network,
    _two_networks,
    _specificity,
    _auc,
    _whole_images,
    _gmean,
)
