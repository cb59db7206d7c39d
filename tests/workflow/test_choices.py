"""What a run has chosen is handed to its jobs, whatever their machine would choose."""

import pytest
import yaml
from conftest import ROOT, snakemake

from paper_code.choices import Choices
from paper_code.config import load_config
from paper_code.errors import UserError


def test_jobs_get_what_the_run_has_chosen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config() | {"scale": "auto", "data": "phantom", "epochs": 3}
    monkeypatch.setattr("paper_code.config.cuda_device_count", lambda: 0)
    chosen = Choices.of(config)
    chosen.write()
    monkeypatch.setattr("paper_code.config.cuda_device_count", lambda: 1)
    monkeypatch.setattr("paper_code.choices.cuda_device_count", lambda: 1)
    monkeypatch.setattr("paper_code.choices.check_gpu", lambda: None)
    handed = config | yaml.safe_load(chosen.path.read_text(encoding="utf-8"))
    assert Choices.handed_on(handed) == chosen
    assert chosen.settings["scale"] == "demo"
    other = Choices.of(config)
    assert other.settings["scale"] == "paper" and other.path != chosen.path


def test_a_job_that_was_told_nothing_stops():
    with pytest.raises(UserError, match="was not told"):
        Choices.handed_on(load_config())


@pytest.mark.workflow
@pytest.mark.parametrize("name", ["slurm", "slurm-cpu"])
def test_the_profiles_of_clusters_plan_the_smoke_scale(name, tmp_path):
    """Their groups hold no circle: a dry run with another executor builds them."""
    profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
    groups = [f"{rule}={group}" for rule, group in profile["groups"].items()]
    limits = profile["group-components"]
    config = ["--config", "scale=smoke", "data=phantom"]
    done = snakemake(tmp_path, "-n", "--groups", *groups, "--group-components", *limits, *config)
    assert done.returncode == 0, done.stdout
    assert "Group job small" in done.stdout
