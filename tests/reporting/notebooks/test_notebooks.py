"""The committed notebooks: complete, clean, executable; nbval compares their outputs."""

import json
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from paper_code.errors import UserError
from paper_code.reporting.notebooks import execute
from paper_code.reporting.notebooks import results as location
from paper_code.reporting.notebooks.display import (
    difference_columns,
    evidence,
    left_out,
    runs_of,
)

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


def test_there_are_nine():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{n:02d}" for n in range(1, 10)]


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
    assert execute.results_read(audit) == ["tables/audit.csv"]
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


def test_undefined_differences_are_dashes():
    rows = pd.DataFrame({"difference": [0.1, np.nan], "low": [np.nan, -0.1], "high": [np.nan, 0.2]})
    rows = rows.assign(p_holm=[1e-5, np.nan], verdict="not shown", reason="1 of at least 5 seeds")
    found = difference_columns(rows, "Difference in IoU")
    assert found["Difference in IoU"] == ["+0.100", "–"]
    assert found["95 % interval"] == ["[–, –]", "[-0.100, +0.200]"]
    assert found["p, Holm"] == ["< 0.001", "–"]
    assert found["Verdict"] == ["not shown: 1 of at least 5 seeds"] * 2


def test_data_sets_that_no_figure_shows_are_named(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    (tmp_path / "figures").mkdir()
    monkeypatch.setenv(location.VARIABLE, os.path.relpath(tmp_path, ROOT))
    about = PngInfo()
    about.add_text("Comment", "demo scale; breakhis_40x, mias: phantom (160 synthetic images)")
    Image.new("RGB", (4, 4)).save(tmp_path / "figures/one.png", pnginfo=about)
    rows = pd.DataFrame({"dataset": ["breakhis_40x", "breakhis_400x", "breakhis_400x"]})
    rows["data"] = ["phantom (160 synthetic images)", "real (subset)", "real (subset)"]
    text = left_out(rows, "one", "never made")
    assert text == "Not shown here: BreakHis 400X (real (subset))."
    assert left_out(rows[:1], "one") == "Every data set above is shown."


def test_the_notebook_on_data_names_the_real_sets_that_it_does_not_show():
    text = (ROOT / "notebooks" / "01_data_and_splits.ipynb").read_text()
    assert "Not shown here: BreakHis 100X (real (subset 423 of 2081 images))" in text


def test_summed_confusion_matrices_say_over_how_many_runs():
    rows = pd.DataFrame({"dataset": ["breakhis_40x", "breakhis_100x"], "test_images": [1, 127]})
    rows["seeds"] = ["0", "0 1 2 3 4"]
    said = "BreakHis 40X, 1 run of 1 image; BreakHis 100X, 5 runs of 127 images."
    assert runs_of(rows) == said and runs_of(rows[:0]) == ""
    text = (ROOT / "notebooks" / "06_diagnostics_and_calibration.ipynb").read_text()
    assert "added up over the runs" in text and "BreakHis 100X, 5 runs of 127 images" in text


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


def test_evidence_counts_only_rows_without_obstacles():
    rows = pd.DataFrame(
        {
            "verdict": ["agrees", "differs", "agrees", "not tested"],
            "reason": ["equal", "not equal", "equal", "phantom, demo scale"],
            "obstacles": ["", "", "", "phantom, demo scale"],
        }
    )
    text = evidence(rows)
    assert "3 of 4 rows can be set against the print: 2 agree, 1 differs" in text
    assert "1 of 4 rows are not evidence for or against the paper (phantom, demo scale)" in text
    assert "can be set" not in evidence(rows[3:])
    assert "not evidence" not in evidence(rows[:3])


def test_a_table_without_any_obstacle_is_read_as_text(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("verdict,obstacles\nagrees,\ndiffers,\n")
    monkeypatch.setenv(location.VARIABLE, os.path.relpath(tmp_path, ROOT))
    text = evidence(location.read_table("t"))
    assert "2 of 2 rows can be set against the print" in text and "not evidence" not in text
