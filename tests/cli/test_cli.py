"""The command line: every command explains itself, and a user's mistake is one clear line."""

import inspect
import re
from dataclasses import fields

import pytest
from conftest import run

from paper_code import cli
from paper_code.inference.options import Extras, Own
from paper_code.settings import defaults

COMMANDS = [name for name in cli.app if not name.startswith("-")]


def test_help_lists_every_command(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    for name in COMMANDS:
        assert f" {name} " in text
    assert len(COMMANDS) == 19


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_explains_every_option(name, capsys):
    assert run(name, "--help") == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    function = cli.app[name].default_command
    assert function.__doc__.strip().splitlines()[0] in text
    documented = f"{function.__doc__}{cli.Inputs.__doc__}"
    several = {"own": Own, "extras": Extras}  # a parameter that is some options
    for argument in inspect.signature(function).parameters.values():
        for field in fields(several[argument.name]) if argument.name in several else ():
            assert f"--{field.name.replace('_', '-')} " in text, field
        if argument.name not in ("inputs", *several):
            assert f"\n        {argument.name}: " in documented, argument


def test_an_option_of_train_wins_over_what_the_file_has_for_a_network(tmp_path, monkeypatch):
    trained = {}
    monkeypatch.setattr(
        "paper_code.training.run.train_run", lambda *words, **_: trained.update(settings=words[4])
    )
    resolved = defaults().changed(network_epochs={"swin": 9}, for_dataset={"bach": {"epochs": 7}})
    resolved.write(tmp_path / "settings.yaml")
    words = ["train", "swin", "--prepared", "p", "--split", "s", "-o", "o", "--configfile"]
    for name in ("bach", "breakhis_40x"):
        assert run(*words, tmp_path / "settings.yaml", "--dataset", name, "--epochs", "3") == 0
        assert trained["settings"].epochs == 3


RESULTS = "table results --scale demo --resamples 9 -o {tmp}/t.csv --runs "
MISTAKES = {
    "manifest bech -o x.csv": "Unknown data set 'bech'",
    "split {tmp}/gone.csv -o {tmp}/x.csv": "gone.csv",
    "prepare {tmp}/gone.csv -o {tmp}/x": "gone.csv",
    "train resnet50 --prepared {tmp} --split {tmp}/s.csv -o {tmp}/run": "source.json",
    "train vit --prepared x --split x -o x --cam-sigma 0.1": "No such option: --cam-sigma",
    "table 03 -o {tmp}/t.csv": "table 03 needs --prepared.",
    "figure 06 -o {tmp}/f.png": "figure 06 needs --runs, --scale",
    "table 01": "error: ",
    "nothing": "error: ",
    "phantom bach -o x --height 0": "error: ",
    "train resnet50 --prepared x --split x -o {tmp}/run --epochs 0": "epochs",
    "train resnet50 --prepared x --split x -o {tmp}/run --learning-rate nan": "learning_rate",
    "manifest bach -o {tmp}/m.csv --limit most": "limit",
    "prepare x -o {tmp}/p --image-size 31": "image",
    "cam --run x --prepared x -o {tmp}/c --cam-kernel 4": "cam_kernel",
    RESULTS + "{tmp}/run.json": "run.json is not a run.json",
    RESULTS + "{tmp}": "{tmp}/run.json is not a run.json. Give the folder that holds one.",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes(words, tmp_path, refused):
    says = re.escape(MISTAKES[words].format(tmp=tmp_path))
    refused(*words.format(tmp=tmp_path).split(), says=says)


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, "error: not enough memory"),
        (OSError(5, "Input/output error", "/disk/x"), 2, "Input/output error (/disk/x). The disk"),
    ],
)
def test_what_the_machine_or_the_user_ends(error, status, says, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("paper_code.datasets.splits.make_split", fail)
    assert run("split", "m.csv", "--output", "s.csv") == status
    assert says in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError(1000, "?"), ImportError("x")])
def test_a_bug_is_not_hidden(error, monkeypatch):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("paper_code.datasets.splits.make_split", broken)
    with pytest.raises(type(error)):
        run("split", "m.csv", "--output", "s.csv")
