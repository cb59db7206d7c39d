"""Parameter totals of Tables IX and X against the networks that the names stand for."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pandas as pd

from paper_code.audit.finding import CONSISTENT, EXACT, IMPOSSIBLE, UNEXPLAINED, Finding, listed

CLASSES = {"breakhis": 2, "mini_ddsm": 3, "bach": 4}
REDUCTIONS = (1, 2, 4, 8, 16, 32, 64)
# Networks whose totals differ from their names' only on BACH.
HEADS_ONLY = ("vgg16", "vit", "swin")
EXTRA_LAYER = 2048 * 4 + 4  # Linear(2048, 4)


_NAMED = {
    "resnet50": "torchvision resnet50 with Linear(2048, n)",
    "seresnet50": "timm seresnet50 with Linear(2048, n)",
    "densenet121": "torchvision densenet121 with Linear(1024, n)",
    "vgg16": "torchvision vgg16 with Linear(4096, n) last",
    "vgg16_inception": "VGGIN-Net as cited",
    "vit": "ViT, 224 px, patch 16, width 1024, depth 6, MLP 2048, no qkv bias, Linear(1024, n)",
    "swin": "torchvision swin_b with Linear(1024, n)",
    "dinov2_vitb14": "DINOv2 ViT-B/14 with mask token, Linear(768, n)",
}
# Whether the name still holds: an SE-ResNet50 stays one with another head, a ResNet34 is no
# ResNet50, and a DenseNet121 (features 1024 wide) cannot feed a Linear(2048, 512).
_COUNTED = {
    "resnet50": ("torchvision resnet34 with its 1000-way head for any n", False),
    "seresnet50": ("SE-ResNet50 without SE biases, Linear(2048, 512), Linear(512, n)", True),
    "densenet121": (
        "torchvision densenet121 with its 1000-way head, plus Linear(2048, 512) and "
        "Linear(512, n), which its 1024 features cannot enter",
        False,
    ),
}


class Reading(NamedTuple):
    """A network that may have been counted: what it is, whether its name covers it, its total."""

    says: str
    named: bool
    count: Callable[[int], int]


@cache
def count_parameters(
    name: str, classes: int, reading: str = "named", reduction: int | None = None
) -> int:
    """All parameters of one network, trainable or not."""
    from paper_code.networks import structure  # imports torch, which reading an audit does not need

    gate = {} if reduction is None else {"reduction": reduction}
    return structure.count_parameters(structure.meta_network(name, classes, reading, **gate))


def readings_of(name: str) -> list[Reading]:
    """The readings tried for one network, those its name covers first."""
    if name == "dalaresnet50":
        return [
            Reading(
                f"ResNet50 + gate of reduction {r} after layer 4 + Linear(2048, n)",
                True,
                lambda n, r=r: count_parameters(name, n, reduction=r),
            )
            for r in REDUCTIONS
        ]
    readings = [Reading(_NAMED[name], True, lambda n: count_parameters(name, n))]
    base = readings[0]
    if name in _COUNTED:
        says, named = _COUNTED[name]
        base = Reading(says, named, lambda n: count_parameters(name, n, "counted"))
        readings.append(base)
    readings.append(
        Reading(
            f"{base.says}, plus a Linear(2048, 4)",
            False,
            lambda n: base.count(n) + EXTRA_LAYER,
        )
    )
    readings.append(
        Reading(
            f"{base.says} for n = 2, plus a Linear(2048, 4)",
            False,
            lambda n: base.count(2) + EXTRA_LAYER,
        )
    )
    return readings


def printed_totals(table_09: pd.DataFrame, table_10: pd.DataFrame) -> pd.DataFrame:
    """Printed totals as int64: one row per network, columns breakhis, mini_ddsm, bach."""
    rows = pd.concat([table_09, table_10])
    rows = rows[rows["metric"] == "parameters"]
    totals = rows.pivot_table(index="network", columns="dataset", values="value", sort=False)
    return totals[list(CLASSES)].astype("int64")


def identified_networks(table_09: pd.DataFrame, table_10: pd.DataFrame) -> list[Finding]:
    """Which network has each printed total."""
    findings = []
    for name, totals in printed_totals(table_09, table_10).iterrows():
        matches = {
            dataset: [r for r in readings_of(name) if r.count(CLASSES[dataset]) == total]
            for dataset, total in totals.items()
        }
        shared = [
            reading.says
            for reading in matches["breakhis"]
            if reading.named and all(reading.says in [r.says for r in m] for m in matches.values())
        ]
        if shared:
            verdict = CONSISTENT
        elif any(matches.values()):
            verdict = IMPOSSIBLE
        else:
            verdict = UNEXPLAINED
        named = readings_of(name)[0]
        findings.append(
            Finding(
                id=f"parameters/{name}",
                theme="bach-heads" if name in HEADS_ONLY else "named-networks",
                tables="09 10",
                columns="parameters",
                where=f"Tables IX and X, {name}",
                printed=", ".join(f"{d} ({CLASSES[d]} classes) {t}" for d, t in totals.items()),
                computation="sum of the sizes of all parameters of the network built for n classes"
                + (
                    ""
                    if name == "dalaresnet50"
                    else f"; by name ({named.says}) "
                    + ", ".join(str(named.count(n)) for n in CLASSES.values())
                ),
                result=f"all three: {shared[0]}"
                if shared
                else "; ".join(
                    f"{dataset}: {match[0].says if match else 'no reading tried has this total'}"
                    for dataset, match in matches.items()
                ),
                tolerance=EXACT,
                verdict=verdict,
                reconciles={
                    CONSISTENT: "",
                    IMPOSSIBLE: "the networks of the result, in place of one network of this name "
                    "that differs only in its number of outputs",
                    UNEXPLAINED: "a description of the network",
                }[verdict],
            )
        )
    return findings


def head_growth(table_09: pd.DataFrame, table_10: pd.DataFrame) -> list[Finding]:
    """Growth of each total from 2 to 3 and from 3 to 4 classes: equal, and above zero."""
    totals = printed_totals(table_09, table_10)
    first = totals["mini_ddsm"] - totals["breakhis"]
    second = totals["bach"] - totals["mini_ddsm"]
    wrong = totals.index[(first != second) | (first <= 0)]
    return [
        Finding(
            id="parameters/head-growth",
            theme="bach-heads",
            tables="09 10",
            columns="parameters",
            where="Tables IX and X, all networks",
            printed="totals for 2, 3 and 4 classes",
            computation="a linear layer of width w grows by w + 1 with each class, so "
            "total(3) - total(2) = total(4) - total(3) > 0",
            result="; ".join(
                f"{n}: {a:+d}, then {b:+d}"
                for n, a, b in zip(totals.index, first, second, strict=True)
            ),
            tolerance=EXACT,
            verdict=IMPOSSIBLE if len(wrong) else CONSISTENT,
            reconciles=f"networks that differ in more than the number of outputs: {listed(wrong)}"
            if len(wrong)
            else "",
        )
    ]


def bach_extra_layer(table_09: pd.DataFrame, table_10: pd.DataFrame) -> list[Finding]:
    """BACH totals that are another total plus exactly one Linear(2048, 4)."""
    totals = printed_totals(table_09, table_10)
    two_classes = totals.index[totals["bach"] - totals["breakhis"] == EXTRA_LAYER]
    step = totals["mini_ddsm"] - totals["breakhis"]
    four_classes = totals.index[totals["bach"] - totals["mini_ddsm"] - step == EXTRA_LAYER]
    off = [*two_classes, *(name for name in four_classes if name not in two_classes)]
    return [
        Finding(
            id="parameters/bach-linear-2048-4",
            theme="bach-heads",
            tables="09 10",
            columns="parameters",
            where="Tables IX and X, BACH totals",
            printed="totals for BACH, BreakHis and Mini-DDSM",
            computation="BACH - BreakHis, and BACH - (Mini-DDSM + growth from 2 to 3 classes), "
            f"against Linear(2048, 4) = 2048 x 4 + 4 = {EXTRA_LAYER}",
            result=f"BACH is the 2-class total + {EXTRA_LAYER}: {listed(two_classes)}; "
            f"the 4-class total + {EXTRA_LAYER}: {listed(four_classes)}",
            tolerance=EXACT,
            verdict=UNEXPLAINED if off else CONSISTENT,
            reconciles="a Linear(2048, 4) held beside the head; the features of these networks are "
            "512 (resnet34), 4096 or 1024 wide, so no forward pass can send them through it"
            if off
            else "",
        )
    ]
