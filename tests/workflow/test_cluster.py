"""Jobs on a cluster: what they are handed, and in which groups they wait."""

import pytest
import yaml
from conftest import ROOT, snakemake

from paper_code.settings import load_config, resolve_settings


def test_a_job_gets_what_its_run_has_chosen(tmp_path, monkeypatch):
    """Where it runs, `auto` would mean something else."""
    chosen = load_config() | {"scale": "demo", "data": "phantom", "results": "chosen"}
    resolve_settings(chosen).write(tmp_path / "settings.yaml")
    monkeypatch.setenv("PAPER_CODE_SETTINGS", str(tmp_path / "settings.yaml"))
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
