"""DINOv2 ViT-B/14 (Oquab et al. 2024): timm's vision transformer, Meta's weights."""

import torch
from torch import nn

from paper_code.networks import heads, pretrained
from paper_code.networks.vision_transformer import AnySizeViT

CAM_LAYER = "blocks.11.norm1"  # after it, only the class token's path reaches the head
NEW_PARTS = ("head",)

WEIGHTS_URL = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth"


class DinoV2ViTB14(AnySizeViT):
    """ViT-B/14 with the 518-px position table and the mask token of the published file.

    The mask token serves DINOv2's own training alone. It is kept because the printed totals
    count it; no gradient reaches it.
    """

    def __init__(self) -> None:
        super().__init__(
            img_size=518, patch_size=14, embed_dim=768, depth=12, num_heads=12, init_values=1.0
        )
        self.mask_token = nn.Parameter(torch.zeros(1, 768))


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """Both readings: Linear(768, n) on the class token."""
    network = DinoV2ViTB14()
    source = "self-supervised on LVD-142M (Meta dinov2_vitb14)"
    pretrained.fill(network, WEIGHTS_URL, weights, source)
    network.head = heads.linear_head(768, num_classes, dropout)
    return network
