"""Table I: the stages of ResNet50 as built, beside the printed ones."""

import numpy as np
import pandas as pd
from torch import nn

from paper_code.networks.structure import Layer, count_parameters, meta_network, trace_layers
from paper_code.published import printed_value
from paper_code.reporting.markdown import code_provenance_block, markdown, write_table
from paper_code.reporting.pages import notes
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


def write(output: str) -> None:
    """Write `output` (.csv) and its .md."""
    network = meta_network("resnet50", CLASSES)
    layers = trace_layers(network, IMAGE_SIZE)
    rows, lines = [], []
    for stage, names in STAGES.items():
        parts = [layers[name] for name in names]
        facts = _facts(stage, parts)
        rows += [_row(stage, metric, value) for metric, value in facts.items()]
        lines.append(_line(stage, rows[-len(facts) :], _in_words(parts)))
    rows.append(_row("total", "parameters", count_parameters(network)))
    lines.append(_line("total", rows[-1:], ""))
    text = notes(__file__, image_size=IMAGE_SIZE, classes=CLASSES)
    page = [text, markdown(pd.DataFrame(lines)), code_provenance_block()]
    write_table(output, pd.DataFrame(rows), "Table I. ResNet50", page)


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
