"""Figure 1: the framework of DALAResNet50, from a forward pass through the network."""

from matplotlib.axes import Axes
from torch import nn

from paper_code.networks.dalaresnet50 import DualActivationGate
from paper_code.networks.structure import (
    Layer,
    count_parameters,
    gmacs,
    meta_network,
    trace_layers,
    trace_operations,
)
from paper_code.reporting.figures.diagram import (
    GATE,
    HEAD,
    INPUT,
    MAP,
    OPERATION_LABELS,
    RADIUS,
    TEXT,
    arrow,
    box,
    canvas,
    plate,
    plate_size,
    product,
    size_text,
)
from paper_code.reporting.plotting import code_provenance, save_figure

IMAGE_SIZE = 224
CLASSES = 2
COLUMN, MARGIN, EXTRA = 0.76, 0.68, 0.4  # inches; EXTRA: room before the gate
HEIGHT = 2.7  # inches
MIDDLE = 1.6  # inches: height of the maps' centres
LINES = (0.66, 0.5, 0.34, 0.18)  # inches: heights of the lines of text
SPACE = 0.04  # inches between an arrow and a map
FOLDED = (nn.BatchNorm2d, nn.ReLU)  # shown as part of the layer before


def draw(output: str) -> None:
    """Write `output` (.png) and its .pdf: every map with its layer, shape and parameters."""
    network = meta_network("dalaresnet50", CLASSES)
    stages = _stages(trace_layers(network, IMAGE_SIZE))
    image = (3, IMAGE_SIZE, IMAGE_SIZE)
    width = MARGIN + COLUMN * (len(stages) + 1) + EXTRA
    figure, axis = canvas(width, HEIGHT)
    _write(axis, 0.0, ["layer", "", "output", "parameters"], ha="left")
    x = MARGIN + COLUMN / 2
    end = _draw_map(axis, x, image, INPUT)
    _write(axis, x, ["image", "", size_text(image), ""])
    for stage in stages:
        x += COLUMN
        if gated := isinstance(stage.module, DualActivationGate):
            x += EXTRA
            start = _left(x, stage.shape)
            _draw_gate(axis, stage.module, stage.shape, end, start)
        else:
            arrow(axis, (end + SPACE, MIDDLE), (_left(x, stage.shape) - SPACE, MIDDLE))
        colour = GATE if gated else HEAD if stage.name == "fc" else MAP
        end = _draw_map(axis, x, stage.shape, colour)
        count = f"{stage.parameters:,}" if stage.parameters else "–"
        _write(axis, x, [stage.name, _in_words(stage.module), size_text(stage.shape), count])
    work = gmacs("dalaresnet50", classes=CLASSES, image_size=IMAGE_SIZE)
    summary = f"{count_parameters(network):,} parameters, {work:.2f} billion multiply-adds"
    axis.text(width - 0.1, HEIGHT - 0.12, summary, ha="right", va="center", fontsize=TEXT)
    save_figure(figure, output, code_provenance(f"{CLASSES} classes, {IMAGE_SIZE} px"))


def _stages(layers: dict[str, Layer]) -> list[Layer]:
    """The layers in order, normalisation and activation folded into the layer before."""
    stages: list[Layer] = []
    for layer in layers.values():
        if isinstance(layer.module, FOLDED):
            before = stages.pop()
            layer = before._replace(parameters=before.parameters + layer.parameters)
        stages.append(layer)
    return stages


def _in_words(module: nn.Module) -> str:
    """What a stage does."""
    if isinstance(module, nn.Conv2d):
        return f"{module.kernel_size[0]}×{module.kernel_size[1]}, stride {module.stride[0]}"
    if isinstance(module, nn.MaxPool2d):
        return f"{module.kernel_size}×{module.kernel_size}, stride {module.stride}"
    if isinstance(module, DualActivationGate):
        return f"reduction {module.squeeze.in_features // module.squeeze.out_features}"
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return "mean"
    if isinstance(module[-1], nn.Linear):
        return ", ".join(type(part).__name__.lower() for part in module)
    return f"{len(module)} {type(module[0]).__name__.lower()}s"


def _left(x: float, shape: tuple[int, ...]) -> float:
    """Where a map begins that has its middle at `x`."""
    width, _, depth = plate_size(shape)
    return x - (width + depth) / 2


def _draw_map(axis: Axes, x: float, shape: tuple[int, ...], colour: str) -> float:
    return plate(axis, _left(x, shape), MIDDLE, shape, colour)


def _draw_gate(
    axis: Axes, gate: nn.Module, shape: tuple[int, ...], end: float, start: float
) -> None:
    """Straight on to the product, and by way of the channels' weights to the same product."""
    fork, cross, foot = end + 0.12, start - 0.3, MIDDLE + 0.38
    steps = [OPERATION_LABELS.get(step.name, step.name) for step in trace_operations(gate, shape)]
    text = " → ".join(steps[:3]) + "\n→ " + " → ".join(steps[3:-1])
    box(axis, (fork + cross) / 2, foot + 0.17, 1.6, 0.34, text, GATE)
    arrow(axis, (fork, MIDDLE), (fork, foot))
    arrow(axis, (cross, foot), (cross, MIDDLE + RADIUS))
    arrow(axis, (end + SPACE, MIDDLE), (cross - RADIUS, MIDDLE))
    product(axis, cross, MIDDLE)
    arrow(axis, (cross + RADIUS, MIDDLE), (start - SPACE, MIDDLE))


def _write(axis: Axes, x: float, lines: list[str], ha: str = "center") -> None:
    """Write what stands below a map, its name in bold."""
    for number, (y, line) in enumerate(zip(LINES, lines, strict=True)):
        weight = "bold" if number == 0 and ha == "center" else "normal"
        colour = "black" if ha == "center" else "0.4"
        axis.text(
            x, y, line, ha=ha, va="center", fontsize=TEXT - 0.5, fontweight=weight, color=colour
        )
