"""A light installation: what works without the extras, and what the rest says."""

from conftest import python

from paper_code import cli

# Snakemake and Jupyter are programs of their own; the package never imports them.
MISSING = (*cli.EXTRAS, "snakemake", "jupyter", "nbval")
CODE = f"""
import sys
for name in {MISSING!r}:
    sys.modules[name] = None
from paper_code.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_missing_extra_is_one_message(tmp_path):
    done = python(CODE, "figure", "01", "--output", tmp_path / "f.png")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: figure needs the package matplotlib" in done.stderr
    assert "pip install '.[reproduce]'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_modules_for_own_images_do_without_extras():
    """Commands that a light installation is for, with all that they import."""
    modules = [f"inference.{name}" for name in ("predict", "explain", "evaluate", "card", "export")]
    modules += [
        "cam.evaluation",
        "cam.drop_in",
        "networks.timm_models",
        "training.run",
        "workflow.doctor",
    ]
    modules += ["datasets.prepare", "phantoms", "audit", "reporting.html"]
    code = CODE.partition("from paper_code")[0] + "\n".join(
        f"import paper_code.{name}" for name in modules
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_the_command_is_called_by_its_name():
    code = "import sys; sys.argv = ['/somewhere/bin/dalaresnet50', '--help']\n"
    code += "from paper_code.cli import main; main()"
    shown = python(code).stdout
    assert shown.startswith("Usage: dalaresnet50 ") and "python -m" not in shown
