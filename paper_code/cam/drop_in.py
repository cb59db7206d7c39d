"""DT Grad-CAM in the forms of pytorch-grad-cam and torch-cam. Neither package is needed."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from paper_code.cam.capture import Score, as_evaluated
from paper_code.cam.compute import compute_cam
from paper_code.cam.layers import Reshape, layer_name
from paper_code.cam.methods import scale
from paper_code.errors import UserError

SMOOTHING_FACTORS = (0.9, 1, 1.1)  # of pytorch-grad-cam's aug_smooth, each plain and mirrored


def _maps_by_layer(
    model: nn.Module,
    images: Tensor,
    targets: Sequence[int] | Sequence[Score] | None,
    layers: Sequence[nn.Module | str | None],
    options: dict[str, object],
) -> list[Tensor]:
    """Maps of N images from each layer: N x H x W."""
    return [compute_cam(model, images, targets, "dt_gradcam", each, **options) for each in layers]


class DTGradCAM(AbstractContextManager):
    """DT Grad-CAM called like a class of pytorch-grad-cam:

        with DTGradCAM(model=model, target_layers=[model.layer4]) as cam:
            maps = cam(input_tensor=images, targets=[ClassifierOutputTarget(1)])

    model: any network that returns one output for each image; it is put in evaluation mode.
    target_layers: list of modules (or their dotted names). Of several layers the maps are averaged,
        then scaled to [0, 1] again. Each layer costs a run of its own.
    reshape_transform: from a layer's output to N x C x h x w where that is not recognised.
    options: copies, sigma (in the units of the images), seed and kernel_size of DT Grad-CAM;
        precision and batch_size as in `compute_cam`.

    UserError for an argument that does not fit; for one of the options when maps are made.
    """

    def __init__(
        self,
        model: nn.Module,
        target_layers: Sequence[nn.Module | str],
        reshape_transform: Reshape | None = None,
        **options: object,
    ) -> None:
        if not isinstance(target_layers, list | tuple) or not target_layers:
            raise UserError("target_layers: give a list of layers, such as [model.layer4]")
        self.model = model.eval()
        self.device = next(model.parameters(), torch.empty(0)).device
        self.target_layers = list(target_layers)
        self.reshape_transform = reshape_transform
        self._layers = [layer_name(model, layer) for layer in target_layers]
        self._options = options | {"reshape_transform": reshape_transform}
        self._images: Tensor | None = None

    def __call__(
        self,
        input_tensor: Tensor,
        targets: Sequence[Score] | None = None,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> np.ndarray:
        """Maps of N images (N x 3 x H x W floats): N x H x W, float32 in [0, 1].

        targets: for each image a function from the model's output for it to the number to
            explain; None: the score of the predicted class.
        aug_smooth: the mean over six versions of the images, mirrored or not and times 0.9, 1
            and 1.1. As in pytorch-grad-cam it is not scaled again.
        eigen_smooth: must be False. The paper defines each map as a sum over channels.
        """
        if eigen_smooth:
            raise UserError(
                "eigen_smooth: DT Grad-CAM is defined by sums over channels and has no version "
                "with principal components; leave it False"
            )
        if targets is not None and len(targets) != len(input_tensor):
            raise UserError(f"targets: {len(targets)} given for {len(input_tensor)} images")
        self._images = input_tensor
        if not aug_smooth:
            return self._maps(input_tensor, targets).cpu().numpy()
        total = torch.zeros(())
        for factor in SMOOTHING_FACTORS:
            total = total + self._maps(input_tensor * factor, targets).cpu()
            total = total + self._maps(input_tensor.flip(-1) * factor, targets).flip(-1).cpu()
        return (total / (2 * len(SMOOTHING_FACTORS))).numpy()

    @property
    def outputs(self) -> Tensor:
        """The model's outputs for the images of the last call, from one more forward pass."""
        if self._images is None:
            raise UserError("outputs: call this object on images first")
        with as_evaluated(self.model), torch.no_grad():
            return self.model(self._images.to(self.device))

    def _maps(self, images: Tensor, targets: Sequence[Score] | None) -> Tensor:
        maps = _maps_by_layer(self.model, images, targets, self._layers, self._options)
        return maps[0] if len(maps) == 1 else scale(torch.stack(maps).mean(0))

    def __exit__(self, *error: object) -> None:
        """Nothing to undo: hooks live only during a call."""


class DTGradCAMExtractor(AbstractContextManager):
    """DT Grad-CAM called like an extractor of torch-cam:

        with DTGradCAMExtractor(model, "layer4") as extractor:
            scores = model(images)
            (maps,) = extractor(scores.argmax(1).tolist(), scores)

    The map has the size of the image, because Otsu's threshold is taken there. Arguments as in
    `DTGradCAM`; `target_layer` is one layer, or a list that gives one map each, or None for the
    last feature map (see `compute_cam`).
    """

    def __init__(
        self,
        model: nn.Module,
        target_layer: nn.Module | str | Sequence[nn.Module | str] | None = None,
        **options: object,
    ) -> None:
        several = isinstance(target_layer, list | tuple)
        self.model = model
        self._layers = list(target_layer) if several else [target_layer]
        self._options = options
        self._images: Tensor | None = None
        self._handle = model.register_forward_pre_hook(self._keep)

    def __call__(
        self,
        class_idx: int | Sequence[int] | None = None,
        scores: Tensor | None = None,
        *,
        targets: Score | Sequence[Score] | None = None,
    ) -> list[Tensor]:
        """Maps of the images that the model last saw: for each layer N x H x W in [0, 1].

        class_idx: one class for all images, or one for each. targets: instead of it, functions as
        in `DTGradCAM`. scores: not needed; torch-cam's other extractors take it too.
        """
        if self._images is None:
            raise UserError("Run the model on the images first")
        if (class_idx is None) == (targets is None):
            raise UserError("Give either class_idx or targets")
        images, given = self._images, targets if class_idx is None else class_idx
        if isinstance(given, int) or callable(given):
            given = [given] * len(images)
        try:
            return _maps_by_layer(self.model, images, given, self._layers, self._options)
        finally:
            self._images = images  # not the noisy copies, which passed the hook too

    def remove_hooks(self) -> None:
        """Stop watching the model."""
        self._handle.remove()
        self._images = None

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._images = inputs[0].detach()

    def __exit__(self, *error: object) -> None:
        self.remove_hooks()
