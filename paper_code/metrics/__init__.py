"""Classification metrics, their intervals, paired tests between networks, calibration."""

from paper_code.metrics.calibration import (
    expected_calibration_error,
    weighted_calibration,
)
from paper_code.metrics.classification import METRICS, classification_metrics
from paper_code.metrics.comparisons import (
    compare_samples,
    delong_test,
    difference_bootstrap,
    holm,
)
from paper_code.metrics.intervals import (
    Sample,
    bootstrap_interval,
    perfect_interval,
    runs_interval,
    statistics_interval,
)

__all__ = [
    "METRICS",
    "Sample",
    "bootstrap_interval",
    "classification_metrics",
    "compare_samples",
    "delong_test",
    "difference_bootstrap",
    "expected_calibration_error",
    "holm",
    "perfect_interval",
    "runs_interval",
    "statistics_interval",
    "weighted_calibration",
]
