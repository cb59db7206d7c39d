"""The committed notebooks: complete, clean, executable; nbval compares their outputs."""

import json
import os
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import ROOT

from paper_code.errors import UserError
from paper_code.reporting.notebooks import execute
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


def test_there_are_an_index_and_nine_more():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{n:02d}" for n in range(10)]
    index = (ROOT / "notebooks/00_index.ipynb").read_text()
    assert all(path.name in index for path in NOTEBOOKS[1:])


def test_a_notebook_opens_with_its_conclusion_and_draws_in_functions(path):
    first = code_cells(path)[0]
    said = "".join(output.get("data", {}).get("text/markdown", "") for output in first.outputs)
    assert said.startswith("**"), "a conclusion made from tables"
    text = path.read_text()
    assert ("## How to read the numbers" in text) == (path.stem == "00_index")
    source = "".join(cell.source for cell in code_cells(path))
    assert not re.search(r"\bplt\.|axes\[|axis\.set", source), "plots are functions"


def test_no_synthetic_value_stands_in_a_notebook(path):
    """Drawn images teach steps; numbers measured on them would look like results."""
    for cell in code_cells(path):
        for output in cell.outputs:
            shown = output.get("data", {}).get("text/markdown", "")
            table = [line for line in shown.splitlines() if line.startswith("|")]
            assert not [line for line in table if re.search("phantom|synthetic", line)], table


def test_every_code_cell_was_executed_in_order(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"


def test_no_cell_is_left_out_of_the_comparison_and_none_failed(path):
    for cell in code_cells(path):
        assert cell.metadata == {}, "no tags, no times"
        assert "NBVAL" not in cell.source.upper()
        assert all(output.output_type != "error" for output in cell.outputs)
        assert all(output.get("name") != "stderr" for output in cell.outputs), "a warning"


def test_outputs_hold_no_traces_of_a_machine(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            text = {
                key: value for key, value in output.get("data", {}).items() if "image" not in key
            }
            found = MACHINE_PATH.search(json.dumps([text, output.get("text", "")]))
            assert not found, found
    assert set(json.loads(path.read_text())["metadata"]) == {"kernelspec", "language_info"}


def test_a_notebook_is_small_and_never_trains(path):
    assert path.stat().st_size < LARGEST
    source = "\n".join(cell.source for cell in code_cells(path))
    assert "paper_code.training" not in source
    assert "cuda" not in source


def test_what_a_notebook_reads_is_found_in_its_code():
    audit = ROOT / "notebooks" / "08_audit.ipynb"
    assert execute.results_read(audit) == [
        f"tables/{name}.csv" for name in ("audit", "implied_specificity", "table_09_breakhis_cost")
    ]
    assert "paper_code.reporting.notebooks.display" in execute.modules_used(audit)


def write_notebook(path: Path, *sources: str) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def test_executing_twice_gives_the_same_file_and_a_page_without_the_network(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "some.csv").write_text("table,value\n07,0.5\n")
    path = tmp_path / "one.ipynb"
    write_notebook(
        path,
        "from paper_code.reporting.notebooks.results import read_table",
        "print(read_table('some').to_dict('records'))",
        "print(len(read_table('absent')))",
    )
    contents = []
    for _ in range(2):
        execute.execute_notebooks([str(path)], str(tmp_path))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    cells = code_cells(path)
    assert cells[1].outputs[0].text == "[{'table': '07', 'value': 0.5}]\n"
    assert cells[2].outputs[0].text == (
        "Not run at this scale: tables/absent.csv is not among these results.\n0\n"
    )
    execute.execute_notebooks([str(path)], str(tmp_path), str(tmp_path / "html"))
    page = (tmp_path / "html" / "one.html").read_text()
    assert "0.5" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"http[^>]+>", page)


def test_a_failing_cell_leaves_the_notebook_as_it_was(tmp_path):
    (tmp_path / "tables").mkdir()
    path = tmp_path / "one.ipynb"
    write_notebook(path, "1 / 0")
    before = path.read_bytes()
    with pytest.raises(UserError, match="ZeroDivisionError"):
        execute.execute_notebooks([str(path)], str(tmp_path))
    assert path.read_bytes() == before


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


def test_no_number_is_nan_and_no_p_value_is_zero(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            text = output.get("text", "") + output.get("data", {}).get("text/markdown", "")
            assert not re.search(r"\bnan\b|\bp 0\.000", text), text


def test_the_notebook_on_the_audit_shows_what_the_audit_found_of_whole_images():
    """It once made a check of its own, which could not fail on BreakHis."""
    audit = pd.read_csv(ROOT / "tables" / "audit.csv")
    found = audit[audit["id"].str.startswith("counts/accuracy-table-")]
    shown = [
        output.get("data", {}).get("text/markdown", "")
        for cell in code_cells(ROOT / "notebooks" / "08_audit.ipynb")
        for output in cell.outputs
    ]
    assert len(found) == 4
    for _, row in found.iterrows():
        assert any(row["result"] in text and row["verdict"] in text for text in shown), row["id"]
