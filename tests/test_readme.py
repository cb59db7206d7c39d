"""The answer on the README's first screen is the one that the committed tables give."""

import pytest
from conftest import ROOT

from paper_code.errors import UserError
from paper_code.reporting.claims.answer import (
    STATUSES,
    answer,
    answer_markdown,
    brief_markdown,
)
from paper_code.reporting.claims.summary import BRIEF_MARKS, MARKS, write_answer
from paper_code.reporting.markdown import read_results

TABLES = sorted((ROOT / "tables").glob("*.csv"))


@pytest.fixture(scope="module")
def lines():
    return answer({path.stem: read_results(path) for path in TABLES})


def test_the_readme_and_the_summary_open_with_the_answer(lines):
    assert 6 <= len(lines) <= 14
    for page, folder in ((ROOT / "README.md", "tables/"), (ROOT / "tables" / "summary.md", "")):
        text = page.read_text(encoding="utf-8")
        assert answer_markdown(lines, folder) in text, f"{page}: make publish"


def test_the_readme_begins_with_three_points():
    tables = {path.stem: read_results(path) for path in TABLES}
    points = brief_markdown(tables, "tables/")
    assert points.count("\n") == 2
    assert points in (ROOT / "README.md").read_text(encoding="utf-8"), "make publish"


def test_every_line_has_a_status_and_a_table_that_exists(lines):
    assert {line.status for line in lines} <= set(STATUSES)
    for line in lines:
        assert (ROOT / "tables" / f"{line.source}.md").is_file()
        assert "nan" not in line.text and "–" not in line.text, line.text


def test_phantoms_never_speak(lines):
    """A number measured on phantoms is no evidence, so no line is made from one."""
    tables = {path.stem: read_results(path) for path in TABLES}
    for name in ("comparisons", "leakage"):
        rows = tables[name]
        tables[name] = rows.assign(obstacles="phantom", data="phantom (40 synthetic images)")
    sources = [line.source for line in answer(tables)]
    assert "comparisons" not in sources and "leakage" not in sources


def test_a_page_without_a_place_for_the_answer_is_named(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("# No place\n")
    with pytest.raises(UserError, match="has no place for the answer"):
        write_answer(str(page), tables=[])
    places = "".join(f"before\n{first}\nold\n{last}\n" for first, last in (BRIEF_MARKS, MARKS))
    page.write_text(f"{places}after\n")
    write_answer(str(page), tables=[str(ROOT / "tables" / "audit.csv")])
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert text.count("(tables/audit.md)") == 2
