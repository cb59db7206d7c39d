"""Figure 2: the inside of DALAResNet50's gate, from a trace of its forward pass."""

from matplotlib.axes import Axes

from paper_code.networks.structure import (
    Operation,
    count_parameters,
    meta_network,
    trace_layers,
    trace_operations,
)
from paper_code.reporting.figures.diagram import (
    GATE,
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
EQUATIONS = {"mean": 1, "leaky_relu": 2, "relu": 3, "mul": 4}  # the steps that each one ends with
STEP, BOX = 1.2, (0.72, 0.42)  # inches: from step to step; width and height of a box
TOP, BOTTOM = 1.45, 0.58  # inches: heights of the weights' row and of the maps
FIRST = 1.15  # inches: the middle of the first box
SPACE = 0.05  # inches between an arrow and a map


def draw(output: str) -> None:
    """Write `output` (.png) and its .pdf: every step with its shape, parameters and equation."""
    network = meta_network("dalaresnet50", CLASSES)
    shape = trace_layers(network, IMAGE_SIZE)["gate"].shape
    *steps, last = trace_operations(network.gate, shape)
    size, height, depth = plate_size(shape)
    left, cross = 0.15, FIRST + STEP * len(steps) - 0.2
    right = cross + 0.42
    figure, axis = canvas(right + size + depth + 0.2, 2.05)
    end = plate(axis, left, BOTTOM, shape, MAP)
    middle = (left + end) / 2
    _name(axis, middle, BOTTOM - height / 2, f"x, layer{network.gate_after}", shape)
    above = BOTTOM + height / 2 + depth
    way = [(middle, above), (middle, TOP)]  # of the arrow to the next step
    for number, step in enumerate(steps):
        x = FIRST + number * STEP
        arrow(axis, *way, (x - BOX[0] / 2, TOP))
        way = [(_draw_step(axis, x, step) + SPACE, TOP)]
    arrow(axis, *way, (cross, TOP), (cross, BOTTOM + RADIUS))
    arrow(axis, (end + SPACE, BOTTOM), (cross - RADIUS, BOTTOM))
    product(axis, cross, BOTTOM)
    _equation(axis, cross, BOTTOM - 0.2, last.name)
    arrow(axis, (cross + RADIUS, BOTTOM), (right - SPACE, BOTTOM))
    plate(axis, right, BOTTOM, last.shape, GATE)
    _name(axis, right + (size + depth) / 2, BOTTOM - height / 2, "z", last.shape)
    settings = f"{CLASSES} classes, {IMAGE_SIZE} px, reduction {network.settings['reduction']}"
    total = f"gate: {count_parameters(network.gate):,} parameters"
    axis.text((end + cross) / 2, BOTTOM - 0.14, total, ha="center", va="center", fontsize=TEXT)
    save_figure(figure, output, code_provenance(settings))


def _draw_step(axis: Axes, x: float, step: Operation) -> float:
    """Draw an operation at `x` with its result behind it; return the result's right end."""
    lines = [OPERATION_LABELS.get(step.name, step.name)]
    if step.module is not None:
        lines.append(f"{step.module.in_features} → {step.module.out_features}")
        count = f"{count_parameters(step.module):,} parameters"
        _note(axis, x, TOP - BOX[1] / 2 - 0.12, count)
    if step.arguments.get("dim") == (2, 3):
        lines.append("over H, W")
    if "negative_slope" in step.arguments:
        lines.append(f"slope {step.arguments['negative_slope']:g}")
    box(axis, x, TOP, *BOX, "\n".join(lines), "0.93")
    _equation(axis, x, TOP + BOX[1] / 2 + 0.12, step.name)
    end = plate(axis, x + BOX[0] / 2 + 0.04, TOP, step.shape, GATE)
    _note(axis, end - plate_size(step.shape)[0] / 2, TOP + 0.17, size_text(step.shape), "black")
    return end


def _note(axis: Axes, x: float, y: float, text: str, colour: str = "0.4") -> None:
    axis.text(x, y, text, ha="center", va="center", fontsize=TEXT - 0.5, color=colour)


def _equation(axis: Axes, x: float, y: float, name: str) -> None:
    if name in EQUATIONS:
        _note(axis, x, y, f"Eq. {EQUATIONS[name]}")


def _name(axis: Axes, x: float, y: float, name: str, shape: tuple[int, ...]) -> None:
    axis.text(x, y - 0.12, name, ha="center", va="center", fontsize=TEXT, fontweight="bold")
    _note(axis, x, y - 0.26, size_text(shape), "black")
