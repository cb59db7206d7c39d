"""The workflow itself: what depends on what, and that one seed gives one result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["scale=smoke", "data=phantom", "datasets=[breakhis_100x]", "networks=[resnet50]",
         "placements=[]", "epochs=1", "bootstrap_resamples=50"]  # fmt: skip


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the workflow in `folder` and return what it printed, both streams in one."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
               "--workflow-profile", "none", "--directory", str(folder), "--cores", "2",
               *arguments]  # fmt: skip
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def test_one_seed_gives_byte_identical_predictions_and_tables(tmp_path):
    contents = []
    for name in ("first", "second"):
        folder = tmp_path / name
        done = snakemake(folder, "--config", *SMALL)
        assert done.returncode == 0, done.stdout
        assert "data=phantom" in done.stdout, "the run says what was chosen and why"
        results = folder / "results" / "smoke"
        files = [*results.glob("runs/*/*/*/predictions.csv"), *results.glob("runs/*/*/*/run.json"),
                 *results.glob("splits/*/*.csv"), *results.glob("figures/figure_06*"),
                 *(p for p in results.glob("tables/*") if "cost" not in p.name)]  # fmt: skip
        contents.append({p.relative_to(folder): p.read_bytes() for p in files})
    assert contents[0].keys() == contents[1].keys()
    assert len(contents[0]) >= 10
    for path, first in contents[0].items():
        assert first == contents[1][path], f"{path} differs between two runs with one seed"


def test_an_unknown_key_ends_before_anything_is_written(tmp_path):
    done = snakemake(tmp_path, "-n", "--config", "scale=smoke", "epoch=3")
    assert done.returncode != 0
    assert "unknown key 'epoch' (did you mean 'epochs'?)" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs=many", "'epochs' is 'many'"),
        ("networks=[resnet51]", "resnet51"),
        ("data=real", "Run 'python -m paper_code fetch breakhis"),
    ],
)
def test_wrong_settings_are_named(tmp_path, setting, message):
    done = snakemake(tmp_path, "-n", "--config", "scale=smoke", setting)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
