"""The catalogue: every entry can be made, every module is in it, and it is found by its names."""

import importlib
import inspect
import re

import pytest
from conftest import ROOT

from paper_code.errors import UserError
from paper_code.reporting.catalogue import GROUPS, NEEDS, RESULTS, find_result


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.kind}-{result.name}")
def test_an_entry_fits_its_module(result):
    module = importlib.import_module(result.dotted_module)
    name = "draw" if result.kind == "figure" else "rows" if result.title else "write"
    parameters = dict(inspect.signature(getattr(module, name)).parameters)
    assert ("output" in parameters) == (name != "rows")
    parameters.pop("output", None)
    given = {*result.options, *result.constants}
    assert given <= set(parameters)
    needed = {n for n, p in parameters.items() if p.default is inspect.Parameter.empty}
    assert needed <= given
    assert result.group in GROUPS
    assert set(result.needs) <= set(NEEDS)
    assert result.caption.endswith(".")


def test_names_are_unique_and_every_module_is_in_the_catalogue():
    names = [(result.kind, result.name) for result in RESULTS]
    assert len(names) == len(set(names))
    known = {result.dotted_module for result in RESULTS}
    made = re.compile(r"\ndef (rows\(|(write|draw)\(output: str)")
    for folder in ("tables", "figures"):
        root = ROOT / "paper_code" / "reporting" / folder
        for path in root.rglob("*.py"):
            if made.search(path.read_text(encoding="utf-8")):
                dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                assert dotted in known


def test_results_are_found_by_number_name_and_template():
    assert find_result("table", "07").name == "table_07_breakhis_comparison"
    assert find_result("table", "table_07_breakhis_comparison").key == "07"
    assert find_result("table", "own_data") is find_result("table", "own_mias")
    assert find_result("figure", "convergence").module == "figures.convergence"
    with pytest.raises(UserError, match="Did you mean convergence"):
        find_result("table", "convergance")


def test_a_paper_table_accepts_its_own_data_sets_alone():
    breakhis = find_result("figure", "06").allowed_datasets
    assert breakhis == tuple(f"breakhis_{m}x" for m in (40, 100, 200, 400))
    assert find_result("figure", "04").allowed_datasets == ("bach",)
    assert find_result("table", "comparisons").allowed_datasets is None
