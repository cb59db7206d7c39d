"""The README's first screen is the one that the committed tables give, and its example runs."""

import re

import pytest
from conftest import ROOT

from paper_code.errors import UserError
from paper_code.reporting.claims.answer import answer
from paper_code.reporting.claims.summary import MARKS, opening, write_answer
from paper_code.reporting.markdown import read_results

TABLES = sorted((ROOT / "tables").glob("*.csv"))
README = ROOT / "README.md"


@pytest.fixture(scope="module")
def tables():
    return {path.stem: read_results(path) for path in TABLES}


def test_the_readme_and_the_summary_open_with_figure_table_and_answer(tables):
    lines = answer(tables)
    for page, figures, folder in (
        (README, "figures/", "tables/"),
        (ROOT / "tables" / "summary.md", "../figures/", ""),
    ):
        text = page.read_text(encoding="utf-8")
        assert opening(tables, lines, figures, folder) in text, f"{page}: make publish"
        picture, table, answered = text.index("!["), text.index("\n| Printed"), text.index("\n1. ")
        assert picture < table < answered


def test_a_page_without_a_place_for_the_answer_is_named(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("# No place\n")
    with pytest.raises(UserError, match="has no place for the answer"):
        write_answer(str(page), tables=[])
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    write_answer(str(page), tables=[str(ROOT / "tables" / "audit.csv")])
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert text.count("(tables/audit.md)") == 1


def test_the_readme_is_short_and_its_example_runs():
    text = README.read_text(encoding="utf-8")
    assert len(text.split()) <= 1100
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    session: dict = {}
    exec(block.replace('weights="auto"', "weights=None"), session)
    assert session["maps"].shape == (2, 224, 224)
