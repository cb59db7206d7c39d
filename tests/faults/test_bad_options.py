"""Options of commands that are out of range, and files of settings that are none."""

import pytest

OPTIONS = {
    "train": {
        "--epochs": ["0", "1.5", "many", ""],
        "--batch-size": ["1"],
        "--learning-rate": ["-1", "nan", "fast"],
        "--dropout": ["1"],
        "--precision": ["fp8"],
        "--seed": ["-1", "0.5", "4294967296"],
        "--threads": ["0"],
    },
    "phantom": {"--phantom-lesion-scale": ["9", "nan"], "--images": ["-1"]},
    "manifest": {"--limit": ["0", "most"], "--workers": ["0"]},
    "prepare": {"--image-size": ["31", "100000"]},
    "split": {"--by": ["class"]},
    "cam": {"--cam-kernel": ["4"], "--cam-sigma": ["-1"], "--cam-images": ["1"]},
}
WORDS = {
    "train": ["resnet50", "--prepared", "x", "--split", "x"],
    "phantom": ["bach", "--height", "64"],
    "manifest": ["bach"],
    "prepare": ["x"],
    "split": ["x"],
    "cam": ["--run", "x", "--prepared", "x"],
}


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [(c, o, v) for c, options in OPTIONS.items() for o, values in options.items() for v in values],
)
def test_options_out_of_range(command, option, value, tmp_path, refused):
    words = [command, *WORDS[command], "-o", tmp_path / "out", f"{option}={value}"]
    key = option.removeprefix("--")  # settings are named as in the config
    refused(*words, says=f"{key}|{key.replace('-', '_')}")


@pytest.mark.parametrize("command", ["train", "doctor"])
def test_a_file_of_settings_with_an_unknown_key(command, tmp_path, refused):
    path = tmp_path / "mine.yaml"
    path.write_text("epoch: 3\n")
    words = [*WORDS.get(command, []), *(["-o", tmp_path / "out"] if command == "train" else [])]
    refused(command, *words, "--configfile", path, says=r"did you mean 'epochs'\?")
