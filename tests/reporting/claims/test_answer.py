"""The lines of the answer: what each says when its table says something else."""

import pandas as pd
import pytest

from paper_code.published import published_table
from paper_code.reporting.claims.answer import answer, brief_markdown
from paper_code.reporting.claims.outcome import BEHIND
from paper_code.reporting.claims.printed import printed_imbalance


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
            "shortfall": "",
            "se": 0.05,
            "df": 20.0,
            "data": "real (subset 423 of 2081 images)",
            "weights": "random",
        }
        for place in range(total)
    ]
    return {"leakage": pd.DataFrame(rows)}


@pytest.mark.parametrize(
    ("shown", "status", "said"),
    [
        (0, "not shown", "that a split by image flatters these networks: accuracy"),
        (3, "supported", "that a split by image flatters 3 of these 8 cases: accuracy"),
        (8, "supported", "that a split by image flatters these networks: accuracy"),
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
    """All five printed columns, each baseline and the best of them: recounted from the tables."""
    printed = pd.concat([published_table("07"), published_table("08")])
    values = printed.set_index(["metric", "dataset", "network"])["value"]
    outcomes = printed_imbalance(None)
    for metric, outcome in zip(
        ("accuracy", "f1_first", "f1_second", "iba", "gmean"), outcomes, strict=True
    ):
        table = values[metric].unstack("network")
        table["best"] = table.drop(columns="dalaresnet50").max(axis=1)
        found = {}
        for rival in table.columns.drop("dalaresnet50"):
            lead = table["dalaresnet50"] - table[rival]
            share = lead / (1 - table[rival])
            found[rival] = [int((v.drop("bach") > v["bach"] + 1e-9).sum()) for v in (lead, share)]
        ends = [(min(v), max(v)) for v in zip(*found.values(), strict=True)]
        assert outcome.result == (
            f"larger on {ends[0][0]} to {ends[0][1]} of 5 sets in points, on {ends[1][0]} to "
            f"{ends[1][1]} by share; over the best other on {found['best'][0]} and "
            f"{found['best'][1]}"
        )
        assert outcome.verdict == BEHIND and ends[0] == (0, 5)
    assert "best other on 4 and 5" in outcomes[1].result


def crossover(differences: list[float], *, patients: int = 24, repeats: int = 200) -> pd.DataFrame:
    """The crossover's accuracy on one data set for each difference; intervals of 0.1 either way."""
    rows = [
        {
            "dataset": f"breakhis_{100 * place}x",
            "network": "efficientnet_lite0",
            "training": "frozen",
            "metric": "accuracy",
            "known": 0.7 + difference,
            "unknown": 0.7,
            "difference": difference,
            "low": difference - 0.1,
            "high": difference + 0.1,
            "p_value": 1e-4 if abs(difference) > 0.1 else 0.5,
            "patients": patients,
            "repeats": repeats,
            "seed": 0,
        }
        for place, difference in enumerate(differences, 1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (crossover([0.2, 0.15]), "supported"),
        (crossover([0.2, 0.01]), "supported"),
        (crossover([0.05, 0.01]), "not shown"),
        (crossover([0.2, 0.2], patients=19), "not shown"),
        (crossover([0.2, 0.2], repeats=4), "not shown"),
    ],
)
def test_the_crossover_answers_whether_a_split_by_image_flatters(rows, status):
    (line,) = answer(leakage(3) | {"crossover": rows})
    assert (line.status, line.source) == (status, "crossover")
    first = rows.iloc[0]
    assert f"BreakHis 100X {first['known']:.3f} against 0.700" in line.text
    assert "against 0.700" in brief_markdown({"crossover": rows})


def gate_rows(verdict: str, *, difference: float = 0.05, **changes) -> pd.DataFrame:
    """One comparison with ResNet50 on real images."""
    row = {"dataset": "breakhis_200x", "splits": "image", "network": "resnet50"}
    row |= {"metric": "accuracy", "difference": difference, "verdict": verdict, "runs": 5}
    row |= {"low": difference - 0.01, "high": difference + 0.01, "obstacles": "subset"}
    row |= {"reason": "p 0.001 (Holm)", "shortfall": ""}
    row |= {"data": "real (subset)", "weights": "random", "scale": "demo"}
    return pd.DataFrame([row | changes])


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("supported", "that the gate helps: "),
        ("contradicted", "that the gate helps: "),
        ("agrees", "accuracy with the gate and without it, within 0.02: "),
        ("not shown", "that the gate helps: "),
    ],
)
def test_the_gate_is_judged_in_both_directions(verdict, says):
    (line,) = answer({"comparisons": gate_rows(verdict)})
    assert line.status == verdict and line.text.startswith(says)
    both = pd.concat([gate_rows(verdict), gate_rows("not shown")])
    (line,) = answer({"comparisons": both})
    assert line.status == "not shown"


def test_a_gate_that_helps_in_one_run_is_not_shown_to_help():
    """The table has passed the guards, and the line says what was lacking."""
    lacking = "1 of at least 5 seeds"
    rows = gate_rows("not shown", runs=1, shortfall=lacking, reason=lacking)
    (line,) = answer({"comparisons": rows})
    assert line.status == "not shown"
    assert "1 run each" in line.text and lacking in line.text


def one_leakage(difference: float, p: float, **changes) -> dict[str, pd.DataFrame]:
    row = {"dataset": "breakhis_200x", "metric": "accuracy", "difference": difference}
    row |= {"low": difference - 0.1, "high": difference + 0.1, "p_value": p, "data": "real"}
    row |= {"weights": "random", "obstacles": "subset", "shortfall": "", "se": 0.05, "df": 9.0}
    rows = [row | {"network": n} | changes for n in ("dalaresnet50", "resnet50")]
    return {"leakage": pd.DataFrame(rows)}


@pytest.mark.parametrize(
    ("difference", "p", "status"),
    [(0.3, 0.001, "supported"), (-0.3, 0.001, "not shown"), (0.3, 0.04, "not shown")],
)
def test_leakage_is_supported_in_one_direction_alone(difference, p, status):
    (line,) = answer(one_leakage(difference, p))
    assert line.status == status


def test_leakage_in_few_patients_or_runs_is_not_shown():
    lacking = "7 of at least 20 test patients in a run"
    (line,) = answer(one_leakage(0.3, 1e-6, shortfall=lacking))
    assert line.status == "not shown" and lacking in line.text


def test_data_sets_of_ones_own_have_lines_too():
    """A name that is not the paper's is said as it is."""
    (line,) = answer(one_leakage(0.3, 0.001, dataset="mias"))
    assert "mias, ResNet50 +0.300" in line.text
    (line,) = answer({"comparisons": gate_rows("supported", dataset="mias")})
    assert "mias by image +0.050" in line.text


@pytest.mark.parametrize(
    ("verdicts", "status", "says"),
    [
        (["supported"], "supported", "finds lesions better than other methods"),
        (["contradicted"], "contradicted", "finds lesions better than other methods"),
        (["supported", "not shown"], "not shown", "1 supported, 1 not shown"),
        (["not tested", "not tested"], "not tested", "no test on it counts (phantom)"),
    ],
)
def test_the_maps_are_judged_in_both_directions(verdicts, status, says):
    claims = pd.DataFrame(
        {"claim": "localisation", "evidence": "measured", "verdict": verdicts, "part": "IoU"}
    ).assign(reason="phantom")
    lines = [line for line in answer({"claims": claims}) if "DT Grad-CAM" in line.text]
    assert len(lines) == 1 and lines[0].status == status and says in lines[0].text


def cells(p_values: list[float], verdicts: list[str], **changes) -> dict[str, pd.DataFrame]:
    """Table VII with such cells."""
    rows = pd.DataFrame({"p_value": p_values, "verdict": verdicts, "printed": 0.9})
    rows = rows.assign(metric="accuracy", obstacles="", shortfall="", reason="", dataset="bach")
    return {"table_07_breakhis_comparison": rows.assign(**changes)}


@pytest.mark.parametrize(
    ("p_values", "verdicts", "changes", "status"),
    [
        ([0.5, 0.6], ["agrees", "agrees"], {}, "supported"),
        ([0.001, 0.6], ["differs", "agrees"], {}, "contradicted"),
        ([0.04, 0.6], ["differs", "agrees"], {}, "not shown"),  # not with Holm over all cells
        ([0.5, 0.6], ["not shown", "agrees"], {}, "not shown"),
        ([0.001, 0.6], ["differs", "agrees"], {"shortfall": "1 seed"}, "not shown"),
        ([0.001, 0.6], ["not tested"] * 2, {"obstacles": "phantom"}, "not tested"),
    ],
)
def test_the_printed_scores_replicate_if_all_of_them_do(p_values, verdicts, changes, status):
    (line,) = answer(cells(p_values, verdicts, **changes))
    assert line.status == status and "replicate" in line.text


def test_a_time_that_the_paper_prints_as_shorter_contradicts_the_shortest():
    claims = pd.DataFrame(
        {"claim": ["shortest convergence"], "evidence": "printed", "verdict": "behind"}
    )
    (line,) = answer({"claims": claims})
    assert line.label == "contradicted by arithmetic" and "faster by 16.25 s" in line.text


def test_a_data_set_of_one_s_own_is_called_by_its_name():
    """It may stand beside the paper's, in the tables that the answer is made from."""
    tables = leakage(3) | {"comparisons": gate_rows("supported", dataset="mine")}
    tables["leakage"]["dataset"] = "mine"
    said = " ".join(line.text for line in answer(tables)) + brief_markdown(tables)
    assert "mine by image +0.050" in said and "mine, ResNet50" in said and "at mine" in said
