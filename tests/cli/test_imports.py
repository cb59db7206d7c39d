"""Commands start quickly: none imports a large package that its work does not need."""

import pandas as pd
import pytest
from conftest import ROOT, python

# Seconds each; the workflow starts some 120 commands.
SLOW = ("torch", "torchvision", "timm", "sklearn", "imblearn", "skimage")
CODE = """
import sys
from paper_code.cli import main
assert main(sys.argv[1:]) == 0
print("loaded:", *({slow} & set(sys.modules)))
"""
START = """
import re, sys
from pathlib import Path
for path in map(Path, sys.argv[1:]):
    for line in re.findall(r"(?m)^(?:from|import) .*paper_code.*$", path.read_text()):
        exec(line)
print("loaded:", *({slow} & set(sys.modules)))
"""
TABLES = sorted(map(str, (ROOT / "tables").glob("*.csv")))


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (
            ["report", "--tables", *TABLES, "--summary", "tables/summary.md", "--output", "r.html"],
            set(),
        ),
        (["summary", "--tables", *TABLES, "--scale", "demo", "--output", "s.md"], set()),
        (["table", "claims", "--tables", *TABLES, "--scale", "demo", "--output", "c.csv"], set()),
        (["table", "others", "--output", "others.csv"], set()),
        (["split", "manifest.csv", "--output", "split.csv"], {"sklearn"}),
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, list) else "",
)
def test_a_command_imports_what_it_needs(command, needed, tmp_path):
    images = pd.DataFrame({"image": [f"{n}.png" for n in range(40)], "label": ["a", "b"] * 20})
    images.assign(group=images["image"]).to_csv(tmp_path / "manifest.csv", index=False)
    (tmp_path / "tables").symlink_to(ROOT / "tables")
    done = python(CODE.format(slow=set(SLOW)), *command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.rpartition("loaded:")[2].split()
    assert set(loaded) == needed


def test_the_workflow_starts_quickly():
    """Each start, and each job on a cluster, imports what the rules ask."""
    rules = sorted(map(str, (ROOT / "workflow/rules").glob("*.smk")))
    code = START.format(slow={*SLOW, "matplotlib", "nbclient", "nbconvert", "nbformat"})
    done = python(code, *rules)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "loaded:"
