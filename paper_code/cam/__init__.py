"""Class activation maps: Grad-CAM, Score-CAM, Eigen-CAM, DT Grad-CAM and two yardsticks, and how
well they localise. `compute_cam` is the one call; `DTGradCAM` and `DTGradCAMExtractor` have the
forms of pytorch-grad-cam and torch-cam. docs/reference/cam.md states every convention."""

import lazy_loader

from paper_code.cam.compute import METHODS, compute_cam, dt_gradcam_steps, map_layer
from paper_code.cam.dt_gradcam import DTGradCAMSteps

# Imported at first use, so that no result of the workflow depends on these forms.
__getattr__, _, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"drop_in": ["DTGradCAM", "DTGradCAMExtractor"]}
)
__all__ += ["METHODS", "DTGradCAMSteps", "compute_cam", "dt_gradcam_steps", "map_layer"]
