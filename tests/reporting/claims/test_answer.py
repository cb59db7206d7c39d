"""The lines of the answer: what each says when its table says something else."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from paper_code.published import published_table
from paper_code.reporting.claims.answer import Line, answer, answer_markdown
from paper_code.reporting.claims.printed import BEHIND, printed_imbalance
from paper_code.reporting.markdown import read_results


def committed(*names: str) -> dict[str, pd.DataFrame]:
    return {name: read_results(ROOT / "tables" / f"{name}.csv") for name in names}


def only(tables: dict[str, pd.DataFrame], source: str = "") -> Line:
    """The one line of the answer, or the one from a table."""
    (line,) = (line for line in answer(tables) if source in ("", line.source))
    return line


def claims(verdicts: list[str]) -> dict[str, pd.DataFrame]:
    """Table of the measured claim on maps."""
    rows = pd.DataFrame({"claim": "localisation", "evidence": "measured", "verdict": verdicts})
    return {"claims": rows.assign(part="IoU", reason="phantom")}


def test_there_are_at_most_seven_short_lines_with_one_link_each():
    tables = {path.stem: read_results(path) for path in (ROOT / "tables").glob("*.csv")}
    lines = answer(tables)
    assert 5 <= len(lines) <= 7
    for line, text in zip(lines, answer_markdown(lines).splitlines(), strict=True):
        words = re.findall(r"[\w,.–-]*\w[\w,.-]*", f"{line.head} {line.text}")
        assert len(words) <= 40, f"{len(words)} words: {line.text}"
        assert text.count("](") == 1 and "nan" not in text


# --- the tables -----------------------------------------------------------------------------------


def test_contradictions_are_counted_apart_from_slips():
    tables = committed("audit", "implied_specificity")
    line = only(tables)
    assert (line.told, line.head) == (
        "Contradicted by arithmetic",
        "The paper's tables contradict each other",
    )
    found = re.search(r"On (\d+) of 17 questions .* besides (\d+) slips", line.text)
    substantive, slips = map(int, found.groups())
    assert len(line.rows) == substantive + slips
    assert "32 of 32 baseline rows" in line.text
    audit = tables["audit"]
    tables["audit"] = audit.assign(
        verdict=audit["verdict"].where(audit["theme"] != "iba", "unexplained")
    )
    assert f"On {substantive - 1} of 17 questions" in only(tables).text
    rows = tables["implied_specificity"]
    rows.loc[rows["network"] == "vit", "difference"] = 0
    assert "28 of 32 baseline rows" in only(tables).text


def test_slips_alone_contradict_nothing():
    tables = committed("audit")
    audit = tables["audit"]
    tables["audit"] = audit.assign(
        verdict=audit["verdict"].where(audit["kind"] == "slip", "consistent")
    )
    line = only(tables)
    assert line.head == "The paper's tables agree with each other"
    assert "On 0 of 17" in line.text and line.status == "supported"


# --- elsewhere ------------------------------------------------------------------------------------


def test_networks_elsewhere_are_those_of_the_same_name():
    tables = committed("networks_elsewhere")
    line = only(tables)
    assert (line.status, line.source) == ("supported", "networks_elsewhere")
    assert "98 to 99 %" in line.text and "ResNet50 and DenseNet121" in line.head
    assert "VGG" not in line.head and "DALAResNet50" not in line.head
    as_in_notebooks = tables["networks_elsewhere"].fillna({"variant": ""})
    assert only({"networks_elsewhere": as_in_notebooks}).text == line.text
    rows = tables["networks_elsewhere"]
    rows.loc[(rows["network"] == "resnet50") & (rows["dataset"] == "breakhis_40x"), "below"] = False
    line = only(tables)
    assert line.status == "not shown" and "7 of 8 comparisons" in line.text
    assert line.head.startswith("Not shown: that ResNet50 and DenseNet121 lie below")


# --- patients -------------------------------------------------------------------------------------


def crossover(differences: list[float], *, patients: int = 24, repeats: int = 200) -> pd.DataFrame:
    """The crossover's accuracy on one data set for each difference; intervals of 0.1 either way."""
    value = np.array(differences)
    rows = pd.DataFrame({"difference": value, "known": 0.7 + value, "unknown": 0.7})
    rows = rows.assign(low=value - 0.1, high=value + 0.1, seed=0)
    rows["p_value"] = np.where(abs(value) > 0.1, 1e-4, 0.5)
    rows["dataset"] = [f"breakhis_{100 * place}x" for place in range(1, len(value) + 1)]
    about = {"network": "efficientnet_lite0", "training": "frozen", "metric": "accuracy"}
    return rows.assign(**about, patients=patients, repeats=repeats)


@pytest.mark.parametrize(
    ("rows", "status", "head"),
    [
        (crossover([0.2, 0.01]), "supported", "A split by image can flatter"),
        (crossover([0.05, 0.01]), "not shown", "Not shown: that a split by image can flatter"),
        (crossover([0.2, 0.2], patients=19), "not shown", "Not shown: that a split by image"),
        (crossover([0.2, 0.2], repeats=4), "not shown", "Not shown: that a split by image"),
    ],
)
def test_the_crossover_answers_whether_a_split_by_image_flatters(rows, status, head):
    line = only({"crossover": rows})
    assert (line.status, line.source) == (status, "crossover")
    assert line.head.startswith(head)
    assert f"right on {100 * rows['known'][0]:.0f} % if training had" in line.text
    assert "on 70 % if not (BreakHis 100X" in line.text
    assert answer({"crossover": rows.assign(training="fine-tuned")}) == [], "not frozen"


# --- leads ----------------------------------------------------------------------------------------


def leads(stands: list[bool], **changes) -> pd.DataFrame:
    """Printed leads of DALAResNet50 over the runner-up."""
    rows = pd.DataFrame({"p_largest": [1e-3 if stand else 0.4 for stand in stands]})
    rows["p_largest_one_more"] = rows["p_largest"]
    rows["verdict"] = ["stands" if stand else "could be chance" for stand in stands]
    about = {"table": "07", "dataset": "breakhis_40x", "network": "dalaresnet50"}
    about |= {"lead_over": "vit", "lead": 0.1, "images_ahead": 60, "p_least": 1e-9}
    return rows.assign(**about, is_share=True).assign(**changes)


@pytest.mark.parametrize(
    ("rows", "status", "said"),
    [
        (leads([False, False]), "not shown", "None of its 2 printed leads"),
        (leads([True, False]), "not shown", "1 of its 2 printed leads"),
        (leads([True, True]), "supported", "2 of its 2 printed leads"),
        # 0.7515 is no share of 600: with one image more the lead would not stand
        (leads([True], is_share=False, p_largest_one_more=0.056), "not shown", "None of its 1"),
        (leads([True], is_share=False, p_largest_one_more=0.04), "supported", "1 of its 1"),
    ],
)
def test_a_lead_counts_if_it_is_more_than_chance_whatever_is_not_printed(rows, status, said):
    line = only({"printed_intervals": rows})
    assert line.status == status and line.text.startswith(said)


def test_all_baselines_that_ran_on_real_images_are_counted():
    rows = [
        {"family": "baselines", "network": network, "metric": "accuracy", "difference": d}
        | {"verdict": verdict, "obstacles": "subset, demo scale", "data": "real (subset)"}
        for network, d, verdict in (
            ("seresnet50", -0.1, "contradicted"),
            ("seresnet50", -0.01, "not shown"),
            ("resnet50", -0.1, "not shown"),
            ("resnet50", 0.01, "not shown"),  # behind it once
        )
    ]
    tables = {"printed_intervals": leads([False]), "comparisons": pd.DataFrame(rows)}
    said = "a baseline is ahead in accuracy in 3 of 4 comparisons, 1 significant"
    assert said in only(tables).text
    tables["comparisons"] = pd.DataFrame(rows).assign(obstacles="phantom", data="phantom")
    assert "our small runs" not in only(tables).text


# --- the gate -------------------------------------------------------------------------------------


def gate(difference: float, p: float, *, reach: float = 0.05, patients: int = 23) -> pd.DataFrame:
    """The gate minus none on unknown patients: log loss and accuracy."""
    row = {"dataset": "breakhis_100x", "network": "efficientnet_lite0-gate", "seed": 0}
    row |= {"other": "efficientnet_lite0", "patients_are": "unknown", "patients": patients}
    row |= {"repeats": 8, "p_value": p, "p_holm": p, "difference": difference}
    row |= {"low": difference - reach, "high": difference + reach}
    loss = {"metric": "log_loss", "value": 0.6 + difference, "other_value": 0.6}
    right = {"metric": "accuracy", "value": 0.71, "other_value": 0.68}
    return pd.DataFrame([row | loss, row | right])


@pytest.mark.parametrize(
    ("rows", "status", "head"),
    [
        (gate(-0.2, 1e-4), "supported", "The gate makes probabilities better in our test"),
        (gate(0.2, 1e-4), "contradicted", "The gate makes probabilities worse in our test"),
        (gate(0.0, 0.9, reach=0.01), "agrees", "The gate changes nothing within 0.02"),
        (gate(-0.2, 0.2), "not shown", "Not shown: that the gate helps"),
        (gate(-0.2, 1e-4, patients=12), "not shown", "Not shown: that the gate helps"),
    ],
)
def test_the_gate_is_judged_by_log_loss_on_unknown_patients(rows, status, head):
    line = only(claims([]) | {"gate_crossover": rows}, "gate_crossover")
    assert (line.status, line.head) == (status, head)
    assert line.text.endswith("accuracy 71 % and 68 %.")


def test_the_gate_on_other_data_sets_is_said_too():
    rows = pd.concat([gate(0.2, 1e-4), gate(-0.1, 0.5).assign(dataset="breakhis_200x")])
    line = only(claims([]) | {"gate_crossover": rows}, "gate_crossover")
    assert line.status == "contradicted", "the primary measure is at 100X"
    assert line.text.endswith("68 %. BreakHis 200X: 0.50 and 0.60.")


def test_without_such_runs_the_gate_is_not_tested():
    line = only(claims([]))
    assert (line.status, line.head) == ("not tested", "Not tested: that the gate helps")


# --- maps on masks --------------------------------------------------------------------------------


def masks(verdict: str) -> pd.DataFrame:
    """IoU of maps on mammograms: those of a network, and chance."""
    found = {"dt_gradcam": 0.031, "gradcam": 0.044, "scorecam": 0.05, "random_map": 0.012}
    found |= {"brightness": 0.022}
    rows = pd.DataFrame({"method": found.keys(), "value": found.values()})
    rows = rows.assign(
        network="efficientnet_lite0", rule="lesion", metric="iou", images=361.0, seeds=3
    )
    rows = rows.assign(low=rows["value"] - 0.01, high=rows["value"] + 0.01)
    rows.loc[rows["method"] == "scorecam", "images"] = 3.0
    for other in ("gradcam", "scorecam"):  # Score-CAM, with three images, has no say
        rows[f"less_{other}_verdict"] = verdict if other == "gradcam" else "not shown"
        rows[f"less_{other}_reason"] = f"{verdict}, because"
    return rows


@pytest.mark.parametrize("verdict", ["supported", "not shown"])
def test_maps_are_judged_on_masks_where_there_are_runs_on_masks(verdict):
    line = only(claims([]) | {"cam_cbis_ddsm": masks(verdict)}, "cam_cbis_ddsm")
    assert line.status == verdict
    assert line.head == f"{verdict.capitalize()}: that DT Grad-CAM finds lesions better"
    assert "361 mammograms with lesion masks (CBIS-DDSM, 3 trainings)" in line.text
    assert "DT Grad-CAM 0.031, Grad-CAM 0.044, a random map 0.012, the image's own" in line.text
    assert list(line.rows["Method"])[:2] == ["DT Grad-CAM", "Grad-CAM"]


# --- what is missing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "status", "says"),
    [
        (["contradicted"], "contradicted", "Contradicted: that DT Grad-CAM finds lesions better"),
        (["supported", "not shown"], "not shown", "1 supported, 1 not shown"),
        (["not tested", "not tested"], "not tested", "2 not tested (synthetic images)"),
    ],
)
def test_without_runs_on_masks_the_claims_on_maps_decide(verdicts, status, says):
    (line,) = (line for line in answer(claims(verdicts)) if "DT Grad-CAM" in line.head)
    assert line.status == status and says in f"{line.head} {line.text}"


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
        ([0.001, 0.6], ["differs", "agrees"], {"shortfall": "1 seed"}, "not shown"),
        ([0.001, 0.6], ["not tested"] * 2, {"obstacles": "phantom"}, "not tested"),
    ],
)
def test_the_printed_scores_replicate_if_all_of_them_do(p_values, verdicts, changes, status):
    line = only(cells(p_values, verdicts, **changes))
    assert line.status == status
    tested = "were compared" in line.text and "replicate" in line.head
    assert tested == (status != "not tested")
    assert ("Not run yet" in line.head) == (status == "not tested")


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
