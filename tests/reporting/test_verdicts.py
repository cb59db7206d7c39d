"""The guards of every verdict, and that nothing decides without them."""

import ast
import importlib
import math
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hand_made import WEIGHTS, hand_made_run
from scipy import stats
from statsmodels.stats.power import TTestPower

from paper_code.metrics.power import least_detectable
from paper_code.metrics.replication import replication
from paper_code.networks.registry import NETWORKS, NEVER_PRETRAINED
from paper_code.reporting.markdown import read_results
from paper_code.reporting.verdicts import (
    IMAGES,
    MARGIN,
    PAPER,
    REPLICATION,
    TIMES,
    Verdict,
    alike,
    chance_of_outside,
    compared,
    counts,
    data_obstacles,
    everywhere,
    order_margin,
    replicated,
    replicates,
    run_obstacles,
    shortfall,
    somewhere,
    verdict_counts,
)

MANY = [30] * 25  # patients of up to 25 runs


def grid(splits: int, seeds: int) -> list[tuple[int, int]]:
    """What `split_seeds` with a list gives: each seed on each split."""
    return [(split, seed) for split in range(splits) for seed in range(seeds)]


def paired(runs: int) -> list[tuple[int, int]]:
    return [(run, run) for run in range(runs)]


@pytest.mark.parametrize(
    ("repeats", "standard", "lacking"),
    [
        (paired(5), IMAGES, ""),
        (paired(4), IMAGES, "4 of at least 5 seeds"),
        # `split_seeds: [0]`: seeds on one split are independent, but for a printed value, which
        # has a split of its own.
        (grid(1, 5), IMAGES, ""),
        (grid(1, 5), REPLICATION, "5 runs share 1 split"),
        (grid(1, 5), TIMES, ""),
        # `split_seeds: [0, 1]`, and five splits with one seed: fewer than they seem.
        (grid(2, 5), IMAGES, "10 runs share 2 splits and 5 seeds"),
        (grid(5, 1), IMAGES, "1 of at least 5 seeds, 5 runs share 1 seed"),
        (grid(5, 5), IMAGES, "25 runs share 5 splits and 5 seeds"),
        (paired(5) * 2, IMAGES, ""),  # the runs of both networks
    ],
)
def test_runs_count_as_far_as_they_are_independent(repeats, standard, lacking):
    assert shortfall(repeats, MANY, standard) == lacking


def test_patients_are_counted_in_each_run():
    """Five runs with 5 to 11 patients each have 20 together, and none of them has enough."""
    lacking = "5 of at least 20 test patients in a run"
    assert shortfall(paired(5), [5, 8, 11, 7, 6]) == lacking
    assert shortfall(paired(5), [20, 20, 21, 30, 20]) == ""
    assert shortfall(paired(5), [1] * 5).startswith("1 of at least 20 test patients")
    assert shortfall(paired(5), standard=TIMES) == shortfall(paired(5), standard=REPLICATION) == ""


def rows(count: int = 6, **changes) -> pd.DataFrame:
    """Comparisons that all show clearly that the first is better."""
    row = {"difference": 0.1, "p_value": 1e-6, "p_holm": 1e-5, "se": 0.01, "df": 20.0}
    row |= {"metric": "accuracy", "printed": 0.9, "equivalent": False, "margin": 0.02}
    row |= {"obstacles": "", "shortfall": ""}
    return pd.DataFrame([row | {"dataset": number} | changes for number in range(count)])


LACKING = [
    ({"obstacles": "phantom, demo scale"}, "not tested"),
    ({"shortfall": "1 of at least 5 seeds"}, "not shown"),
    ({"shortfall": "7 of at least 20 test patients in a run"}, "not shown"),
]


@pytest.mark.parametrize(("changes", "verdict"), LACKING)
def test_no_rule_skips_a_guard(changes, verdict):
    """However clear the numbers, in either direction."""
    for difference in (0.1, -0.1):
        table = rows(**changes).assign(difference=difference)
        single, cells = compared(table), replicated(table)
        reason = changes.get("shortfall") or "phantom"
        for found in (single, cells):
            assert set(found["verdict"]) == {verdict}
            assert found["reason"].str.startswith(reason).all()
        rulings = everywhere(table, 6), replicates(cells), alike(single), somewhere(single)
        assert {ruling.verdict for ruling in rulings} == {verdict}


def test_without_what_is_lacking_the_same_numbers_decide():
    table = rows()
    assert set(compared(table)["verdict"]) == {"supported"}
    assert set(replicated(table)["verdict"]) == {"differs"}
    assert everywhere(table, 6).verdict == "supported"
    assert everywhere(table.assign(difference=-0.1), 6).verdict == "contradicted"
    assert replicates(replicated(table)).verdict == "contradicted"
    assert replicates(replicated(table.assign(p_value=0.9, equivalent=True))).verdict == "supported"
    assert somewhere(compared(table)).reason == "in 6 of 6 comparisons"


def test_the_best_two_cannot_both_agree_in_the_other_order():
    """Printed 0.985 and 0.977, measured exchanged: within 0.02 both would."""
    printed = [0.985, 0.977, 0.9, float("nan")]
    margin = order_margin(printed)
    assert margin == pytest.approx(0.004)
    assert not any(abs(a - b) <= margin for a, b in ((0.985, 0.977), (0.977, 0.985)))
    assert order_margin([0.95, 0.7]) == 0.02, "a lead that the margin cannot hide"
    assert order_margin([0.9, 0.9]) == order_margin([0.9]) == 0.02, "no order is at stake"
    cells = replicated(rows(2, p_value=0.9, equivalent=True, margin=0.004))
    assert set(cells["reason"]) == {"equivalent within 0.004"}


@pytest.mark.parametrize("together", [1.0, 0.5, 0.0], ids=["all", "half", "none"])
def test_the_bound_on_cells_outside_holds_however_they_go_together(together):
    """Four data sets of nine cells: p is below 0.05 in at most 5 of 100 true replications."""
    rng, found = np.random.default_rng(0), []
    for _ in range(4000):
        shared = np.repeat(rng.random((4, 1)), 9, axis=1)
        alone = rng.random((4, 9))
        outside = np.where(rng.random((4, 9)) < together, shared, alone) < 0.05
        found.append(chance_of_outside(outside.mean(axis=1).tolist()) < 0.05)
    assert np.mean(found) <= 0.05
    assert chance_of_outside([1.0] * 4) == pytest.approx(0.05**4)
    assert chance_of_outside([0.0] * 4) == 1 and chance_of_outside([1.0]) == pytest.approx(0.05)


def test_many_cells_outside_contradict_though_none_differs_singly():
    """36 cells of which 26 lie outside, none with a p that survives Holm's correction."""
    cells = pd.concat([rows(4, p_value=0.03)] * 6 + [rows(4, p_value=0.4)] * 3)
    cells = replicated(cells.reset_index(drop=True))
    assert set(cells["verdict"]) == {"not shown"}
    verdict, reason = replicates(cells)
    assert verdict == "contradicted"
    assert reason.startswith("24 of 36 lie outside their 95 % prediction intervals, 1.8 expected")
    few = cells.assign(p_value=cells["p_value"].where(cells.index < 4, 0.4))
    assert replicates(few).verdict == "not shown"


def test_what_is_unlike_the_paper_stands_against_statements_about_the_paper_alone():
    text = "not the paper's data, subset, demo scale, random weights, split by patient"
    table = rows(obstacles=text)
    assert not counts(table).any() and counts(table, IMAGES).all()
    assert set(compared(table, IMAGES)["verdict"]) == {"supported"}
    assert everywhere(table, 6, PAPER).reason == text
    # Nothing may be said of images whose networks were trained for other epochs, or of phantoms.
    for obstacle in ("unequal epochs", "phantom", "no lesion masks"):
        assert set(compared(rows(obstacles=obstacle))["verdict"]) == {"not tested"}
    # A ratio of times does not depend on the machine.
    assert everywhere(rows(obstacles="other hardware"), 6, TIMES).verdict == "supported"
    assert everywhere(rows(obstacles="other hardware"), 6, PAPER).verdict == "not tested"


def test_a_claim_is_supported_without_correction_and_contradicted_with_it():
    """All comparisons must show it, which needs none; any one contradicts, which needs Holm's."""
    table = rows(6, p_value=0.04, p_holm=0.2)
    assert everywhere(table, 6).verdict == "supported"
    assert (
        everywhere(table, 7).reason == "6 of 7 comparisons show it, none the opposite, 1 not made"
    )
    assert everywhere(table.assign(difference=-0.1), 6).verdict == "not shown"
    assert everywhere(table[:0], 6) == (Verdict.NOT_TESTED, "no such runs")
    undefined = dict.fromkeys(("difference", "p_value", "p_holm"), np.nan)
    for changes in ({"p_value": 0.06}, undefined, {"shortfall": "4 of at least 5 seeds"}):
        lacking = table.copy()
        lacking.loc[0, list(changes)] = list(changes.values())
        assert everywhere(lacking, 6).verdict == "not shown"


def test_verdicts_are_counted_in_words():
    found = verdict_counts(["agrees", "agrees", "differs", "not shown"])
    assert found == "2 agree, 1 differs, 1 not shown"


# --- rules ----------------------------------------------------------------------------------------


def test_a_replication_is_a_t_prediction_interval():
    values = [0.50, 0.52, 0.51, 0.53, 0.54]  # where both scales are nearly the same
    found = replication(values, 0.52, 1 / 600, MARGIN)
    reach = stats.t.ppf(0.975, 4) * np.std(values, ddof=1) * np.sqrt(1.2)
    assert found["replication_high"] == pytest.approx(0.52 + reach, abs=1e-3)
    assert found["replication_low"] == pytest.approx(0.52 - reach, abs=1e-3)
    assert found["p_value"] == pytest.approx(1, abs=0.01) and not found["equivalent"], "too wide"
    at_edge = replication(values, found["replication_high"], 1 / 600, MARGIN)
    assert at_edge["p_value"] == pytest.approx(0.05)
    close = replication([0.92, 0.921, 0.919, 0.92, 0.92], 0.925, 1 / 600, MARGIN)
    assert close["equivalent"]
    one = replication([0.9], 0.5, 1 / 600, MARGIN)
    assert math.isnan(one["p_value"]) and not one["equivalent"], "one run shows nothing"
    same = replication([1.0] * 5, 0.985, 1 / 600, MARGIN)
    assert 0 < same["p_value"] < 0.1, "runs that agree to the digit have the error of one image"


def test_near_one_the_larger_p_value_of_two_scales_counts():
    """Values near 1 are skewed: what is far on one scale alone is no difference."""
    values, printed = [0.99, 0.985, 0.995, 0.98, 0.97], 0.944
    found = replication(values, printed, 1 / 600, MARGIN)
    expected = []
    for scaled, other in (
        (np.array(values), printed),
        (np.arcsin(np.sqrt(values)), np.arcsin(np.sqrt(printed))),
    ):
        error = scaled.std(ddof=1) * np.sqrt(1.2)
        expected.append(2 * stats.t.sf(abs(scaled.mean() - other) / error, 4))
    assert found["p_value"] == pytest.approx(max(expected)) and max(expected) > min(expected)
    assert found["replication_high"] <= 1


def test_replication_verdicts_control_the_family():
    """36 cells, one with p = 0.01: outside its interval, but no difference in such a family."""
    table = rows(36, p_value=0.5)
    table.loc[0, "p_value"] = 0.01
    table.loc[1, "equivalent"] = True
    table.loc[34, "obstacles"] = "phantom"
    table.loc[35, "printed"] = np.nan
    found = replicated(table)
    assert found["verdict"].tolist()[:3] == ["not shown", "agrees", "not shown"]
    assert found["verdict"].tolist()[34:] == ["not tested", "not tested"]
    assert found["reason"].tolist()[34:] == ["phantom", "not printed"]
    table.loc[0, "p_value"] = 0.001
    assert replicated(table)["verdict"].iloc[0] == "differs"


def test_a_comparison_has_four_verdicts():
    table = rows(5, obstacles="subset, demo scale, random weights").assign(
        difference=[0.05, -0.05, 0.001, 0.015, 0.05],
        p_holm=[0.01, 0.01, 0.9, 0.4, 0.2],
        se=[0.01, 0.01, 0.005, 0.01, 0.03],
    )
    expected = ["supported", "contradicted", "agrees", "not shown", "not shown"]
    assert compared(table)["verdict"].tolist() == expected
    # A two-sided t-test at 5 % with 80 % power, by statsmodels' own noncentral distribution.
    least = least_detectable(pd.Series([1.0]), pd.Series([40.0])).iloc[0]
    power = TTestPower().power(least / np.sqrt(41), nobs=41, alpha=0.05)
    assert power == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "scale", "expected"),
    [
        ({}, "paper", []),
        ({"weights": "random"}, "paper", ["random weights"]),
        ({"network": "dalaresnet50-layer2", "weights": "random"}, "paper", ["random weights"]),
        ({"network": "vit", "weights": WEIGHTS["vit"]}, "paper", []),
        ({"network": "dinov2_vitb14", "weights": "random"}, "paper", ["random weights"]),
        ({"data": "subset"}, "paper", ["subset"]),
        ({"dataset": "mias"}, "paper", ["not the paper's data"]),
        (
            {"data": "phantom", "weights": "random"},
            "demo",
            ["phantom", "demo scale", "random weights"],
        ),
        ({"by": "patient"}, "paper", ["split by patient"]),
        ({"settings": {"epochs": 3}}, "paper", ["other protocol"]),
        ({"dropout": 0.5}, "paper", ["other protocol"]),
        ({"frozen": True}, "paper", ["frozen backbone"]),
    ],
)
def test_obstacles_of_a_run(changes, scale, expected):
    facts = hand_made_run(**changes).facts
    assert run_obstacles(facts, scale) == expected
    of_data = ("phantom", "subset", "not the paper's data")
    assert data_obstacles(facts["data"]) == [text for text in expected if text in of_data]


def test_networks_without_weights_are_those_that_were_never_pretrained():
    modules = {name: importlib.import_module(module) for name, module in NETWORKS.items()}
    without = [name for name, module in modules.items() if module.WEIGHTS_URL is None]
    assert tuple(without) == NEVER_PRETRAINED


# --- nothing else rules ---------------------------------------------------------------------------


def modules() -> dict[str, ast.Module]:
    """The syntax trees of the package's modules, by their paths."""
    paths = (ROOT / "paper_code").rglob("*.py")
    return {str(p.relative_to(ROOT)): ast.parse(p.read_text(encoding="utf-8")) for p in paths}


def test_nothing_else_rules():
    """No other module makes a ruling or spells a verdict in its own way."""
    words = {str(verdict) for verdict in Verdict}
    for path, tree in modules().items():
        if path == "paper_code/reporting/verdicts.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Ruling":
                raise AssertionError(f"{path}:{node.lineno} makes a ruling")
            if isinstance(node, ast.Constant) and node.value in words:
                raise AssertionError(f"{path}:{node.lineno} spells a verdict: {node.value}")


def test_committed_tables_have_the_six_words_and_a_reason_beside_each():
    """But for the audit, the printed order of claims, and what printed leads are worth."""
    judged = 0
    for path in (ROOT / "tables").rglob("*.csv"):
        table = read_results(path)
        if path.stem in ("audit", "printed_intervals") or "verdict" not in table:
            continue
        if path.stem == "claims":
            table = table[table["evidence"] == "measured"]
        ruled = table[table["verdict"].notna()]
        assert set(ruled["verdict"]) <= set(Verdict), path
        assert (ruled["reason"] != "").all(), path
        judged += len(ruled)
    assert judged > 3000


def test_no_committed_page_prints_nan_or_a_p_value_of_zero():
    for path in (ROOT / "tables").rglob("*.md"):
        assert not re.search(r"\bnan\b|\bp 0\.000", path.read_text(encoding="utf-8")), path
