"""Table I: the stages of ResNet50 as built, beside the printed ones."""

import numpy as np
import pandas as pd
from torch import nn

from paper_code.networks.structure import Layer, count_parameters, meta_network, trace_layers
from paper_code.published import printed_value
from paper_code.reporting.markdown import markdown
from paper_code.reporting.verdicts import exact_columns, verdict_text

IMAGE_SIZE = 224
CLASSES = 1000  # Table I describes the network of ImageNet
# The paper's stages: the children of the network that belong to each, the one it describes first.
STAGES = {
    "conv1": ("conv1", "bn1"),
    "conv2_x": ("layer1", "maxpool"),
    "conv3_x": ("layer2",),
    "conv4_x": ("layer3",),
    "conv5_x": ("layer4",),
    "pooling": ("avgpool", "fc"),
}


def rows() -> pd.DataFrame:
    """One row per stage and number that Table I prints of it, and its parameters."""
    network = meta_network("resnet50", CLASSES)
    found = [
        _row(stage, metric, value)
        for stage, parts in _stages(network).items()
        for metric, value in _facts(stage, parts).items()
    ]
    return pd.DataFrame([*found, _row("total", "parameters", count_parameters(network))])


def page(rows: pd.DataFrame) -> list[str]:
    """A line for each stage."""
    words = {
        name: _in_words(parts) for name, parts in _stages(meta_network("resnet50", CLASSES)).items()
    }
    lines = [
        _line(stage, cells.to_dict("records"), words.get(stage, ""))
        for stage, cells in rows.groupby("module", sort=False)
    ]
    return [markdown(pd.DataFrame(lines))]


def _stages(network: nn.Module) -> dict[str, list[Layer]]:
    layers = trace_layers(network, IMAGE_SIZE)
    return {stage: [layers[name] for name in names] for stage, names in STAGES.items()}


def _facts(stage: str, parts: list[Layer]) -> dict[str, int]:
    """What Table I prints of a stage, and its parameters."""
    first, facts = parts[0].module, {"output_size": parts[0].shape[-1]}
    if stage == "conv1":
        facts |= {"kernel_size": first.kernel_size[0], "channels": first.out_channels}
        facts["stride"] = first.stride[0]
    elif stage == "pooling":
        facts["fc_units"] = parts[1].shape[0]
    else:
        facts["bottleneck_channels"] = first[0].conv2.out_channels
        facts |= {"output_channels": parts[0].shape[0], "blocks": len(first)}
    return facts | {"parameters": sum(part.parameters for part in parts)}


def _in_words(parts: list[Layer]) -> str:
    """The layers of a stage: of its first block where there are several, without the shortcut."""
    modules = [part.module for part in parts]
    if isinstance(modules[0], nn.Sequential):
        modules = modules[0][0].children()
    elif parts[-1].name == "fc":
        modules = [modules[0], *modules[1]]
    words = []
    for module in modules:
        if isinstance(module, nn.Conv2d):
            stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
            height, width = module.kernel_size
            words.append(f"{height}×{width}, {module.out_channels}{stride}")
        elif isinstance(module, nn.AdaptiveAvgPool2d):
            words.append("average pooling")
        elif isinstance(module, nn.Linear):
            words.append(f"linear, {module.out_features}")
    return "; ".join(words)


def _row(stage: str, metric: str, value: int) -> dict:
    printed = printed_value("01", module=stage, metric=metric)
    row = {"table": "01", "module": stage, "metric": metric, "value": value}
    row |= {"printed": printed, "difference": value - printed}
    return row | exact_columns(value, printed)


def _line(stage: str, rows: list[dict], words: str) -> dict[str, str]:
    """A stage for reading; what the paper prints stands in brackets."""
    subset = {row["metric"]: row for row in rows}

    def text(metric: str, form: str = "{0:,}") -> str:
        if metric not in subset:
            return ""
        printed = subset[metric]["printed"]
        beside = "" if np.isnan(printed) else f" (paper {form.format(int(printed))})"
        return form.format(subset[metric]["value"]) + beside

    judged = {verdict_text(row): None for row in rows if not np.isnan(row["printed"])}
    return {
        "Stage": stage.capitalize(),
        "Output size": text("output_size", "{0}×{0}"),
        "Blocks": text("blocks"),
        "Layers": words,
        "Channels": text("channels") or text("output_channels") or text("fc_units", "{0}"),
        "Parameters": text("parameters"),
        "Verdict": "; ".join(judged),
    }
