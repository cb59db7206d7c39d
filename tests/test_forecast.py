"""From rates to totals: sums that can be checked by hand."""

import pytest
import yaml
from conftest import ROOT

from paper_code.config import resolve_settings
from paper_code.forecast import (
    Maps,
    Rates,
    Training,
    cams_of,
    forecast,
    kind_of,
    maps_seconds,
    sets_of,
    training_seconds,
)
from paper_code.plan import Plan

CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
IMAGES = 100  # 60 to train on, 10 validation, 30 test
JOBS = ("phantom", "manifest", "prepare", "split", "table", "figure", "report", "notebook")


@pytest.fixture
def plan():
    """Two networks on one phantom, without controls and maps."""
    changes = {
        "scale": "smoke",
        "data": "phantom",
        "datasets": ["breakhis_40x"],
        "networks": ["dalaresnet50", "resnet50"],
        "placements": [],
        "leakage_datasets": [],
        "leakage_control_seeds": [],
        "cam_datasets": [],
        "epochs": 2,
        "batch_size": 8,
    }
    settings = resolve_settings(CONFIG | changes)
    return Plan(settings, {"breakhis_40x": ("phantom", "")})


def rates(plan, **changes) -> Rates:
    """Steps of 1 s and 10 MB, a start of 5 s, evaluation of 10 images a second, jobs of 1 s."""
    training = {kind_of(plan, run): Training(5, 1, 0.1, 10_000_000) for run in plan.runs}
    given = {
        "training": training,
        "maps": {},
        "drawing": {"breakhis": 0.5},
        "reading": {"breakhis_40x": 0.25},
        "jobs": dict.fromkeys(JOBS, 1.0),
        "slots": 1,
        "cores": 1,
        "in_turn": False,
    }
    return Rates(**given | changes)


def test_a_training_run(plan):
    run = plan.runs[0]
    start, rest = training_seconds(plan, run, IMAGES, Training(5, 1, 0.1, 0))
    # 7 steps of 8 images; 60 images for the batch norm and 10 of validation; then val and test.
    assert (start, rest) == (5, pytest.approx(2 * (7 * 1 + 70 * 0.1) + 40 * 0.1))


def test_maps_of_a_run(plan):
    run = plan.runs[0]
    plan.settings.update(
        cam_images="all", scorecam_images=3, faithfulness_images=4, cam_tuning_images=5
    )
    start, rest = maps_seconds(plan, run, IMAGES, Maps(7, 1, 100, 10, 1000, 0))
    shown = round(30 * 1370 / 1995)  # malignant ones among the test images
    assert start == 7
    assert rest == shown * 1 + 3 * 100 + 4 * 10 + 5 * 1000


def test_the_whole_run(plan):
    assert sets_of(plan) == ["breakhis_40x"] and cams_of(plan) == []
    found = forecast(plan, rates(plan), {"breakhis_40x": IMAGES}, notebooks=9)
    parts = {part.name: part for part in found.parts}
    assert parts["phantoms"].seconds == 1 + IMAGES * 0.5
    assert parts["reading and splitting"].seconds == 1 + 1 + 1 + IMAGES * 0.25
    assert parts["dalaresnet50, 64 px"].seconds == pytest.approx(5 + 32)
    assert parts["notebooks"].seconds == 9
    results = len(plan.results) + len(plan.steps)
    assert parts["tables, figures, report"].jobs == results + 1
    assert found.seconds == pytest.approx(sum(part.seconds for part in found.parts))
    assert found.memory == 10_000_000


def test_jobs_at_once_share_the_time(plan):
    one = forecast(plan, rates(plan), {"breakhis_40x": IMAGES}, notebooks=9)
    two = forecast(plan, rates(plan, slots=2, cores=2), {"breakhis_40x": IMAGES}, notebooks=9)
    assert two.seconds == pytest.approx(one.seconds / 2)
    assert two.memory == 2 * one.memory


def test_on_a_gpu_runs_wait_for_each_other(plan):
    """Their starts hide behind the training of others; what is timed does not."""
    given = rates(plan, slots=3, cores=10**9, in_turn=True)
    found = forecast(plan, given, {"breakhis_40x": IMAGES}, notebooks=0)
    assert found.seconds == pytest.approx(2 * 32, abs=1e-3)
    assert found.memory == 10_000_000


def test_a_result_measured_itself_takes_its_own_time(plan):
    images = {"breakhis_40x": IMAGES}
    before = forecast(plan, rates(plan), images, notebooks=0).seconds
    jobs = dict.fromkeys(JOBS, 1.0) | {"audit": 21.0}
    after = forecast(plan, rates(plan, jobs=jobs), images, notebooks=0).seconds
    assert after - before == pytest.approx(20)
