"""The documentation points at what exists: relative links, and paths of the repository."""

import re
import shlex
import shutil
import sys

import pytest
from conftest import ROOT

from paper_code import cli
from paper_code.settings import Settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
# Pages on the package write paths relative to it or to its reporting folder.
BASES = [ROOT, ROOT / "paper_code", ROOT / "paper_code" / "reporting"]
# Folders of runs, and names with a part to fill in.
MADE = re.compile(r"^(data|results|logs|splits|runs|cam/<|report)/|[*<>{}$~]|NAME|NN|_mias")


def anchor(heading: str) -> str:
    """What a heading is called in a link."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_paths_exist(page):
    text = page.read_text(encoding="utf-8")
    for link in LINK.findall(text):
        if "://" in link:
            continue
        path, _, name = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if name:
            assert name in map(anchor, HEADING.findall(target.read_text(encoding="utf-8"))), link
    for path in CODE.findall(text):
        known = any((base / path.split("/")[0]).is_dir() for base in BASES)
        if "/" not in path or " " in path or MADE.search(path) or not known:
            continue
        candidates = [base / path for base in BASES]
        # Results are named without their ending.
        assert any(c.exists() or list(c.parent.glob(c.name + ".*")) for c in candidates), path


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]} - {"README.md"}
    assert pages == {link for link in LINK.findall(index) if not link.startswith("..")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_settings_exist(page):
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for words in re.findall(r"^    python -m paper_code (.+)$", text, re.MULTILINE):
        cli.app.parse_args(shlex.split(words, comments=True), exit_on_error=False)
    for words in re.findall(r"--config (.+)$", text, re.MULTILINE):
        for name in re.findall(r"(?:^|\s)'?(\w+)=", words):
            assert name in Settings.model_fields, words


@pytest.mark.parametrize("kind", ["py", "ipynb", "yaml", "smk"])
def test_sources_name_pages_that_exist(kind):
    folders = ("paper_code", "tests", "notebooks", "config", "workflow", "benchmarks")
    for path in (path for folder in folders for path in (ROOT / folder).rglob(f"*.{kind}")):
        for page in re.findall(r"\bdocs/[\w/]+\.(?:md|py|jpg)", path.read_text(encoding="utf-8")):
            assert (ROOT / page).is_file(), f"{path.relative_to(ROOT)}: {page}"


def test_the_page_on_interfaces_runs(trained, tmp_path, monkeypatch):
    """Its Python, block by block in one session, and its commands, where a run has left weights."""
    pytest.importorskip("pytorch_grad_cam")
    shutil.copy(trained[0] / "weights.safetensors", tmp_path)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/guide/interfaces.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    python -m paper_code (\w+ .+)$", page, re.MULTILINE)
    assert [words.split()[0] for words in commands] == ["export"]
    with monkeypatch.context() as patch:  # as where the extra is not installed
        patch.setitem(sys.modules, "onnx", None)
        assert cli.main(commands[0].split()) == 2
    session: dict = {}
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(block.replace('REPOSITORY = "."', f"REPOSITORY = {str(ROOT)!r}"), session)
