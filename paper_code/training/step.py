"""One training step, and how it is executed: eagerly, compiled, or replayed as a CUDA graph."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional as F

from paper_code.device import autocast
from paper_code.errors import UserError

# The fastest execution of each network on each GPU, as `make gpu` measured it; tab-separated. A
# .csv file would be a source of every run (`paper_code.sources`), and a faster way no reason to
# train again.
MEASURED = Path(__file__).with_name("execution.tsv")
WORDS = ("compile", "graph", "contiguous")
EAGER = "eager"


@dataclass(frozen=True)
class Execution:
    """How a training step is executed.

    Attributes:
        compile: forward and backward pass through `torch.compile`.
        graph: the whole step, with the optimizer's, is captured once and replayed (CUDA only).
        contiguous: weights and images in PyTorch's default layout instead of channels last.
    """

    compile: bool = False
    graph: bool = False
    contiguous: bool = False

    @classmethod
    def parse(cls, text: str) -> "Execution":
        """From "eager", or some of "compile", "graph" and "contiguous" joined by "+".

        Raises:
            UserError: another word.
        """
        words = [] if text == EAGER else text.split("+")
        unknown = [word for word in words if word not in WORDS]
        if unknown:
            raise UserError(f"execution: {unknown[0]!r} is none of eager, {', '.join(WORDS)}.")
        return cls(**dict.fromkeys(words, True))

    def __str__(self) -> str:
        return "+".join(word for word in WORDS if getattr(self, word)) or EAGER

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.contiguous_format if self.contiguous else torch.channels_last


def graphs_possible(device: torch.device, precision: str) -> bool:
    """Whether a step can be a CUDA graph: not without a GPU, nor in fp16, whose loss scale is
    decided on the CPU in every step."""
    return device.type == "cuda" and precision != "fp16"


def resolve_execution(execution: str, network: str, device: torch.device, precision: str) -> str:
    """Replace "auto": the fastest measured for this network on this GPU in this precision,
    otherwise eager.

    Raises:
        UserError: a CUDA graph was asked for where none is possible.
    """
    usable = graphs_possible(device, precision)
    if execution == "auto":
        if not usable:
            return EAGER
        rows = pd.read_csv(MEASURED, sep="\t")
        name = torch.cuda.get_device_name(device)
        own = (rows["gpu"] == name) & (rows["network"] == network)
        rows = rows[own & (rows["precision"] == precision)]
        return rows["execution"].iloc[-1] if len(rows) else EAGER
    chosen = Execution.parse(execution)
    if chosen.graph and not usable:
        raise UserError(
            f"execution={execution} needs a CUDA GPU and precision bf16 or fp32. Use auto."
        )
    return str(chosen)


@dataclass
class Trainer:
    """A network in training, with what a checkpoint holds besides its state."""

    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    precision: str


Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def make_step(
    trainer: Trainer, execution: Execution, inputs: torch.Tensor, labels: torch.Tensor
) -> Step:
    """`step(inputs, labels)`: one update of the network; the loss, still on the device.

    Nothing waits for the device. `inputs` and `labels` are an example of a batch: on a GPU, cuDNN
    chooses its algorithms and compilation ends before the first step that counts, and the peak of
    PyTorch's memory statistics is then that of a step. Network, optimizer and gradients come back
    as they were.

    Args:
        trainer: network on the device, optimizer with the state to go on from.
        execution: how.
        inputs: N x 3 x H x W float.
        labels: N int64.
    """
    forward = torch.compile(trainer.network) if execution.compile else trainer.network
    device = inputs.device

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        inputs = inputs.contiguous(memory_format=execution.memory_format)
        with autocast(device, trainer.precision):
            loss = F.cross_entropy(forward(inputs).float(), labels)
        trainer.optimizer.zero_grad(set_to_none=True)
        trainer.scaler.scale(loss).backward()
        trainer.scaler.step(trainer.optimizer)
        trainer.scaler.update()
        return loss.detach()

    if device.type == "cuda":
        inputs, labels = inputs.clone(memory_format=execution.memory_format), labels.clone()
        _warm_up(trainer, step, inputs, labels)
    return _graphed(step, inputs, labels) if execution.graph else step


def _warm_up(trainer: Trainer, step: Step, inputs: torch.Tensor, labels: torch.Tensor) -> None:
    """Three steps on a GPU, undone: what the first steps cost, and what a capture asks for."""
    state = trainer.optimizer.state
    fresh, scale = not state, trainer.scaler.state_dict()
    moments = [value for values in state.values() for value in values.values()]
    # On the CPU, to count as no memory of a step.
    tensors = (*trainer.network.state_dict().values(), *moments)
    kept = [(tensor, tensor.to("cpu", copy=True)) for tensor in tensors]
    trainer.network.train()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # PyTorch asks for warm-up steps on a stream of their own
        step(inputs, labels)
        side.synchronize()
        torch.cuda.reset_peak_memory_stats()  # the first step tries algorithms
        for _ in range(2):
            step(inputs, labels)
    torch.cuda.current_stream().wait_stream(side)
    with torch.no_grad():
        for value, before in kept:
            value.copy_(before)
        if fresh:  # the state now exists, as captured steps need it; Adam begins at zero
            for values in state.values():
                for value in values.values():
                    value.zero_()
    trainer.scaler.load_state_dict(scale)
    trainer.optimizer.zero_grad(set_to_none=True)


def _graphed(step: Step, inputs: torch.Tensor, labels: torch.Tensor) -> Step:
    """The same step captured in a CUDA graph, which costs no launches when replayed.

    `inputs` and `labels`, in the layout of the step, are what replays read.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(inputs, labels)

    def replay(new_inputs: torch.Tensor, new_labels: torch.Tensor) -> torch.Tensor:
        inputs.copy_(new_inputs)
        labels.copy_(new_labels)
        graph.replay()
        return loss

    return replay
