"""What a built network is made of: parameters, multiply-adds, shapes. Costs no memory or time."""

import operator
from functools import cache
from typing import NamedTuple

import torch
from torch import nn
from torch.fx import GraphModule, Tracer
from torch.fx.passes.shape_prop import ShapeProp
from torch.utils.flop_counter import FlopCounterMode

from paper_code.networks.builder import build_network


def meta_network(name: str, classes: int, reading: str = "named", **gate) -> nn.Module:
    """Build a network as shapes only: no memory, no random numbers. `gate`: see build_network."""
    with torch.device("meta"):
        return build_network(name, classes, reading=reading, weights="random", **gate).eval()


def count_parameters(module: nn.Module) -> int:
    """All parameters of a module, trainable or not."""
    return sum(parameter.numel() for parameter in module.parameters())


@cache
def gmacs(
    name: str,
    reading: str = "named",
    *,
    classes: int = 2,
    image_size: int = 224,
    gate_after: int = 4,
) -> float:
    """Billions of multiply-adds of one forward pass of one image, side `image_size` px.

    Counted by torch's FlopCounterMode, which knows convolutions, matrix products and attention.
    """
    network = meta_network(name, classes, reading, gate_after=gate_after)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.empty(1, 3, image_size, image_size, device="meta"))
    return counter.get_total_flops() / 2e9


class Layer(NamedTuple):
    """One direct child of a network in a forward pass of one image."""

    name: str
    module: nn.Module
    shape: tuple[int, ...]  # of its output, without the batch
    parameters: int


class Operation(NamedTuple):
    """One step of a module's forward pass."""

    name: str  # "Linear" for a module, "relu" for a function, "mean" for a method
    arguments: dict
    shape: tuple[int, ...]  # of its output, without the batch
    module: nn.Module | None
    child: str  # what the module is called; "" for a function or a method


class _Children(Tracer):
    def is_leaf_module(self, *_) -> bool:
        return True


def trace_operations(module: nn.Module, shape: tuple[int, ...]) -> list[Operation]:
    """The steps of a module on the meta device, in order, for one input of `shape` (no batch).

    A direct child is one step. Reshaping and indexing, which compute nothing, are left out.
    """
    traced = GraphModule(module, _Children().trace(module))
    ShapeProp(traced).propagate(torch.empty(1, *shape, device="meta"))
    steps = []
    for node in traced.graph.nodes:
        if node.op in ("placeholder", "output") or node.target is operator.getitem:
            continue
        child = node.target if node.op == "call_module" else ""
        called = traced.get_submodule(child) if child else None
        name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
        output = tuple(node.meta["tensor_meta"].shape[1:])
        name = type(called).__name__ if child else name
        steps.append(Operation(name, dict(node.kwargs), output, called, child))
    return steps


def trace_layers(network: nn.Module, image_size: int = 224) -> dict[str, Layer]:
    """The direct children of a network on the meta device, by name, in the order they first run."""
    layers: dict[str, Layer] = {}
    for _, _, shape, module, name in trace_operations(network, (3, image_size, image_size)):
        if name:
            layers.setdefault(name, Layer(name, module, shape, count_parameters(module)))
    return layers
