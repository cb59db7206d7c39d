"""Class probabilities of a network, as training, inference and the tables all compute them."""

import torch

from paper_code.device import autocast
from paper_code.networks.preprocessing import normalize

EVALUATION_BATCH = 256


@torch.inference_mode()
def predict(network: torch.nn.Module, images: torch.Tensor, precision: str) -> torch.Tensor:
    """Class probabilities, N x K float32 on the device, in evaluation mode.

    Args:
        network: on the device of `images`; left in evaluation mode.
        images: uint8 N x 3 x H x W.
        precision: "fp32", "bf16" or "fp16"; the softmax is always in float32.
    """
    network.eval()
    with autocast(images.device, precision):
        logits = [network(normalize(batch)).float() for batch in images.split(EVALUATION_BATCH)]
    return torch.cat(logits).softmax(dim=1)
