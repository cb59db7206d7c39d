"""From maps of a run to Tables XIII and XIV, the comparisons and Figure 7."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import run as command
from conftest import training_settings, write_prepared
from hand_made import hand_made_run, tiny_network

from paper_code.cam import compute_cam, evaluation
from paper_code.cam.contenders import CONTENDERS
from paper_code.cam.localization import overlap_scores, regions
from paper_code.device import default_device, resolve_precision
from paper_code.errors import UserError
from paper_code.files import read_json
from paper_code.networks.forward import normalize
from paper_code.reporting.tables.cam.localization import localization_rows
from paper_code.reporting.tables.cam.paired import FAMILIES, cam_comparison_rows
from paper_code.reporting.tables.cam.properties import property_rows
from paper_code.reporting.tables.cam.scores import (
    MAP_METRICS,
    NO_THRESHOLD,
    REGION_METRICS,
    CamRun,
    load_cam,
)

RULES = ("own", "otsu", "best", "area", "tuned")
AUC = {"value": 0.9, "low": 0.8, "high": 0.95}


def facts_of(images: int, **changes) -> dict:
    """What `cam.json` says of a run."""
    best = {"threshold": 0.5, "iou": 0.4, "area": 0.2}
    tuned = {name: {"iou": 0.4, "smoothing": 0.0, "threshold": 0.5} for name in CONTENDERS}
    tuned["dt_gradcam"] = {"iou": 0.4, "copies": 10, "sigma": 0.1, "kernel_size": 5}
    counts = ("images", "scorecam_images", "validation_images", "tuning_images")
    return (
        hand_made_run("dalaresnet50", **changes.pop("run", {})).facts
        | dict.fromkeys(counts, images)
        | {
            "layer": "gate",
            "truth": "exact masks",
            "lesion_masks": True,
            "lesion_share": 0.1,
            "auc_roc": AUC,
            "cam": {"copies": 10, "sigma": 0.1, "kernel_size": 5, "precision": "fp32"},
            "thresholds": dict.fromkeys(CONTENDERS, best),
            "tuned": tuned,
            "baselines": {"centre_sigma": 0.25, "random_draws": 5, "tie_draws": 2},
        }
        | changes
    )


def hand_made(gain: float, *, images=40, seed=0, **changes) -> CamRun:
    """Scores of 40 images of 20 patients; DT Grad-CAM's are higher by `gain`, with noise."""
    rng = np.random.default_rng(seed)
    changes = {"seed": seed, "split_seed": seed} | changes
    names = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(images)],
            "group": [f"patient {i // 2}" for i in range(images)],
            "label": "malignant",
            "predicted": "malignant",
            "lesion": 0.1,
        }
    )
    base = rng.uniform(0.3, 0.5, images)
    tables = {"regions": [], "maps": []}
    for method in CONTENDERS:
        for rule in RULES:
            own = base + rng.normal(0, 0.02, images) + gain * (method == "dt_gradcam")
            scores = pd.DataFrame(dict.fromkeys(REGION_METRICS, own))
            tables["regions"].append(
                pd.concat([names.assign(method=method, rule=rule), scores], axis=1)
            )
        own = base + rng.normal(0, 0.02, images) + gain * (method == "dt_gradcam")
        scores = pd.DataFrame(dict.fromkeys(MAP_METRICS, own))
        tables["maps"].append(pd.concat([names.assign(method=method), scores], axis=1))
    grid = pd.DataFrame({"method": ["dt_gradcam"] * 2, "sigma": [0, 0.1], "iou": [0.3, 0.4]})
    parts = (pd.concat(tables["regions"]), pd.concat(tables["maps"]), grid)
    return CamRun(facts_of(images, **changes), *parts)


def five(gain: float, **changes) -> list[CamRun]:
    """Five independent runs."""
    return [hand_made(gain, seed=seed, **changes) for seed in range(5)]


def test_a_planted_difference_is_found_and_none_is_not_invented():
    found = cam_comparison_rows(five(0.05), scale="paper", resamples=400)
    ours = found[found["method"] == "dt_gradcam"]
    shown = ours[ours["metric"].isin(["iou", "pointing_game"])]
    assert set(shown["verdict"]) == {"supported"}
    assert set(shown["obstacles"]) == {""}
    assert ((shown["low"] < 0.05) & (shown["high"] > 0.05)).mean() > 0.8
    spread = ours[ours["metric"] == "spread"]
    assert set(spread["verdict"]) == {"contradicted"}, "a larger entropy is less focused"
    others = found[~found["method"].eq("dt_gradcam") & ~found["control"].eq("dt_gradcam")]
    assert others["verdict"].eq("not shown").mean() > 0.95
    none = cam_comparison_rows(five(0.0), scale="paper", resamples=400)
    assert none["verdict"].eq("not shown").mean() > 0.95, "and no two maps are equivalent"


def test_maps_of_one_run_or_of_few_patients_show_nothing_about_methods():
    one = cam_comparison_rows([hand_made(0.05)], scale="paper", resamples=100)
    assert set(one["verdict"]) == {"not shown"}
    assert set(one["reason"]) == {"1 of at least 5 seeds"}
    few = cam_comparison_rows(five(0.05, images=38), scale="paper", resamples=100)
    assert set(few["reason"]) == {"19 of at least 20 test patients in a run"}
    assert set(few["fewest_patients"]) == {19}


def test_comparisons_have_every_pair_and_what_claims_read():
    found = cam_comparison_rows([hand_made(0.05)], scale="paper", resamples=50)
    pairs = {(family, *pair) for family, several in FAMILIES.items() for pair in several}
    pairs = {pair for pair in pairs if pair[0] != "brightness"}  # of grey images alone
    assert set(found[["family", "method", "control"]].itertuples(index=False, name=None)) == pairs
    wanted = ["difference", "low", "high", "p_value", "p_holm", "images", "patients", "seeds"]
    assert not found[wanted].isna().any(axis=None)
    assert set(found["rule"]) == {*RULES, "none"}
    cell = found[(found["rule"] == "area") & (found["metric"] == "iou")]
    assert len(cell) == len(pairs)
    difference = cell["method_value"] - cell["control_value"]
    np.testing.assert_allclose(cell["difference"], difference, atol=2e-6)


def test_marking_everything_is_detected_and_does_not_count():
    run = hand_made(0.05)
    of_nothing = run.regions["method"].isin(["dt_gradcam", "gradcam"])
    run.regions.loc[of_nothing & (run.regions["rule"] == "best"), "area"] = 0.95
    found = cam_comparison_rows([run], scale="paper", resamples=50)
    cells = found[found["family"] == "paper"].set_index(["control", "rule", "metric"])
    assert cells.loc[("gradcam", "best", "iou"), "obstacles"] == NO_THRESHOLD
    assert cells.loc[("eigencam", "best", "iou"), "obstacles"] == "", "the control has a threshold"
    assert cells.loc[("gradcam", "area", "iou"), "obstacles"] == ""
    rows = localization_rows([run], scale="paper", resamples=50)
    marked = rows[rows["marks_everything"] == 1]
    assert set(marked["method"]) == {"dt_gradcam", "gradcam"} and set(marked["rule"]) == {"best"}


def test_patients_named_na_are_patients_and_an_image_without_one_is_a_unit_for_all_seeds(tmp_path):
    """pandas reads NA and None as missing. Otherwise three seeds would count each image three times
    and narrow every interval."""
    run = hand_made(0.05)
    groups = dict.fromkeys(run.maps["image"], "") | dict.fromkeys(("0.png", "1.png"), "NA")
    groups |= dict.fromkeys(("2.png", "3.png"), "None")
    paths = []
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name in ("regions", "maps"):
            table = getattr(run, name)
            table = table.assign(group=table["image"].map(groups))
            table.to_csv(folder / f"{name}.csv", index=False)
        run.tuning.to_csv(folder / "tuning.csv", index=False)
        (folder / "cam.json").write_text(json.dumps(run.facts | {"seed": seed}))
        paths.append(folder / "cam.json")
    one, three = ([load_cam(path) for path in paths[:count]] for count in (1, 3))
    for rows in (one, three):
        found = cam_comparison_rows(rows, scale="paper", resamples=100)
        assert set(found["patients"]) == {38} and set(found["seeds"]) == {len(rows)}
    keys = ["method", "rule", "metric"]
    first, second = (
        localization_rows(rows, scale="paper", resamples=400).set_index(keys)
        for rows in (one, three)
    )
    width = first["high"] - first["low"]
    # The same values thrice tell nothing new: the intervals are as wide as those of one seed.
    np.testing.assert_allclose(second["high"] - second["low"], width, rtol=0.25)


def test_holm_is_over_the_controls_of_one_family_metric_and_rule():
    found = cam_comparison_rows([hand_made(0.004)], scale="paper", resamples=400)
    own = found[(found["metric"] == "iou") & (found["rule"] == "own")]
    own = own[own["family"] == "paper"].sort_values("p_value")
    assert len(own) == 3
    assert own["p_holm"].iloc[0] == pytest.approx(min(1, 3 * own["p_value"].iloc[0]), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "scale", "reason"),
    [
        ({"run": {"data": "phantom"}}, "paper", "phantom"),
        ({"run": {"weights": "random"}}, "paper", "random weights"),
        ({}, "demo", "demo scale"),
        ({"lesion_masks": False}, "paper", "no lesion masks"),
        ({"auc_roc": AUC | {"low": 0.45}}, "paper", "network not shown to beat chance"),
    ],
)
def test_maps_of_something_else_never_count(options, scale, reason):
    run = hand_made(0.05, **options)
    scores = localization_rows([run], scale=scale, resamples=50)
    pairs = cam_comparison_rows([run], scale=scale, resamples=50)
    for rows in (scores[scores["value"].notna()], pairs, property_rows(scores, pairs)):
        assert all(reason in text.split(", ") for text in rows["obstacles"])


def test_table_14_has_the_mean_over_images_beside_the_printed_value():
    run = hand_made(0.05)
    rows = localization_rows([run], scale="paper", resamples=400)
    cells = rows[rows["value"].notna()].set_index(["method", "rule", "metric"])
    own = cells.loc[("dt_gradcam", "own", "iou")]
    regions_of = run.regions.query("method == 'dt_gradcam' and rule == 'own'")
    assert own["value"] == pytest.approx(regions_of["iou"].mean(), abs=1e-6)
    assert own["low"] < own["value"] < own["high"]
    assert cells.loc[("gradcam", "own", "iou"), "printed"] == 0.3064  # Table XIV, 40X
    assert np.isnan(cells.loc[("gradcam", "otsu", "iou"), "printed"])
    assert own["verdict"] == "not tested"
    assert own["obstacles"] == "the paper's ground truth is unknown"
    assert set(rows["rule"]) == {*RULES, "none"}
    assert set(rows["method"]) == set(CONTENDERS)
    assert set(rows["lesion"].dropna()) == {0.1}
    alone = rows[rows["value"].isna() & rows["printed"].notna()]
    assert set(alone["reason"]) == {"not run"} and "breakhis_400x" in set(alone["dataset"])


def test_table_13_takes_each_property_from_the_scores_and_the_comparisons():
    options = {"scale": "paper", "resamples": 400}
    scores = localization_rows(five(0.05), **options)
    pairs = cam_comparison_rows(five(0.05), **options)
    rows = property_rows(scores, pairs)
    assert len(rows) == 5 * (3 + 2)
    printed = rows[(rows["property"] == "visualization_clarity") & (rows["method"] == "dt_gradcam")]
    assert printed["printed"].iloc[0] == "Clear and focused."
    for control, family in (("gradcam", "paper"), ("gradcam_otsu", "steps")):
        of_control = rows[rows["control"] == control].set_index("property")
        assert of_control["verdict"]["interpretability"] == "supported", "more energy inside"
        assert of_control["verdict"]["visualization_clarity"] == "contradicted", "a higher entropy"
        assert of_control["verdict"]["noise_reduction"] == "supported"
        expected = pairs.query(
            f"control == '{control}' and family == '{family}' and method == 'dt_gradcam' "
            "and metric == 'stability'"
        )
        assert of_control["difference"]["noise_reduction"] == expected["difference"].item()
    inside = np.mean(
        [r.maps.query("method == 'gradcam'")["energy_inside"].mean() for r in five(0.05)]
    )
    found = rows.query("method == 'gradcam' and property == 'interpretability'")["value"].item()
    assert found == pytest.approx(inside, abs=1e-6)


# --- evaluate_run, on a small network -------------------------------------------------------------


@pytest.fixture
def run_and_data(tmp_path, monkeypatch):
    """A run's files with a small network behind them: (run folder, prepared folder, network)."""
    prepared, split = write_prepared(tmp_path)
    table = pd.read_csv(prepared / "manifest.csv")
    masks = np.zeros((len(table), 32, 32), np.uint8)
    masks[1:, 8:20, 10:25] = 1  # the first image has no lesion
    np.save(prepared / "masks.npy", masks)
    table["mask"] = ["", *(f"mask {i}.png" for i in range(1, len(table)))]
    table.to_csv(prepared / "manifest.csv", index=False)
    run = tmp_path / "run"
    run.mkdir()
    parts = pd.read_csv(split).query("part != 'train'")
    predicted = np.where(np.arange(len(parts)) % 3, parts["label"], "benign")
    malignant = np.where(parts["label"] == "malignant", 0.6, 0.4)
    parts.assign(predicted=predicted, p_benign=1 - malignant, p_malignant=malignant).to_csv(
        run / "predictions.csv", index=False
    )
    options = {"data": read_json(prepared / "source.json"), "settings": {"image_size": 32}}
    facts = hand_made_run("dalaresnet50", weights="random", **options).facts
    (run / "run.json").write_text(json.dumps(facts))
    torch.manual_seed(0)
    network = tiny_network().eval()
    monkeypatch.setattr(evaluation, "network_from_checkpoint", lambda path: (network, {}))
    return run, prepared, network


def evaluate_run(run, prepared, output, **changes) -> None:
    settings = training_settings(**{"cam_tuning_images": 2} | changes)
    evaluation.evaluate_run(run, prepared, output, settings)


def test_scores_of_a_run_are_those_of_its_maps(run_and_data, tmp_path):
    run, prepared, network = run_and_data
    evaluate_run(run, prepared, tmp_path / "cam", cam_images="all", scorecam_images=3, cam_copies=3)
    found = load_cam(tmp_path / "cam/cam.json")
    tests = pd.read_csv(run / "predictions.csv").query("part == 'test'")
    manifest = pd.read_csv(prepared / "manifest.csv")
    first = manifest["image"].iloc[0]
    # Of two classes, those of the last; the first image shows no lesion.
    scored = set(tests.query("label == 'malignant'")["image"]) - {first}
    assert set(found.maps["image"]) == scored
    assert read_json(tmp_path / "cam/cam.json")["classes_scored"] == ["malignant"]
    own = found.regions.query("rule == 'lesion' and method == 'gradcam'")
    assert own["area"].tolist() == pytest.approx(own["lesion"].tolist(), abs=1e-5)
    counts = found.maps["method"].value_counts()
    assert counts["scorecam"] == 3 and counts["gradcam"] == len(scored)

    one = found.regions.query("method == 'gradcam' and rule == 'own'").iloc[4]
    row = manifest.index[manifest["image"] == one["image"]].item()
    inputs = normalize(torch.from_numpy(np.load(prepared / "images.npy")[[row]]))
    explained = ["benign", "malignant"].index(one["predicted"])
    maps = compute_cam(network, inputs, [explained], "gradcam")
    expected = overlap_scores(regions(maps, "gradcam"), np.load(prepared / "masks.npy")[[row]])
    assert one["iou"] == pytest.approx(expected["iou"].item(), abs=1e-6)
    assert one["recall"] == pytest.approx(expected["recall"].item(), abs=1e-6)


def test_same_seed_same_scores(run_and_data, tmp_path):
    run, prepared, _ = run_and_data
    for name in ("one", "two"):
        evaluate_run(run, prepared, tmp_path / name, cam_images=4, scorecam_images=2, cam_copies=2)
    for name in ("regions.csv", "maps.csv", "tuning.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_histology_set_without_masks_has_a_stand_in(run_and_data, tmp_path):
    run, prepared, _ = run_and_data
    table = pd.read_csv(prepared / "manifest.csv").drop(columns="mask").assign(mask="")
    table.to_csv(prepared / "manifest.csv", index=False)
    given = {"cam_images": 2, "scorecam_images": 1, "cam_copies": 2, "cam_precision": "auto"}
    evaluate_run(run, prepared, tmp_path / "cam", **given)
    facts = read_json(tmp_path / "cam/cam.json")
    assert facts["cam"]["precision"] == resolve_precision("auto", default_device())
    assert facts["truth"].startswith("haematoxylin-dense region")
    assert not facts["lesion_masks"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "mine"}, "was not trained on the data set"),
        (None, "no val image shows a lesion"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(run_and_data, tmp_path, change, message):
    run, prepared, _ = run_and_data
    if change:
        facts = read_json(run / "run.json") | change
        (run / "run.json").write_text(json.dumps(facts))
    else:
        masks = np.load(prepared / "masks.npy")
        np.save(prepared / "masks.npy", np.zeros_like(masks))
    with pytest.raises(UserError, match=message):
        evaluate_run(run, prepared, tmp_path / "cam", cam_images=2, scorecam_images=1)
    assert not (tmp_path / "cam").exists()


def test_from_maps_to_tables_and_figure_by_the_command_line(run_and_data, tmp_path):
    run, prepared, _ = run_and_data
    evaluate_run(run, prepared, tmp_path / "cam", cam_images=6, scorecam_images=2, cam_copies=2)
    facts = tmp_path / "cam/cam.json"
    made = {name: tmp_path / "tables" / f"{name}.csv" for name in ("14", "cam_comparisons")}
    from_scores = ["--cams", facts, "--resamples", "20", "--scale", "demo"]
    for name in (*made, "cam_mine", "13"):
        out = tmp_path / "tables" / f"{name}.csv"
        words = ["table", name, *(["--tables", *made.values()] if name == "13" else from_scores)]
        assert command(*words, "--output", out) == 0
        assert len(pd.read_csv(out)) > 0
        text = out.with_suffix(".md").read_text()
        assert (name == "13" or "phantom" in text) and not re.search(r"\bnan\b", text)
    with np.load(tmp_path / "cam/examples.npz") as examples:  # as many as Score-CAM explains
        assert len(examples["image"]) == len(examples["map_dt_gradcam"]) == 2
        first = pd.read_csv(tmp_path / "cam/maps.csv").query("method == 'gradcam'")[:2]
        assert examples["predicted"].tolist() == first["predicted"].tolist()
        assert str(examples["source"]).startswith("A synthetic image (phantom"), "no file's name"
    out = tmp_path / "figures/figure_07_cam_comparison.png"
    assert command("figure", "07", "--cams", facts, "--scale", "demo", "--output", out) == 0
    assert out.exists() and out.with_suffix(".pdf").exists()
    out = tmp_path / "figures/figure_07_steps.npz"
    assert command("steps", "--cams", facts, "-o", out) == 0
    with np.load(out, allow_pickle=False) as steps:
        assert steps["copies"].shape[0] == len(steps["weights"]) == 2
        assert steps["thresholded"].shape == steps["lesion"].shape == (32, 32)
