"""Table I: the stages of ResNet50 as built, beside the printed ones."""

import numpy as np
import pandas as pd
from torch import nn

from paper_code.networks.structure import Layer, count_parameters, meta_network, trace_layers
from paper_code.published import printed_value
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


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Add numbers as text, what the paper prints in brackets, and a stage's layers and verdicts."""
    stages = _stages(meta_network("resnet50", CLASSES))
    printed = rows[rows["printed"].notna()]
    judged = {
        stage: "; ".join(dict.fromkeys(verdict_text(cell) for _, cell in cells.iterrows()))
        for stage, cells in printed.groupby("module")
    }
    channels = dict.fromkeys(("output_channels", "fc_units"), "channels")
    return rows.assign(
        metric=rows["metric"].replace(channels),
        text=[_text(*row) for row in rows[["metric", "value", "printed"]].itertuples(index=False)],
        words=rows["module"].map({name: _in_words(parts) for name, parts in stages.items()}),
        judged=rows["module"].map(judged),
    )


def _text(metric: str, value: int, printed: float) -> str:
    form = {"output_size": "{0}×{0}", "fc_units": "{0}"}.get(metric, "{0:,}")
    beside = "" if np.isnan(printed) else f" (paper {form.format(int(printed))})"
    return form.format(value) + beside


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
