"""Companion code of "Breast Cancer Classification with Enhanced Interpretability: DALAResNet50
and DT Grad-CAM". Every rule of the workflow is a command here: ``python -m paper_code --help``."""

__version__ = "0.1.0"
