"""A network made fast for many passes without gradients on a CPU."""

import warnings

import torch
from torch import Tensor, nn

from paper_code.cam.capture import memory_format
from paper_code.device import autocast
from paper_code.networks.forward import class_scores

# Bytes of the largest activation in a pass. glibc takes anything above 32 MiB from the system anew
# each time, and touching those fresh pages costs a fifth of a pass.
_LARGEST = 2**25
_BYTES_PER_PIXEL = 64  # of the image, in ResNet50's largest activation
# What the logits of the fused network may differ by, relative to the largest.
_TOLERANCE = {"fp32": 1e-4, "bf16": 0.1}


def for_inference(
    network: nn.Module, images: Tensor, precision: str, batch_size: int
) -> tuple[nn.Module, int]:
    """`network` made fast for images like `images` (N x 3 x H x W), and the best number in a pass.

    For float32 images on a CPU it is a traced version, with the same logits (N x K) up to rounding:
    batch normalisation, addition and ReLU are done in the convolutions, whose weights are laid out
    for oneDNN once. It is `network` itself for other types and devices, if it has hooks, if a trace
    cannot hold what it does, or if the logits differ. The caller holds `as_evaluated(network)`.
    PyTorch calls these functions deprecated; without them the network runs a third slower.
    """
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())
    if hooked or images.device.type != "cpu" or images.dtype != torch.float32:
        return network, batch_size
    height, width = images.shape[-2:]
    size = min(batch_size, max(1, _LARGEST // (_BYTES_PER_PIXEL * height * width)))
    # Two images, so that nothing in the trace counts on one; the check has either number.
    pair = images[:1].expand(2, -1, -1, -1).contiguous(memory_format=memory_format(images))
    with warnings.catch_warnings(), torch.no_grad(), autocast(images.device, precision):
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("error", torch.jit.TracerWarning)  # it branches on a value
        expected = class_scores(network(images[:1]))
        try:
            fused = torch.jit.freeze(torch.jit.trace(network, pair, check_trace=False))
            fused = torch.jit.optimize_for_inference(fused)
            errors = [
                (class_scores(fused(some)) - expected).abs().max()
                for some in (pair, images[:1], pair)
            ]
            same = max(errors) <= _TOLERANCE[precision] * expected.abs().max()
        except Exception:  # the network's own code may fail in any way when it is traced
            same = False
    return (fused, size) if same else (network, batch_size)
