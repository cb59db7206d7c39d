"""Jobs on a cluster: what they are handed, and in which groups they wait."""

import os

import pytest
import yaml
from conftest import ROOT, snakemake

from paper_code.config import choose, load_config
from paper_code.files import write_json


def test_a_job_gets_what_its_run_has_chosen(tmp_path, monkeypatch):
    """Where it runs, `auto` would mean something else."""
    chosen = choose(load_config() | {"scale": "demo", "data": "phantom", "results": "chosen"})
    write_json(tmp_path / "choice.json", chosen)
    monkeypatch.setitem(os.environ, "PAPER_CODE_CHOICE", str(tmp_path / "choice.json"))
    target = "chosen/tables/table_06_splits.csv"
    done = snakemake(tmp_path, "-n", target, "--config", "scale=paper", "data=real")
    assert done.returncode == 0, done.stdout


@pytest.mark.workflow
@pytest.mark.parametrize("name", ["slurm", "slurm-cpu"])
def test_the_profiles_of_clusters_plan_the_demo(name, tmp_path):
    """Their groups hold no circle: a dry run with another executor builds them."""
    profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
    groups = [f"{rule}={group}" for rule, group in profile["groups"].items()]
    limits = profile["group-components"]
    config = ["--config", "scale=demo", "data=phantom"]
    done = snakemake(tmp_path, "-n", "--groups", *groups, "--group-components", *limits, *config)
    assert done.returncode == 0, done.stdout
    assert "Group job" in done.stdout
