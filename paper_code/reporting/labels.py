"""What networks, data sets, classes and metrics are called in tables and figures: labels.yaml."""

from pathlib import Path

import yaml

from paper_code.networks.registry import TIMM, VARIANT


class Labels(dict[str, str]):
    """Labels by name. A name without a label, such as that of a user's data set, is its own."""

    def __missing__(self, name: str) -> str:
        return name


_TEXT = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
LABELS = {kind: Labels(names) for kind, names in yaml.safe_load(_TEXT).items()}
NETWORK_LABELS, DATASET_LABELS = LABELS["networks"], LABELS["datasets"]
CLASS_LABELS, METRIC_LABELS = LABELS["classes"], LABELS["metrics"]
METHOD_LABELS, PLACEMENT_LABELS = LABELS["methods"], LABELS["placements"]
# Maps that the paper compares with DT Grad-CAM, and maps that know nothing of the network.
PAPER_METHODS = ("gradcam", "scorecam", "eigencam")
CHANCE_MAPS = ("random_map", "centre_prior", "brightness")
# Metrics of Tables VII and VIII, and of Tables XI and XII, with what to know about them.
PERFORMANCE = ["accuracy", "f1_macro", "f1_weighted", "iba", "gmean"]
DIAGNOSTICS = ["sensitivity", "specificity", "ppv", "npv"]
F1_PAIR = (
    "The paper prints F1 as a pair; its first number stands beside the macro, its second beside "
    "the weighted mean."
)
ONE_VS_REST = (
    "With more than two classes: each class against the rest, then the mean over the classes."
)


def label(name: str) -> str:
    """What any of these is called; data sets joined by "+" are joined by "and"."""
    if name == "breakhis":
        return "BreakHis"
    for labels in LABELS.values():
        if name in labels:
            return labels[name]
    if "+" in name and not name.startswith(TIMM):  # whose names may end in +gate
        return " and ".join(map(label, name.split("+")))
    return network_label(name)


def class_name(label: str) -> str:
    """A class as a figure prints it."""
    return CLASS_LABELS.get(label, label.capitalize())


def network_label(network: str) -> str:
    """The name of a run's network for reading, such as "DALAResNet50, gate after layer 2"."""
    base, variant, layer = network.partition(VARIANT)
    label = NETWORK_LABELS.get(base, base)
    return f"{label}, gate after layer {layer}" if variant else label
