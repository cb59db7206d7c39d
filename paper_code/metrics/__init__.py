"""Classification metrics, their intervals, paired tests between networks, calibration."""

from paper_code.metrics.classification import METRICS, classification_metrics
from paper_code.metrics.comparisons import compare_samples
from paper_code.metrics.intervals import Sample, bootstrap_interval, runs_interval

__all__ = [
    "METRICS",
    "Sample",
    "bootstrap_interval",
    "classification_metrics",
    "compare_samples",
    "runs_interval",
]
