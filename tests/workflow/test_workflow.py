"""The workflow itself: what depends on what, that one seed gives one result, and its report."""

import json
import os
import re
from pathlib import Path

import pytest
from conftest import copy_code, snakemake

SMALL = [
    "scale=demo",
    "data=phantom",
    "datasets=[breakhis_100x]",
    "networks=[dalaresnet50, resnet50]",
    "placements=[]",
    "epochs=1",
    "image_size=32",
    "bootstrap_resamples=50",
    "leakage_datasets=[]",
]


# A few results of every kind; `make test` makes them all.
KEPT = (
    "results",
    "convergence",
    "table_06_splits",
    "table_07_breakhis_comparison",
    "figure_06_confusion_matrices",
    "summary",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the code, to be edited, with a few results in its catalogue."""
    root = copy_code(tmp_path_factory.mktemp("code"))
    with (root / "paper_code/reporting/catalogue/__init__.py").open("a") as catalogue:
        catalogue.write(f"RESULTS = tuple(r for r in RESULTS if r.name in {KEPT})\n")
    return root


@pytest.fixture(scope="module")
def finished(copy, tmp_path_factory) -> Path:
    """The folder of a small run of that copy."""
    folder = tmp_path_factory.mktemp("finished")
    done = snakemake(folder, "--config", *SMALL, root=copy)
    assert done.returncode == 0, done.stdout
    assert "data=phantom" in done.stdout, "the run says what was chosen and why"
    return folder


def test_one_seed_gives_byte_identical_predictions_and_tables(finished, copy, tmp_path):
    run = "runs/breakhis_100x/resnet50/image-0-0/run.json"
    targets = [f"results/demo/{name}" for name in (run, "tables/table_06_splits.csv")]
    done = snakemake(tmp_path, *targets, "--config", *SMALL, root=copy)
    assert done.returncode == 0, done.stdout
    second = tmp_path / "results/demo"
    files = [second / run, (second / run).with_name("predictions.csv")]
    files += [*second.glob("splits/*/*.csv"), *second.glob("tables/*")]
    assert len(files) == 5
    for path in files:
        first = finished / path.relative_to(tmp_path)
        assert first.read_bytes() == path.read_bytes(), f"{path.name} differs between two runs"


def listed_after_editing(module: str, copy: Path, finished: Path) -> tuple[set[str], str]:
    """Rules that a dry run lists after a line was added to a module, and the whole listing."""
    path = copy / "paper_code" / module
    before = path.read_text(encoding="utf-8")
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text(before + "\n# edited\n", encoding="utf-8")
    try:
        done = snakemake(finished, "-n", "-p", "--config", *SMALL, root=copy)
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=times)
    assert done.returncode == 0, done.stdout
    return set(re.findall(r"(?m)^(\w+) +\d+$", done.stdout)) - {"all", "total"}, done.stdout


def test_nothing_is_left_to_do_after_a_run(finished, copy):
    done = snakemake(finished, "-n", "--config", *SMALL, root=copy)
    assert done.returncode == 0 and "Nothing to be done" in done.stdout


def test_editing_a_figure_redraws_that_figure_and_the_report_alone(finished, copy):
    rules, listing = listed_after_editing("reporting/figures/confusion_matrices.py", copy, finished)
    assert rules == {"figure", "report"}, listing
    jobs = re.findall(r"Job \d+: (.*)", listing)
    assert sorted(job for job in jobs if not job.startswith("All ")) == [
        "Figure figure_06_confusion_matrices",
        "Report",
    ]


def test_editing_the_gate_retrains_the_runs_that_use_it(finished, copy):
    rules, listing = listed_after_editing("networks/dalaresnet50.py", copy, finished)
    assert "Training dalaresnet50 on breakhis_100x" in listing
    assert "Training resnet50" not in listing
    assert {"train", "table", "figure"} <= rules
    assert "Figure figure_06_confusion_matrices" in listing
    assert not rules & {"phantom", "manifest", "prepare", "split"}, listing
    assert "Table table_06_splits" not in listing


def test_editing_the_catalogue_alone_remakes_nothing(finished, copy):
    rules, listing = listed_after_editing("reporting/catalogue/results.yaml", copy, finished)
    assert rules == set(), listing


@pytest.fixture(scope="module")
def report(finished) -> Path:
    return finished / "results" / "demo" / "report.html"


def results_made(finished: Path) -> set[str]:
    """Names of the tables, figures and the summary that a run made."""
    made = finished / "results" / "demo"
    return {p.stem for p in [*made.glob("tables/*.md"), *made.glob("figures/*.png")]}


def test_the_report_holds_every_table_and_figure_with_its_caption(report, finished):
    page = report.read_text(encoding="utf-8")
    sections = set(re.findall(r'<section class="result" id="(\w+)">', page))
    assert sections == results_made(finished)
    assert page.count('<p class="caption">') == len(sections) - 1, "all but the summary"
    assert "<strong>Table VII.</strong> Accuracy" in page
    assert "stand in for BreakHis 100X. A number measured on them says nothing" in page
    for group in ("The paper&#39;s tables and figures", "Cost and convergence"):
        assert f">{group}</h2>" in page
    links = set(re.findall(r'href="([^"]+)"', page))
    assert links and all(link.startswith("#") for link in links)
    assert links - {"#top"} <= {f"#{name}" for name in re.findall(r' id="([^"]+)"', page)}


def test_snakemake_s_own_report_has_the_page_and_the_figures(finished, copy, tmp_path):
    path = tmp_path / "snakemake.html"
    done = snakemake(finished, "--report", str(path), "--config", *SMALL, root=copy)
    assert done.returncode == 0, done.stdout
    page = path.read_text(encoding="utf-8")
    script = page[page.index('<script id="results"') :]
    results = json.JSONDecoder().raw_decode(script, script.index("{"))[0]
    figures = {p.stem for p in (finished / "results/demo/figures").glob("*.png")}
    assert {entry["labels"]["result"] for entry in results.values()} == {"report", *figures}
    for entry in results.values():
        assert "Scale: demo. Data: breakhis_100x phantom." in entry["caption"]
    assert "says nothing about the paper" in page


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", "unknown key 'epoch' (did you mean 'epochs'?)"),
        ("data=real", "Run 'python -m paper_code fetch breakhis"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_written(tmp_path, setting, message):
    done = snakemake(tmp_path, "-n", "--config", "scale=demo", setting)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "results").exists()
