"""A network made fast for many passes without gradients on a CPU: each convolution does the batch
normalisation, addition and ReLU that follow it itself, with weights laid out for oneDNN once."""

import copy
import operator

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from paper_code.device import autocast

# Bytes of the largest activation in a pass. glibc takes anything above 32 MiB from the system anew
# each time, and touching those fresh pages costs a fifth of a pass.
_LARGEST = 2**25
# What the logits of the fused network may differ by, relative to the largest.
_TOLERANCE = {"fp32": 1e-4, "bf16": 0.1}


class FusedConv(nn.Module):
    """A 2-D convolution by oneDNN, then optionally an addition (to that tensor, in place) and ReLU.

    x: N x C x H x W, any floating type; the result has the type of the weights, channels last.
    """

    def __init__(
        self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, relu: bool, dtype: torch.dtype
    ):
        super().__init__()
        self.geometry = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        self.activation = "relu" if relu else None
        weight, bias = conv.weight, conv.bias
        if norm is not None:
            statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            weight, bias = fuse_conv_bn_weights(weight, bias, *statistics)
        self.weight = weight.detach().to(dtype)
        self.bias = None if bias is None else bias.detach().to(dtype)

    def pack(self, input_size: tuple[int, ...]) -> None:
        """Lay out the weights as is best for inputs of this size; others stay possible."""
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(
            self.weight, *self.geometry, input_size
        )

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        x, rest = x.to(self.weight.dtype), (self.weight, self.bias, *self.geometry)
        if added is None:
            activation = self.activation or "none"
            return torch.ops.mkldnn._convolution_pointwise(x, *rest, activation, [], "")
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            added, x, *rest, "add", 1.0, self.activation, [], ""
        )


def for_inference(
    network: nn.Module, images: Tensor, precision: str, batch_size: int
) -> tuple[nn.Module, int]:
    """`network` made fast for images like `images` (N x 3 x H x W), and the best number in a pass.

    For float32 images on a CPU it is a fused version, with the same logits (N x K) up to rounding;
    the caller's network is not touched. It is `network` itself for other types and devices, if it
    has hooks, if it cannot be traced, or if the logits of the first image differ. The number is at
    most `batch_size`. The caller holds `as_evaluated(network)`.
    """
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())
    if hooked or images.device.type != "cpu" or images.dtype != torch.float32:
        return network, batch_size
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with torch.no_grad(), autocast(images.device, precision):
        expected = network(images[:1])
        try:
            fused = _fused(network, dtype)
            size = _pack(fused, images[:1], batch_size)
            error = (fused(images[:1]) - expected).abs().max()
            same = error <= _TOLERANCE[precision] * expected.abs().max()
        except Exception:  # the network's own code may fail in any way when it is traced
            same = False
    return (fused, size) if same else (network, batch_size)


def _pack(fused: nn.Module, image: Tensor, batch_size: int) -> int:
    """Choose the number of images in a pass by a trial with one, and pack the weights for it."""
    inputs, outputs = {}, []

    def note(conv: FusedConv, x: tuple[Tensor, ...], y: Tensor) -> None:
        inputs[conv] = x[0].shape[1:]
        outputs.append(y.nbytes)

    convs = [part for part in fused.modules() if isinstance(part, FusedConv)]
    handles = [conv.register_forward_hook(note) for conv in convs]
    fused(image)
    for handle in handles:
        handle.remove()
    size = min(batch_size, max(1, _LARGEST // max(outputs)))
    for conv, shape in inputs.items():
        conv.pack((size, *shape))
    return size


class _Tracer(fx.Tracer):
    """Keeps a module whole if it cannot be traced, because it branches on a value for example."""

    def call_module(self, module, forward, args, kwargs):
        before, stack = len(self.graph.nodes), self.module_stack.copy()
        try:
            return super().call_module(module, forward, args, kwargs)
        except Exception:
            for node in reversed(list(self.graph.nodes)[before:]):
                self.graph.erase_node(node)
            self.module_stack = stack
            return self.create_proxy("call_module", self.path_of_module(module), args, kwargs)


def _fused(network: nn.Module, dtype: torch.dtype) -> fx.GraphModule:
    """The traced network with its convolutions replaced; raises if it cannot be traced."""
    # A copy that shares all tensors: a module that stores what it computes would store tracers.
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    network = copy.deepcopy(network, shared)
    for part in network.modules():
        if type(part) is nn.Linear:  # once, where autocast would do it in each pass
            part.weight = nn.Parameter(part.weight.to(dtype), requires_grad=False)
    fused = fx.GraphModule(network, _Tracer().trace(network))
    order = {node: number for number, node in enumerate(fused.graph.nodes)}

    def module(node: fx.Node) -> nn.Module | None:
        return fused.get_submodule(node.target) if node.op == "call_module" else None

    def next_is(module_type: type) -> bool:
        """Whether the chain's result has one use, in a module of exactly this type."""
        users = list(chain[-1].users)
        return len(users) == 1 and type(module(users[0])) is module_type

    def other_term() -> fx.Node | None:
        """What is added to the chain's result, if it may be overwritten by the sum: the addition
        is the only use of that result, and the last use of a fused convolution's output that only
        such convolutions read before."""
        users = list(chain[-1].users)
        if len(users) != 1 or users[0].target not in (operator.add, operator.iadd):
            return None
        (other,) = [term for term in users[0].args if term is not chain[-1]] or [None]
        if not isinstance(other, fx.Node) or type(module(other)) is not FusedConv:
            return None
        free = all(
            user is users[0] or (type(module(user)) is FusedConv and order[user] < order[chain[0]])
            for user in other.users
        )
        return other if free else None

    for node in list(fused.graph.nodes):
        conv = module(node)
        if type(conv) is not nn.Conv2d or conv.padding_mode != "zeros" or conv.padding == "same":
            continue
        chain, norm = [node], None
        if next_is(nn.BatchNorm2d):
            chain += chain[-1].users
            norm = module(chain[-1])
        other = other_term()
        if other is not None:
            chain += chain[-1].users
        relu = next_is(nn.ReLU)
        if relu:
            chain += chain[-1].users
        # At the convolution's place, because later code may change its input in place.
        with fused.graph.inserting_before(node):
            name = f"fused_{node.name}"
            fused.add_submodule(name, FusedConv(conv, norm, relu, dtype))
            new = fused.graph.call_module(name, (*node.args, *([] if other is None else [other])))
        order[new] = order[node]
        chain[-1].replace_all_uses_with(new)
        for old in reversed(chain):
            fused.graph.erase_node(old)
    fused.recompile()
    return fused
