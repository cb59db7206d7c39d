"""What is imported: no extra in a light installation, and no large package without need."""

import pandas as pd
import pytest
from conftest import ROOT, python

from paper_code import cli

# Snakemake and Jupyter are programs of their own; the package never imports them.
MISSING = (*cli.EXTRAS, "snakemake", "jupyter", "nbval")
WITHOUT = f"import sys\nsys.modules |= dict.fromkeys({MISSING!r})\n"
RUN = "import sys\nfrom paper_code.cli import main\nstatus = main(sys.argv[1:])\n"
# Seconds each; the workflow starts some 120 commands.
SLOW = {"torch", "torchvision", "timm", "sklearn", "imblearn", "skimage"}
START = """
import re, sys
from pathlib import Path
for path in map(Path, sys.argv[1:]):
    for line in re.findall(r"(?m)^(?:from|import) .*paper_code.*$", path.read_text()):
        exec(line)
"""
OWN = "datasets.prepare training.run inference.predict inference.explain inference.evaluate "
OWN += "inference.card inference.export cam.evaluation cam.drop_in networks.timm_models "
OWN += "workflow.doctor phantoms audit reporting.html"


def loaded(code: str, *words: str, slow: set[str] = SLOW, **options) -> set[str]:
    """Those of the large packages that are there after some code, which must succeed."""
    done = python(f"{code}\nprint('loaded:', *({slow} & set(sys.modules)))", *words, **options)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


TABLES = " ".join(f"tables/{path.name}" for path in sorted((ROOT / "tables").glob("*.csv")))
COMMANDS = {
    f"report --tables {TABLES} --summary tables/summary.md --output r.html": set(),
    f"summary --tables {TABLES} --scale demo --output s.md": set(),
    f"table claims --tables {TABLES} --scale demo --output c.csv": set(),
    "table others --output others.csv": set(),
    "split manifest.csv --output split.csv": {"sklearn"},
}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[:12])
def test_a_command_imports_what_it_needs(words, tmp_path):
    images = pd.DataFrame({"image": [f"{n}.png" for n in range(40)], "label": ["a", "b"] * 20})
    images.assign(group=images["image"]).to_csv(tmp_path / "manifest.csv", index=False)
    (tmp_path / "tables").symlink_to(ROOT / "tables")
    code = f"{RUN}assert status == 0"
    assert loaded(code, *words.split(), folder=tmp_path) == COMMANDS[words]


def test_the_workflow_starts_quickly():
    """Each start, and each job on a cluster, imports what the rules ask."""
    rules = map(str, (ROOT / "workflow/rules").glob("*.smk"))
    slow = {*SLOW, "matplotlib", "nbclient", "nbconvert", "nbformat"}
    assert loaded(START, *rules, slow=slow) == set()


def test_a_missing_extra_is_one_message(tmp_path):
    code = f"{WITHOUT}{RUN}sys.exit(status)"
    done = python(code, "figure", "01", "--output", tmp_path / "f.png")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: figure needs the package matplotlib" in done.stderr
    assert "pip install '.[reproduce]'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_modules_for_own_images_do_without_extras():
    """Commands that a light installation is for, with all that they import."""
    done = python(WITHOUT + "".join(f"import paper_code.{name}\n" for name in OWN.split()))
    assert done.returncode == 0, done.stderr


def test_the_command_is_called_by_its_name():
    code = f"import sys\nsys.argv = ['/somewhere/bin/dalaresnet50', '--help']\n{RUN}"
    shown = python(code).stdout
    assert shown.startswith("Usage: dalaresnet50 ") and "python -m" not in shown
