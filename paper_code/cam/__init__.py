"""Class activation maps: Grad-CAM, Score-CAM, Eigen-CAM, DT Grad-CAM and two yardsticks, and how
well they localise. `compute_cam` is the one call; docs/reference/cam.md states every convention."""

from paper_code.cam.compute import METHODS, compute_cam, dt_gradcam_steps
from paper_code.cam.dt_gradcam import DTGradCAMSteps

__all__ = ["METHODS", "DTGradCAMSteps", "compute_cam", "dt_gradcam_steps"]
