"""Findings on simulated maps; benchmarks/cam_verdicts.py runs the same families longer."""

import importlib.util

import pytest
from conftest import ROOT

PATH = ROOT / "benchmarks" / "cam_verdicts.py"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("benchmark_cam_verdicts", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_maps_that_are_equally_good_are_not_told_apart(simulation):
    """At a rate of 5 % more than 5 of 30 families have a finding once in 300 such tests."""
    found = simulation.rates("no method is better", 30, 300)
    assert (found["some_finding"] <= 5 / 30).all(), found


def test_a_planted_better_map_is_found(simulation):
    found = simulation.rates("DT Grad-CAM is better", 10, 300).set_index(["rule", "metric"])
    assert (found["worse_than_some"] == 0).all()
    assert found.loc[("none", "auprc"), "better_than_all"] >= 0.5
    assert found.loc[("area", "iou"), "better_than_all"] >= 0.5
