"""Classification metrics, their intervals, paired tests between networks, calibration."""

from paper_code.metrics.calibration import (
    expected_calibration_error,
    precision_recall_points,
    reliability_curve,
    roc_points,
)
from paper_code.metrics.classification import METRICS, classification_metrics
from paper_code.metrics.comparisons import (
    compare_networks,
    delong_test,
    holm,
    mcnemar_test,
    paired_bootstrap,
)
from paper_code.metrics.intervals import accuracy_interval, bootstrap_interval

__all__ = [
    "METRICS",
    "accuracy_interval",
    "bootstrap_interval",
    "classification_metrics",
    "compare_networks",
    "delong_test",
    "expected_calibration_error",
    "holm",
    "mcnemar_test",
    "paired_bootstrap",
    "precision_recall_points",
    "reliability_curve",
    "roc_points",
]
