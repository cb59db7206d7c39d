"""Rows of results as text."""

import numpy as np
import pandas as pd

from paper_code.reporting.labels import label
from paper_code.reporting.readable import readable


def test_names_numbers_intervals_and_p_values_are_for_reading():
    rows = pd.DataFrame(
        {
            "dataset": ["breakhis_40x", "mine"],
            "network": ["resnet50", "dalaresnet50-layer2"],
            "value": [0.5, np.nan],
            "low": [0.4, np.nan],
            "high": [0.6, np.nan],
            "p_holm": [1e-5, 0.25],
            "patients": [23, 4],
            "reason": ["p < 0.001", np.nan],
        }
    )
    table = readable(
        rows, "dataset", "network", "value low high", "p_holm", "patients", "reason", "absent"
    )
    assert list(table) == ["Data set", "Network", "Value [95 %]", "p (Holm)", "Patients", "Reason"]
    assert list(table.iloc[0]) == [
        "BreakHis 40X",
        "ResNet50",
        "0.500 [0.400, 0.600]",
        "< 0.001",
        "23",
        "p < 0.001",
    ]
    assert list(table.iloc[1]) == [
        "mine",
        "DALAResNet50, gate after layer 2",
        "– [–, –]",
        "0.250",
        "4",
        "",
    ]
    assert readable(rows[:0], "dataset").empty


def test_joined_data_sets_have_both_names():
    assert label("breakhis_100x+breakhis_200x") == "BreakHis 100X and BreakHis 200X"
