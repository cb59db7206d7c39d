"""pyproject.toml, environment.yml and requirements.lock say the same."""

import ast
import re
import sys
import tomllib

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from paper_code.cli import EXTRAS
from paper_code.workflow.digest import DATA

# Where conda-forge calls a package otherwise than PyPI does.
CONDA_NAMES = {
    "pytorch": "torch",
    "py-opencv": "opencv-python-headless",
    "matplotlib-base": "matplotlib",
    "snakemake-minimal": "snakemake",
}
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()


def by_name(lines: list[str]) -> dict[str, SpecifierSet]:
    found = [Requirement(line) for line in lines]
    assert len({item.name for item in found}) == len(found)
    return {canonicalize_name(item.name): item.specifier for item in found}


PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRA = PROJECT["optional-dependencies"]
# What the lock and environment.yml install: all but the extra `export`.
RANGES = by_name(PROJECT["dependencies"] + EXTRA["reproduce"] + EXTRA["dev"])


def test_environment_has_the_same_ranges():
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert content["channels"][0] == "conda-forge"
    lines = [line for line in content["dependencies"] if isinstance(line, str)]
    (pip,) = [line["pip"] for line in content["dependencies"] if isinstance(line, dict)]
    conda = by_name(lines)
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert conda.pop("pip") == SpecifierSet("")
    renamed = {canonicalize_name(CONDA_NAMES.get(name, name)): spec for name, spec in conda.items()}
    assert len(renamed) == len(conda)
    assert renamed | by_name(pip) == RANGES
    assert not set(renamed) & set(by_name(pip))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_lock_satisfies_every_range_once(version, system):
    place = {
        "python_version": version,
        "python_full_version": f"{version}.9",
        "sys_platform": system,
        "platform_machine": "x86_64",
    }
    pinned = {}
    for line in LOCK:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(place):
            name = canonicalize_name(requirement.name)
            assert name not in pinned, f"{name} is pinned twice for {place}"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            pinned[name] = pin.version
    for name, specifier in RANGES.items():
        assert specifier.contains(pinned[name]), f"{name} {pinned[name]} is not in {specifier}"


def test_lock_names_no_place():
    text = "\n".join(LOCK)
    assert "://" not in text and " @ " not in text
    assert not re.search(r"(?m)^\s*-", text), "an option of pip"
    assert all(line == line.strip() and line for line in LOCK)
    names = [Requirement(line).name for line in LOCK]
    assert names == sorted(names)


def test_what_lies_beside_the_code_is_installed():
    installed = PYPROJECT["tool"]["setuptools"]["package-data"]
    for path in (ROOT / "paper_code").rglob("*"):
        if path.suffix in DATA:
            package = ".".join(path.relative_to(ROOT).parent.parts)
            assert any(path.match(pattern) for pattern in installed[package]), path


def test_what_the_code_imports_is_declared():
    """Every third-party import is a dependency, or in an extra that a message names."""
    names = {
        "PIL": "pillow",
        "cv2": "opencv-python-headless",
        "imblearn": "imbalanced-learn",
        "skimage": "scikit-image",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
    }
    declared = by_name(PROJECT["dependencies"])
    for module, extra in EXTRAS.items():
        name = canonicalize_name(names.get(module, module))
        assert name in by_name(EXTRA[extra]) and name not in declared
        declared[name] = None
    for path in (ROOT / "paper_code").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [node.module]
            for module in (name.split(".")[0] for name in found):
                if module not in sys.stdlib_module_names and module != "paper_code":
                    name = canonicalize_name(names.get(module, module))
                    assert name in declared, f"{path.name} imports {module}"
