"""The ViT whose size the printed totals prove: patch 16, width 1024, depth 6, MLP 2048."""

from torch import nn

from paper_code.errors import UserError
from paper_code.networks import heads, pretrained
from paper_code.networks.vision_transformer import AnySizeViT

CAM_LAYER = "blocks.5.norm1"  # after it, only the class token's path reaches the head
NEW_PARTS = ("head",)
WEIGHTS_URL = None


def build(num_classes: int, *, reading: str, weights: str | None, dropout: float) -> nn.Module:
    """Both readings: Linear(1024, n) on the class token. No such network was ever pre-trained."""
    if pretrained.check_choice(weights) == "imagenet":
        raise UserError(
            "weights: the ViT of the paper has no published weights; use random or auto"
        )
    network = AnySizeViT(
        img_size=224,
        patch_size=16,
        embed_dim=1024,
        depth=6,
        num_heads=16,
        mlp_ratio=2,
        qkv_bias=False,
    )
    network.head = heads.linear_head(1024, num_classes, dropout)
    network.weights_source = "random (the ViT of the paper has no published weights)"
    return network
