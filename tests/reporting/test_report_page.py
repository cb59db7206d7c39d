"""The report of the committed results, read in a real browser."""

import pytest
from browser import open_browser
from conftest import ROOT

from paper_code import cli
from paper_code.reporting.claims.answer import answer
from paper_code.reporting.markdown import read_results

TABLES = sorted((ROOT / "tables").glob("*.csv"))
FIGURES = [ROOT / f"figures/{name}.png" for name in ("evidence", "crossover")]


def make(output, *tables) -> int:
    words = ["report", "--tables", *tables, "--figures", *FIGURES]
    words += ["--summary", ROOT / "tables/summary.md", "-o", output]
    return cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser that shows the report of all committed tables."""
    folder = tmp_path_factory.mktemp("report")
    assert make(folder / "report.html", *TABLES) == 0
    with open_browser(folder / "profile") as opened:
        opened.look(1280, 900)
        opened.open(folder / "report.html")
        yield opened
        assert opened.errors == []
        assert all(url.startswith(("file:", "data:")) for url in opened.requested)


def test_it_opens_with_figure_table_and_answer(browser):
    lines = answer({path.stem: read_results(path) for path in TABLES})
    shown = browser.run(
        "[...document.querySelectorAll('.answer summary')].map((e) => e.textContent.trim())"
    )
    assert shown == [f"{line.head}. {line.text}" for line in lines]
    order = browser.run(
        "['header img', 'header table', '.answer', 'nav', 'main'].map((name) =>"
        " document.querySelector(name).getBoundingClientRect().top)"
    )
    assert order == sorted(order)
    assert order[2] < 900, "the answer begins on the first screen"


def test_a_table_has_the_figure_of_its_name(browser):
    assert browser.run("document.querySelectorAll('#crossover table').length") > 0
    assert browser.run("document.querySelectorAll('#crossover img').length") == 1


def test_a_line_unfolds_to_its_evidence(browser):
    lines = answer({path.stem: read_results(path) for path in TABLES})
    assert browser.run("document.querySelectorAll('.answer details[open]').length") == 0
    for place, line in enumerate(lines, 1):
        item = f".answer > li:nth-child({place})"
        browser.click(f"{item} summary")
        assert browser.run(f"document.querySelector('{item} details').open")
        assert browser.run(f"document.querySelectorAll('{item} tbody tr').length") == len(line.rows)
        assert line.told in browser.run(f"document.querySelector('{item} p').textContent")
        browser.click(f"{item} summary")


def test_every_link_lands_on_something(browser):
    broken = browser.run(
        "[...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href'))"
        ".filter((link) => !document.getElementById(decodeURIComponent(link.slice(1))))"
    )
    assert broken == []
    assert browser.run("document.querySelectorAll('nav a').length") < 20
    browser.click(".answer > li:nth-child(4) summary")
    browser.click(".answer > li:nth-child(4) p a")
    assert browser.run("location.hash") == "#printed_intervals"
    top = browser.run("document.querySelector(location.hash).getBoundingClientRect().top")
    assert abs(top) < 50


def test_every_picture_is_whole_and_described(browser):
    assert browser.run("document.images.length") > 2
    poor = "[...document.images].filter((image) => !image.alt || !image.naturalWidth).length"
    assert browser.run(poor) == 0


def test_a_click_on_a_heading_sorts_numbers_as_numbers(browser):
    where = "#table_03_breakhis table"
    cells = f"[...document.querySelectorAll('{where} tbody tr')].map((r) => r.cells[3].textContent)"
    texts = browser.run(cells)
    assert "625" in texts and "1,370" in texts, "as text, 1,370 comes before 625"
    for order in ("ascending", "descending"):
        browser.click(f"{where} th:nth-child(4) button")
        down = order == "descending"
        expected = sorted(texts, key=lambda text: int(text.replace(",", "")), reverse=down)
        assert browser.run(cells) == expected
        assert browser.run(f"document.querySelector('{where} th:nth-child(4)').ariaSort") == order
    assert browser.run(f"document.querySelector('{where} th:nth-child(1)').ariaSort") is None


def test_intervals_sort_by_their_value_and_keys_work(browser):
    browser.run(
        "window.found = [...document.querySelectorAll('#crossover table')]"
        ".find((table) => table.tHead.innerText.includes('Difference'))"
    )
    browser.run("found.querySelector('th:nth-child(5) button').focus()")
    browser.press("Enter")
    cells = browser.run("[...found.tBodies[0].rows].map((row) => row.cells[4].textContent)")
    values = [float(cell.partition(" ")[0]) for cell in cells]
    assert values == sorted(values) and min(values) < 0 < max(values)


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_window_does_not_scroll_sideways(browser, dark):
    browser.look(390, 844, dark)
    try:
        assert browser.run("document.documentElement.scrollWidth") <= 390
    finally:
        browser.look(1280, 900)


def test_what_is_missing_is_named(tmp_path, capsys):
    (tmp_path / "odd.csv").write_text("a\n1\n")
    assert make(tmp_path / "r.html", tmp_path / "odd.csv") == 2
    assert "odd: no table or figure has this name" in capsys.readouterr().err
    (tmp_path / "audit.csv").write_text("a\n1\n")
    assert make(tmp_path / "r.html", tmp_path / "audit.csv") == 2
    assert "audit.md: no such page. Make the table first" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()
