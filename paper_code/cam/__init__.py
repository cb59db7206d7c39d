"""Class activation maps: Grad-CAM, Score-CAM, Eigen-CAM, DT Grad-CAM and two yardsticks, and how
well they localise. `compute_cam` is the one call; `DTGradCAM` and `DTGradCAMExtractor` have the
forms of pytorch-grad-cam and torch-cam. docs/reference/cam.md states every convention."""

import importlib
from typing import TYPE_CHECKING, Any

from paper_code.cam.compute import METHODS, compute_cam, dt_gradcam_steps, map_layer
from paper_code.cam.dt_gradcam import DTGradCAMSteps

if TYPE_CHECKING:
    from paper_code.cam.drop_in import DTGradCAM, DTGradCAMExtractor

__all__ = [
    "METHODS",
    "DTGradCAM",
    "DTGradCAMExtractor",
    "DTGradCAMSteps",
    "compute_cam",
    "dt_gradcam_steps",
    "map_layer",
]


def __getattr__(name: str) -> Any:
    """Imported at first use, so that no result of the workflow depends on these forms."""
    if name not in ("DTGradCAM", "DTGradCAMExtractor"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.drop_in"), name)
