"""timm's vision transformer with one position table for images of every size."""

import functools

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor


class AnySizeViT(VisionTransformer):
    """A VisionTransformer that takes N x 3 x H x W images with H and W of at least one patch.

    Sides that are no multiple of the patch are resized up to the next one (bilinear), so that the
    grid of tokens covers the image exactly. The position table keeps its own size and is resampled
    to the grid (bicubic, antialiased, as timm does). That is a product with a constant matrix:
    the gradient of an interpolation is not deterministic on a GPU, the one of a product is.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(num_classes=0, dynamic_img_size=True, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """N x 3 x H x W -> N x num_classes logits."""
        height, width = x.shape[-2:]
        patch = self.patch_embed.patch_size[0]
        size = (-(-height // patch) * patch, -(-width // patch) * patch)
        if size != (height, width):
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        return super().forward(x)

    def _pos_embed(self, x: Tensor) -> Tensor:
        """Patches N x h x w x C -> tokens N x (1 + h w) x C, class token first."""
        table, grid = self.pos_embed, (x.shape[1], x.shape[2])
        if grid != self.patch_embed.grid_size:
            matrix = _resampling_matrix(self.patch_embed.grid_size, grid, table.device)
            with torch.autocast("cuda" if table.is_cuda else "cpu", enabled=False):
                patches = matrix.to(table.dtype) @ table[:, 1:]
            table = torch.cat([table[:, :1], patches], dim=1)
        # Not len(x), which an exporter takes for a constant.
        tokens = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x.flatten(1, 2)], dim=1)
        return self.pos_drop(tokens + table)


@torch.compiler.assume_constant_result  # a compiler does not look into a cache
def _resampling_matrix(old: tuple[int, int], new: tuple[int, int], device: torch.device) -> Tensor:
    """The (new h w) x (old h w) matrix of the bicubic interpolation between two grids."""
    return _compute_matrix(old, new, device)


@functools.lru_cache(maxsize=16)
@torch.inference_mode(False)
@torch.no_grad()
def _compute_matrix(old: tuple[int, int], new: tuple[int, int], device: torch.device) -> Tensor:
    cells = old[0] * old[1]
    basis = torch.eye(cells, device="cpu").reshape(1, cells, *old)
    resampled = F.interpolate(basis, size=new, mode="bicubic", align_corners=False, antialias=True)
    return resampled.reshape(cells, -1).T.contiguous().to(device)
