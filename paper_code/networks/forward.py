"""From images to class probabilities, as training, inference and the tables all compute them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from paper_code.device import autocast
from paper_code.errors import UserError

EVALUATION_BATCH = 256


def normalize(images: Tensor) -> Tensor:
    """Map uint8 [0, 255] to float32 [-1, 1] (section IV-C); N x 3 x H x W, channels last."""
    return images.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def class_scores(output: object) -> Tensor:
    """The class scores in whatever a network returns, by one rule.

    A tensor is taken as it is. Of an object or a dict with `logits` it is these, of any other dict,
    tuple or list the first value, and so on until there is a tensor. UserError if there is none.
    """
    found = output
    while not isinstance(found, Tensor):
        if isinstance(found, Mapping):
            found = found["logits"] if "logits" in found else next(iter(found.values()), None)
        elif hasattr(found, "logits"):
            found = found.logits
        elif isinstance(found, tuple | list) and found:
            found = found[0]
        else:
            raise UserError(
                "network: it must return class scores, as a tensor, in a tuple or dict, or as "
                f".logits, not {type(output).__name__}"
            )
    return found


@torch.inference_mode()
def predict(network: torch.nn.Module, images: torch.Tensor, precision: str) -> torch.Tensor:
    """Class probabilities of uint8 N x 3 x H x W images, N x K float32, in evaluation mode.

    `precision` is "fp32", "bf16" or "fp16"; the softmax is always in float32.
    """
    network.eval()
    with autocast(images.device, precision):
        logits = [
            class_scores(network(normalize(batch))).float()
            for batch in images.split(EVALUATION_BATCH)
        ]
    return torch.cat(logits).softmax(dim=1)
