"""Score-CAM (Wang et al. 2020): each channel's map masks the image; the class score of the masked
image, after a softmax over channels, is the channel's weight. No gradient is needed."""

import torch
import torch.nn.functional as F
from torch import Tensor

from paper_code.cam.capture import View, capture, chosen, memory_format, scores
from paper_code.cam.fusion import for_inference
from paper_code.cam.methods import scale
from paper_code.device import autocast
from paper_code.errors import UserError

# How a channel becomes a mask: (align_corners of the bilinear upsampling, scaled again after it).
MASKS = {
    "original": (False, True),  # the authors' code
    "pytorch_grad_cam": (True, True),
    "torchcam": (False, False),
}


def scorecam(view: View, *, masks: str = "original") -> Tensor:
    """N x h x w raw maps.

    Each distinct mask of an image is scored once: channels that are constant (all share the mask
    zero) or active at one same position only differ by a factor that the scaling removes. Masks are
    made in chunks of at most `view.batch_size`: memory does not grow with the number of channels.
    """
    if masks not in MASKS:
        raise UserError(f"masks: {masks!r} is not one of {', '.join(MASKS)}")
    captured, images = capture(view, gradients=False), view.images
    activations = captured.activations
    if activations.dtype in (torch.float16, torch.bfloat16):
        activations = activations.float()
    count, channels, height, width = activations.shape
    owners = torch.arange(count, device=images.device).repeat_interleave(channels)
    rows = torch.cat([owners[:, None], scale(activations).flatten(2).flatten(0, 1)], 1)
    distinct, which = torch.unique(rows, dim=0, return_inverse=True)
    owners, small = distinct[:, 0].long(), distinct[:, 1:].unflatten(1, (1, height, width))
    network, size = for_inference(view.network, images, view.precision, view.batch_size)
    align_corners, rescale = MASKS[masks]
    found = []
    for owner, mask in zip(owners.split(size), small.split(size), strict=True):
        large = F.interpolate(mask, images.shape[-2:], mode="bilinear", align_corners=align_corners)
        large = scale(large) if rescale else large
        masked = images[owner].contiguous(memory_format=memory_format(images)) * large
        with torch.no_grad(), autocast(images.device, view.precision):
            outputs = network(masked.to(images.dtype))
        found.append(scores(outputs, chosen(captured.classes, owner)).to(mask.dtype))
    weights = torch.cat(found)[which].unflatten(0, (count, channels)).softmax(1)
    return torch.einsum("nchw,nc->nhw", activations, weights)
