"""The command line: every command explains itself, and a user's mistake is one clear line."""

import inspect
import json

import pytest
from conftest import breakhis_path

from paper_code import cli
from paper_code.networks.names import parse_network
from paper_code.settings import Settings

COMMANDS = [name for name in cli.app if not name.startswith("-")]


def error_line(text: str) -> str:
    """The last line of standard error; nothing like a traceback may stand before it."""
    assert "Traceback" not in text and '  File "' not in text
    return text.strip().splitlines()[-1]


def test_help_lists_every_command(command):
    done = command("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f" {name} " in done.stdout
    assert len(COMMANDS) == 20


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_explains_every_option(name, capsys):
    assert cli.main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    function = cli.app[name].default_command
    assert function.__doc__.strip().splitlines()[0] in text
    documented = f"{function.__doc__}{cli.Inputs.__doc__}"
    for argument in inspect.signature(function).parameters.values():
        if argument.name != "inputs":
            assert f"\n        {argument.name}: " in documented, argument


@pytest.mark.parametrize(("name", "mark"), [("train", "run"), ("cam", "cam")])
def test_help_names_the_settings_that_are_options(name, mark, capsys):
    assert cli.main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(setting in text for setting in Settings.names(mark))


def test_a_setting_of_another_command_is_no_option_here(capsys):
    words = ["train", "vit", "--prepared", "x", "--split", "x", "-o", "x", "--cam-sigma", "0.1"]
    assert cli.main(words) == 2
    assert "No such option: --cam-sigma" in error_line(capsys.readouterr().err)


def write_run_json(folder, **facts):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


def test_a_figure_refuses_runs_of_other_data_sets(tmp_path, capsys):
    run = write_run_json(tmp_path / "run", dataset="bach", network="resnet50")
    words = ["figure", "06", "--scale", "demo", "-o", str(tmp_path / "f.png")]
    assert cli.main([*words, "--runs", str(run / "run.json")]) == 2
    said = error_line(capsys.readouterr().err)
    assert f"{run}/run.json is about bach, but figure 06 is about breakhis_40x" in said
    assert not (tmp_path / "f.png").exists()


def test_a_folder_without_a_run_is_named(tmp_path, capsys):
    words = ["table", "results", "--scale", "demo", "--resamples", "9", "-o", f"{tmp_path}/t.csv"]
    assert cli.main([*words, "--runs", str(tmp_path)]) == 2
    said = error_line(capsys.readouterr().err)
    assert f"--runs: {tmp_path}/run.json is not a run.json" in said
    assert "Give the folder that holds one." in said


def test_user_error_is_one_line_and_status_2(command, tmp_path):
    done = command("manifest", "breakhis_40x", "--data-root", tmp_path / "no", "--output", "x.csv")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path}/no/BreaKHis_v1")
    assert error_line(done.stderr) == done.stderr.strip()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["manifest", "bech", "--output", "x.csv"], "Unknown data set 'bech'"),
        (["split", "{tmp}/gone.csv", "--output", "{tmp}/x.csv"], "gone.csv"),
        (["prepare", "{tmp}/gone.csv", "--output", "{tmp}/x"], "gone.csv"),
        (
            [
                "train",
                "resnet50",
                "--prepared",
                "{tmp}",
                "--split",
                "{tmp}/s.csv",
                "--output",
                "{tmp}/run",
            ],
            "source.json",
        ),
        (["table", "03", "--output", "{tmp}/t.csv"], "table 03 needs --prepared."),
        (["figure", "06", "--output", "{tmp}/f.png"], "figure 06 needs --runs, --scale"),
        (
            [
                "table",
                "results",
                "--runs",
                "{tmp}/run.json",
                "--scale",
                "demo",
                "--resamples",
                "9",
                "--output",
                "{tmp}/t.csv",
            ],
            "run.json is not a run.json",
        ),
    ],
)
def test_mistakes(words, message, tmp_path, capsys):
    assert cli.main([word.format(tmp=tmp_path) for word in words]) == 2
    assert message in error_line(capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["phantom", "bach", "--output", "x", "--height", "0"],
        ["phantom", "bach", "--output", "x", "--height", "64", "--images", "few"],
        ["manifest", "bach", "--output", "x.csv", "--limit", "-3"],
        ["train", "resnet50", "--prepared", "x", "--split", "x", "--output", "x", "--epochs", "0"],
        [
            "train",
            "resnet50",
            "--prepared",
            "x",
            "--split",
            "x",
            "--output",
            "x",
            "--batch-size",
            "0",
        ],
        ["table", "01"],
        ["nothing"],
    ],
)
def test_wrong_words_are_refused(words, capsys):
    assert cli.main(words) == 2
    assert "error: " in error_line(capsys.readouterr().err)


def test_without_a_command_help_is_shown(capsys):
    assert cli.main([]) == 0
    assert "Commands" in capsys.readouterr().out


def test_interruption_is_status_130(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("paper_code.datasets.splits.make_split", interrupted)
    assert cli.main(["split", "m.csv", "--output", "s.csv"]) == 130
    assert error_line(capsys.readouterr().err).startswith("interrupted")


def test_a_bug_is_not_hidden(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("paper_code.datasets.splits.make_split", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["split", "m.csv", "--output", "s.csv"])


def test_from_raw_files_to_a_table(breakhis_root, tmp_path):
    """manifest, prepare, split and tables of one data set, called as the workflow calls them."""
    for number in range(3, 9):
        for subtype, slide in (("A", "14-22549AB"), ("DC", "14-2523")):
            source = breakhis_path(breakhis_root, subtype, slide, 40, 1)
            target = breakhis_path(breakhis_root, subtype, slide, 40, number)
            target.write_bytes(source.read_bytes() + bytes([number]))
    manifest, split = tmp_path / "set/manifest.csv", tmp_path / "split.csv"
    table = tmp_path / "tables/table_06_splits.csv"
    for words in (
        [
            "manifest",
            "breakhis_40x",
            "--data-root",
            breakhis_root,
            "--limit",
            20,
            "--output",
            manifest,
        ],
        ["prepare", manifest, "--image-size", 32, "--output", manifest.parent],
        ["split", manifest, "--output", split],
        [
            "table",
            "06",
            "--prepared",
            manifest.parent,
            "--splits",
            split,
            "--scale",
            "demo",
            "--output",
            table,
        ],
        [
            "figure",
            "03",
            "--prepared",
            manifest.parent,
            "--scale",
            "demo",
            "--output",
            tmp_path / "figure.png",
        ],
    ):
        assert cli.main([str(word) for word in words]) == 0
    page = table.with_suffix(".md").read_text(encoding="utf-8")
    assert "| BreakHis 40X | train | 12 | 1,197 |" in page
    assert "subset 24 of 1995 images; 20 drawn with seed 0" in page
    assert (tmp_path / "figure.pdf").stat().st_size > 0


def test_network_names():
    assert parse_network("resnet50") == ("resnet50", 4)
    assert parse_network("dalaresnet50-layer2") == ("dalaresnet50", 2)


@pytest.mark.parametrize(
    "name", ["resnet", "dalaresnet50-layer5", "dalaresnet50-layer", "resnet50-layer1"]
)
def test_wrong_network_names(name, command, tmp_path, make_prepared, capsys):
    prepared, split = make_prepared()
    words = ["train", name, "--prepared", prepared, "--split", split, "--output", tmp_path / "run"]
    assert cli.main([str(word) for word in words]) == 2
    assert name.split("-")[0] in error_line(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
