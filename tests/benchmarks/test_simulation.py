"""Error rates in small seeded simulations; the benchmarks run the same ones longer."""

import pandas as pd
import pytest
from conftest import benchmark


@pytest.fixture(scope="module")
def verdicts():
    return benchmark("verdicts")


def test_intervals_of_few_patients_hold_the_truth(verdicts):
    """Percentile intervals without Student's t hold it in 87 %."""
    rates = verdicts.coverage(80, (24, 6, 1.0, 0.6), 200).set_index("case")["rate"]
    assert 0.91 <= rates["accuracy"] <= 1
    assert rates["gmean"] >= 0.88


def test_tests_keep_their_level_and_find_a_difference(verdicts):
    design = (82, 4, 1.5, 0.5)
    equal = verdicts.rejections(60, design, 0.0, 200)["rate"]
    assert equal.max() <= 0.15, equal
    better = verdicts.rejections(20, design, 1.0, 200)["rate"]
    assert better.min() >= 0.9, better


def test_cells_rarely_differ_under_perfect_replication(verdicts):
    same = verdicts.cells(20, 5)
    assert same["family with a 'differs'"] <= 0.15, "0.05 in the long run"
    assert same["table as a whole 'contradicted'"] <= 0.15, "0.05 in the long run"
    assert 0.02 <= same["cells outside the 95 % prediction interval"] <= 0.09
    worse = verdicts.cells(4, 5, ours=verdicts.WEAKER)
    assert worse["cells 'agrees'"] <= 0.05
    assert worse["cells outside the 95 % prediction interval"] >= 0.5
    assert worse["table as a whole 'contradicted'"] == 1


def test_claims_are_neither_invented_nor_missed(verdicts):
    """Six data sets, eight networks; with one seed the old rule contradicts most true ties."""
    equal = [verdicts.DISTANCE] * verdicts.NETWORKS
    none = verdicts.claims(6, 5, equal)
    assert none["not shown"] == 1
    one_seed = verdicts.claims(6, 1, equal)
    assert one_seed["not shown"] == 1
    assert one_seed["contradicted if one seed were enough"] >= 0.2, "why seeds are needed"
    weaker = [verdicts.WEAKER] * verdicts.NETWORKS
    assert verdicts.claims(2, 5, weaker)["supported"] == 1
    better = verdicts.claims(4, 5, equal, one_set=verdicts.STRONGER)
    assert better["contradicted"] >= 0.5


def test_maps_that_are_equally_good_are_not_told_apart(verdicts):
    """At a rate of 5 % more than 5 of 30 families have a finding once in 300 such tests."""
    found = verdicts.maps_compared(30, "no method is better", 300)
    assert found["some_finding"].max() <= 5 / 30, found


def test_pages_have_the_columns_of_the_committed_ones(verdicts, tmp_path, monkeypatch):
    committed = verdicts.RESULTS
    monkeypatch.setattr(verdicts, "RESULTS", tmp_path)
    monkeypatch.setattr(verdicts, "CASES", {"DT Grad-CAM is better": (0.2, 1, 0.0)})
    monkeypatch.setattr(verdicts, "ENDLESS", 200)
    verdicts.write_intervals(3)
    verdicts.write_maps(1)
    for name in ("intervals", "maps"):
        old, new = (pd.read_csv(folder / f"{name}.csv") for folder in (committed, tmp_path))
        assert list(new) == list(old)
