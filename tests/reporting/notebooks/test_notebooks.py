"""The committed notebooks: complete, clean, executable; nbval compares their outputs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import ROOT

from paper_code.errors import UserError
from paper_code.reporting.notebooks import results as location

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MACHINE_PATH = re.compile(r"(/(?:tmp|home|root|work|Users)/|[A-Z]:\\\\|site-packages)")
LARGEST = 800_000  # bytes


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def code_cells(path: Path) -> list:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown_in(cell) -> str:
    """The Markdown below a cell."""
    outputs = (output.get("data", {}).get("text/markdown", "") for output in cell.outputs)
    return "\n".join(filter(None, outputs))


def test_there_are_an_index_and_nine_more():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{n:02d}" for n in range(10)]
    index = (ROOT / "notebooks/00_index.ipynb").read_text()
    assert all(path.name in index for path in NOTEBOOKS[1:])


def test_a_notebook_is_complete_and_says_what_follows_from_tables(path):
    cells = code_cells(path)
    text, source = path.read_text(), "\n".join(cell.source for cell in cells)
    assert shown_in(cells[0]).startswith("**"), "a conclusion made from tables"
    assert ("## How to read the numbers" in text) == (path.stem == "00_index")
    assert not re.search(r"\bplt\.|axes\[|axis\.set", source), "plots are functions"
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"
    assert set(json.loads(text)["metadata"]) == {"kernelspec", "language_info"}
    assert path.stat().st_size < LARGEST
    assert "paper_code.training" not in source and "cuda" not in source, "it never trains"


def test_outputs_are_whole_and_of_no_machine(path):
    for cell in code_cells(path):
        assert cell.metadata == {}, "no tags, no times"
        assert "NBVAL" not in cell.source.upper(), "nbval compares every cell"
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", "a warning"
            data = {
                key: value for key, value in output.get("data", {}).items() if "image" not in key
            }
            found = MACHINE_PATH.search(json.dumps([data, output.get("text", "")]))
            assert not found, found
            said = output.get("text", "") + data.get("text/markdown", "")
            assert not re.search(r"\bnan\b|\bp 0\.000", said), said
        # Drawn images teach steps; numbers measured on them would look like results.
        table = [line for line in shown_in(cell).splitlines() if line.startswith("|")]
        assert not [line for line in table if re.search("phantom|synthetic", line)], table


def test_executing_gives_the_same_file_and_a_page_without_the_network(tmp_path):
    """As the workflow and `make notebooks` do it; a table that was not made is a sentence."""
    (tmp_path / "tables").mkdir()
    path = tmp_path / "one.ipynb"
    sources = [
        "from paper_code.reporting.notebooks.results import read_table",
        "print(len(read_table('absent')))",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    config = ROOT / "notebooks/jupyter_nbconvert_config.py"
    words = [sys.executable, "-m", "nbconvert", "--config", config, "--execute", path]
    contents = []
    for options in (["--to", "notebook", "--inplace"], ["--to", "notebook", "--inplace"], []):
        options = options or ["--to", "html"]
        environment = os.environ | {location.VARIABLE: str(tmp_path), "PYTHONPATH": str(ROOT)}
        subprocess.run([*words, *options], env=environment, check=True)
        contents.append(path.read_bytes())
    assert len(set(contents)) == 1
    said = "Not run at this scale: tables/absent.csv is not among these results.\n0\n"
    assert code_cells(path)[1].outputs[0].text == said
    page = path.with_suffix(".html").read_text()
    assert "Not run at this scale" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"http[^>]+>", page)


def test_the_variable_names_the_results(tmp_path, monkeypatch):
    monkeypatch.setenv(location.VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=r"no folder tables/"):
        location.results_folder()
    (tmp_path / "tables").mkdir()
    assert location.results_folder() == tmp_path
    monkeypatch.delenv(location.VARIABLE)
    assert location.results_folder() == ROOT
    monkeypatch.setenv(location.VARIABLE, os.path.relpath(tmp_path, ROOT))
    assert location.results_folder().resolve() == tmp_path


def test_the_notebook_on_the_audit_shows_what_the_audit_found_of_whole_images():
    """It once made a check of its own, which could not fail on BreakHis."""
    audit = pd.read_csv(ROOT / "tables" / "audit.csv")
    found = audit[audit["id"].str.startswith("counts/accuracy-table-")]
    shown = [shown_in(cell) for cell in code_cells(ROOT / "notebooks" / "08_audit.ipynb")]
    assert len(found) == 4
    for _, row in found.iterrows():
        assert any(row["result"] in text and row["verdict"] in text for text in shown), row["id"]
