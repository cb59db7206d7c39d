"""Which files a rule depends on: all that decide its result, none that do not."""

from pathlib import Path

import pytest
from conftest import ROOT, python

from paper_code.networks.registry import NETWORKS, network_module
from paper_code.workflow import digest
from paper_code.workflow.digest import source_digest, source_files

TRAINING = "paper_code.training.run"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    """Paths are relative to where Snakemake runs."""
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_depends_on_its_own_network_alone(name):
    modules = {network: f"{network_module(network).replace('.', '/')}.py" for network in NETWORKS}
    found = set(source_files(TRAINING, network_module(name)))
    assert modules[name] in found
    assert not found & {modules[other] for other in NETWORKS if other != name}


def test_a_package_s_data_are_its_sources():
    found = source_files("paper_code.reporting.tables.results")
    assert "paper_code/published/table_07.csv" in found
    assert "paper_code/audit/findings.yaml" in source_files("paper_code.audit.report")
    templates = {"model_card.md.j2", "page.html.j2", "report.css", "report.js"}
    assert {f"paper_code/templates/{name}" for name in templates} <= set(
        source_files("paper_code.inference.card")
    )
    assert "paper_code/metrics/intervals.py" in found
    # Names of networks alone: no network, no training.
    light = {"__init__.py", "registry.py"}
    assert {Path(name).name for name in found if "/networks/" in name} == light
    assert not [name for name in found if "/training/" in name]


def test_everything_imported_at_run_time_is_in_the_closure():
    """Python itself as the judge: import the module and look at what was loaded."""
    module = "paper_code.reporting.tables.counts"
    code = (
        f"import sys, {module}; print(*[m.__file__ for n, m in sys.modules.items() "
        "if n.split('.')[0] == 'paper_code'], sep='\\n')"
    )
    loaded = {line.split(f"{ROOT.as_posix()}/")[1] for line in python(code).stdout.split()}
    assert "paper_code/datasets/splits.py" in loaded
    assert loaded <= set(source_files(module))


def test_the_digest_is_of_what_the_files_contain(package, monkeypatch, tmp_path):
    def digest() -> str:
        source_digest.cache_clear()
        return source_digest("paper_code.main")

    package({"main": "from paper_code import other\n", "other": "a = 1\n", "alone": ""})
    first = digest()
    package({"other": "a = 1\n", "alone": "b = 2\n"})
    assert digest() == first, "written again, and a module that nothing imports was edited"
    monkeypatch.chdir(tmp_path)
    assert digest() == first, "the same from any working directory"
    package({"other": "a = 2\n"})
    assert digest() != first


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of this one: package({"a": "import ..."})."""
    root = tmp_path / "paper_code"
    root.mkdir()
    monkeypatch.setattr(digest, "PACKAGE", root)
    digest._imports.cache_clear()
    (root / "__init__.py").touch()

    def write(modules: dict[str, str]) -> None:
        for name, text in modules.items():
            (root / f"{name}.py").write_text(text)

    yield write
    digest._imports.cache_clear()


def test_ways_to_import(package):
    modules = {
        "main": "from typing import TYPE_CHECKING\n"
        "import paper_code.plain as p\n"
        "from paper_code import sibling\n"
        "from paper_code.names import value\n"
        "if TYPE_CHECKING:\n    from paper_code.unused import Type\n"
        "else:\n    from paper_code import executed\n"
        "def later():\n    from paper_code import lazy\n",
        "plain": "from paper_code import second\n",
        "names": "value = 1\n",
        "second": "import paper_code.main\n",
    }
    used = {*modules, "sibling", "executed", "lazy"}
    unused = {"unused": "Type = int\n", "alone": ""}
    package(dict.fromkeys(used, "") | modules | unused)
    found = {Path(name).stem for name in source_files("paper_code.main")}
    assert found == used | {"__init__"}
