"""What networks, data sets, classes and metrics are called in tables and figures."""

from paper_code.networks.registry import TIMM, VARIANT


class Labels(dict[str, str]):
    """Labels by name. A name without a label, such as that of a user's data set, is its own."""

    def __missing__(self, name: str) -> str:
        return name


NETWORK_LABELS = Labels(
    {
        "seresnet50": "SEResNet50",
        "densenet121": "DenseNet121",
        "vgg16": "VGG16",
        "vgg16_inception": "VGG16Inception",
        "vit": "ViT",
        "swin": "Swin-Transformer",
        "dinov2_vitb14": "Dinov2_Vitb14",
        "resnet50": "ResNet50",
        "dalaresnet50": "DALAResNet50",
        # Not in the paper.
        "efficientnet_lite0": "EfficientNet-Lite0",
        "efficientnet_lite0-gate": "EfficientNet-Lite0, gate",
        "efficientnet_lite0-se": "EfficientNet-Lite0, sigmoid gate",
        "efficientnet_lite0-gate_early": "EfficientNet-Lite0, gate one stage earlier",
    }
)
PLACEMENT_LABELS = {f"layer{number}": f"Layer {number}" for number in range(1, 5)}
DATASET_LABELS = Labels(
    {
        "breakhis_40x": "BreakHis 40X",
        "breakhis_100x": "BreakHis 100X",
        "breakhis_200x": "BreakHis 200X",
        "breakhis_400x": "BreakHis 400X",
        "bach": "BACH",
        "mini_ddsm": "Mini-DDSM",
    }
)
CLASS_LABELS = {
    "normal": "Normal",
    "benign": "Benign",
    "malignant": "Malignant",
    "insitu": "In situ",
    "invasive": "Invasive",
}
METRIC_LABELS = {
    "accuracy": "Accuracy",
    "f1_macro": "F1 macro",
    "f1_weighted": "F1 weighted",
    "iba": "IBA",
    "gmean": "GMean",
    "auc_roc": "AUC-ROC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "mcc": "MCC",
    "balanced_accuracy": "Balanced accuracy",
    "ece": "ECE",
    "brier": "Brier score",
    "log_loss": "Log loss",
    # Of class activation maps.
    "iou": "IoU",
    "dice": "Dice",
    "recall": "Recall",
    "precision": "Precision",
    "f1": "F1",
    "area": "Area",
    "pointing_game": "Pointing game",
    "energy_inside": "Energy inside",
    "auprc": "AUPRC",
    "spread": "Spread",
    "stability": "Stability",
    "deletion": "Deletion",
    "insertion": "Insertion",
}
# CAM methods, and what their maps are compared with.
# Maps that the paper compares with DT Grad-CAM, and maps that know nothing of the network.
PAPER_METHODS = ("gradcam", "scorecam", "eigencam")
CHANCE_MAPS = ("random_map", "centre_prior", "brightness")
METHOD_LABELS = Labels(
    {
        "gradcam": "Grad-CAM",
        "scorecam": "Score-CAM",
        "eigencam": "Eigen-CAM",
        "dt_gradcam": "DT Grad-CAM",
        "gradcam_plusplus": "Grad-CAM++",
        "hirescam": "HiResCAM",
        "dt_average": "Average of Eq. 8 (no cut)",
        "gradcam_otsu": "Grad-CAM + Otsu",
        "gradcam_otsu_clean": "Grad-CAM + Otsu + morphology",
        "whole_image": "Whole image",
        "centre_prior": "Centre prior",
        "random_map": "Random map",
        "brightness": "Brightness",
        "lesion_on_grid": "The lesion itself on the map's grid",
    }
)
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
    for labels in (DATASET_LABELS, METRIC_LABELS, CLASS_LABELS, METHOD_LABELS, PLACEMENT_LABELS):
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
