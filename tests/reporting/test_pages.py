"""Numbers, names and cells as text."""

import math

import numpy as np
import pandas as pd

from paper_code.reporting.labels import label
from paper_code.reporting.markdown import cell, markdown, number
from paper_code.reporting.pages import readable


def test_numbers_and_cells():
    assert number(0.12345) == "0.123" and number(math.nan) == number(None) == "–"
    row = pd.Series({"value": 0.5, "low": math.nan, "high": math.nan, "printed": 0.75})
    assert cell(row) == "0.500 [–, –] (paper 0.750)"
    assert cell(row.replace(0.75, math.nan)) == "0.500 [–, –]"
    synthetic = pd.concat([row, pd.Series({"obstacles": "phantom, demo scale"})])
    assert cell(synthetic) == "0.500 [–, –]", "no printed value beside a synthetic one"
    assert markdown(pd.DataFrame({"a": ["x|y"]})) == "| a |\n| --- |\n| x\\|y |"


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
    columns = ("dataset", "network", "value low high", "p_holm", "patients", "reason", "absent")
    assert readable(rows, *columns).to_dict("list") == {
        "Data set": ["BreakHis 40X", "mine"],
        "Network": ["ResNet50", "DALAResNet50, gate after layer 2"],
        "Value [95 %]": ["0.500 [0.400, 0.600]", "–"],
        "p (Holm)": ["< 0.001", "0.250"],
        "Patients": ["23", "4"],
        "Reason": ["p < 0.001", "–"],
    }
    assert readable(rows[:0], "dataset").empty


def test_data_sets_are_joined_and_networks_of_timm_are_not():
    assert label("breakhis_40x+bach") == "BreakHis 40X and BACH"
    assert label("timm:convnext_tiny+gate") == "timm:convnext_tiny+gate"
