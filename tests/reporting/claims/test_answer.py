"""The lines of the answer: what each says when its table says something else."""

import pandas as pd
import pytest

from paper_code.reporting.claims.answer import ESTABLISHED, NOT_ESTABLISHED, answer, brief_markdown
from paper_code.reporting.claims.printed import printed_imbalance
from paper_code.reporting.claims.verdict import BEHIND


def leakage(shown: int, total: int = 8) -> dict[str, pd.DataFrame]:
    """A leakage table of real images in which so many differences are far beyond chance."""
    rows = [
        {
            "dataset": "breakhis_100x" if place % 2 else "breakhis_200x",
            "network": "resnet50" if place % 4 < 2 else "dalaresnet50",
            "metric": "accuracy",
            "difference": 0.3 if place < shown else 0.01,
            "low": 0.2 if place < shown else -0.1,
            "high": 0.4 if place < shown else 0.12,
            "p_value": 1e-6 if place < shown else 0.8,
            "obstacles": "subset, random weights",
            "data": "real (subset 423 of 2081 images)",
            "weights": "random",
        }
        for place in range(total)
    ]
    return {"leakage": pd.DataFrame(rows)}


@pytest.mark.parametrize(
    ("shown", "status", "said"),
    [
        (0, NOT_ESTABLISHED, "that a split by image flatters these networks: accuracy"),
        (3, ESTABLISHED, "that a split by image flatters 3 of these 8 cases: accuracy"),
        (8, ESTABLISHED, "that a split by image flatters these networks: accuracy"),
    ],
)
def test_leakage_shown_in_none_some_or_all_cases(shown, status, said):
    (line,) = answer(leakage(shown))
    assert (line.status, line.text[: len(said)]) == (status, said)
    assert f"{shown or 'None'} of 8 intervals exclude 0, {shown or 'none'} after Holm" in line.text
    assert "random weights" in line.text


def test_the_brief_names_intervals_that_exclude_zero_though_none_survives_the_correction():
    tables = leakage(1)
    tables["leakage"].loc[0, "p_value"] = 0.04
    said = brief_markdown(tables)
    assert "1 of 8 intervals excludes 0, none after Holm's correction (smallest p 0.320)" in said
    assert "differences of up to 0.400 remain possible" in said


def test_whether_imbalanced_sets_are_ahead_depends_on_the_measure():
    """In points the printed leads are larger on 3, 1, 1 and 0 of 5; by share on 4, 3, 5 and 5."""
    outcomes = printed_imbalance(None)
    counts = [outcome.result.rpartition("larger ")[2] for outcome in outcomes]
    assert counts == [
        f"on {points} of 5 in points, on {share} of 5 by share"
        for points, share in ((3, 4), (1, 3), (1, 5), (0, 5))
    ]
    assert {outcome.verdict for outcome in outcomes} == {BEHIND}


def gate_rows(difference: float, finding: str) -> pd.DataFrame:
    """One comparison with ResNet50 on real images."""
    row = {"dataset": "breakhis_200x", "splits": "image", "network": "resnet50"}
    row |= {"metric": "accuracy", "difference": difference, "finding": finding, "runs": 5}
    row |= {"low": difference - 0.01, "high": difference + 0.01, "obstacles": "subset"}
    row |= {"data": "real (subset)", "weights": "random", "scale": "demo"}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("finding", "status", "says"),
    [
        ("better", "established", "that the gate helps: "),
        ("worse", "established", "that the gate harms: "),
        ("equivalent", "established", "no difference of two points"),
        ("too little data", "not established", "helps or harms"),
    ],
)
def test_the_gate_is_judged_in_both_directions(finding, status, says):
    (line,) = answer({"comparisons": gate_rows(0.05 if finding == "better" else -0.05, finding)})
    assert line.status == status and says in line.text


@pytest.mark.parametrize(
    ("difference", "p", "status"),
    [(0.3, 0.001, "established"), (-0.3, 0.001, "not established"), (0.3, 0.04, "not established")],
)
def test_leakage_is_established_in_one_direction_alone(difference, p, status):
    row = {"dataset": "breakhis_200x", "metric": "accuracy", "difference": difference}
    row |= {"low": difference - 0.1, "high": difference + 0.1, "p_value": p, "data": "real"}
    row |= {"weights": "random"}
    rows = [row | {"network": n, "obstacles": "subset"} for n in ("dalaresnet50", "resnet50")]
    (line,) = answer({"leakage": pd.DataFrame(rows)})
    assert line.status == status


@pytest.mark.parametrize(
    ("verdicts", "status", "says"),
    [
        (["supported"], "established", "finds lesions better than other methods"),
        (["contradicted"], "established", "another method finds lesions better"),
        (["supported", "undecided"], "not established", "supported in 1 of 2"),
        (["not testable here", "not run"], "not testable here", "no test on it counts (phantom)"),
    ],
)
def test_the_maps_are_judged_in_both_directions(verdicts, status, says):
    claims = pd.DataFrame(
        {"claim": "localisation", "evidence": "measured", "verdict": verdicts, "part": "IoU"}
    ).assign(why="phantom")
    lines = [line for line in answer({"claims": claims}) if "DT Grad-CAM" in line.text]
    assert len(lines) == 1 and lines[0].status == status and says in lines[0].text


def test_a_data_set_of_one_s_own_is_called_by_its_name():
    """It may stand beside the paper's, in the tables that the answer is made from."""
    tables = leakage(3) | {"comparisons": gate_rows(0.05, "better").assign(dataset="mine")}
    tables["leakage"]["dataset"] = "mine"
    said = " ".join(line.text for line in answer(tables)) + brief_markdown(tables)
    assert "mine by image +0.050" in said and "mine, ResNet50" in said and "at mine" in said
