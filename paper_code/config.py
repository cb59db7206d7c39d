"""Settings: checked against the schema, `auto` resolved, and said aloud."""

import difflib
import functools
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import yaml

from paper_code.datasets.catalog import BUILT_IN, find_dataset, is_own
from paper_code.datasets.read import class_counts, dataset_files_present, read_dataset
from paper_code.device import check_gpu, explain_precision
from paper_code.driver import cuda_device_count
from paper_code.errors import UserError
from paper_code.networks.names import VARIANT
from paper_code.parallel import cores

THE_PAIR = ("dalaresnet50", "resnet50")  # compared on every data set
MAPS = "_maps"  # ends the name of a data set at the size, and with the epochs, of the runs for maps
FOLDER = Path(__file__).resolve().parent / "defaults"  # a link to config/, installed as a folder
SCHEMA = FOLDER / "schema.yaml"


def load_config(path: str | Path = FOLDER / "config.yaml") -> dict:
    """The content of a configuration file; keys that it lacks have their default.

    Raises:
        UserError: there is no such file, or it is not YAML with keys and values.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as a configuration ({reason}).") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: a configuration has keys and values, see config/config.yaml.")
    default = FOLDER / "config.yaml"
    return content if Path(path) == default else load_config(default) | content


@functools.cache
def defaults() -> dict:
    """Every setting's default, with the values of the paper scale where a scale decides."""
    config = load_config()
    scale = config.pop("scales")["paper"]
    return config | scale


# JSON schema in words.
TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "boolean": "true or false",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "minItems": "with at least",
}


# Settings of one training run, and of scoring maps, that their commands take as options.
TRAINING_OPTIONS = (
    "weights",
    "freeze_backbone",
    "epochs",
    "batch_size",
    "learning_rate",
    "dropout",
    "rotation",
    "select_epoch",
    "precision",
    "compile",
    "recalibrate_batchnorm",
    "checkpoint_seconds",
)
CAM_OPTIONS = (
    "cam_images",
    "scorecam_images",
    "faithfulness_images",
    "cam_tuning_images",
    "cam_copies",
    "cam_sigma",
    "cam_kernel",
    "cam_precision",
)


def as_options(settings: Mapping[str, object], names: Iterable[str]) -> list[str]:
    """Settings as words of a command line: {"batch_size": 32} -> ["--batch-size", "32"]."""
    words = []
    for name in names:
        value = settings[name]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words += [f"--{name.replace('_', '-')}", text]
    return words


def check_settings(settings: dict, schema: str | Path = SCHEMA) -> None:
    """Check settings against `config/schema.yaml`.

    Raises:
        UserError: names each unknown key, missing key or wrong value, with what is allowed.
    """
    rules = _rules(schema)
    problems = [_explain(error, rules) for error in _validator(rules).iter_errors(settings)]
    if problems:
        raise UserError("Config: " + "; ".join(problems) + ". See config/config.yaml.")


def check_setting(key: str, value: object) -> None:
    """Check the value of one key against `config/schema.yaml`.

    Raises:
        UserError: says what is allowed.
    """
    rules = _rules(SCHEMA)
    rule = {"properties": {key: rules["properties"][key]}, "$defs": rules["$defs"]}
    for error in _validator(rule).iter_errors({key: value}):
        raise UserError(_explain(error, rules))


@functools.cache
def _rules(schema: str | Path) -> dict:
    return yaml.safe_load(Path(schema).read_text(encoding="utf-8"))


def _jsonschema() -> ModuleType:
    """The package, which every job imports, without its check of IRIs.

    For that check it builds a grammar when it is imported, which takes over a second; the schema
    has no IRIs.
    """
    grammar = "rfc3987_syntax"
    known = sys.modules.get(grammar)
    sys.modules[grammar] = known  # None: cannot be imported
    try:
        import jsonschema
    finally:
        if known is None:
            del sys.modules[grammar]
    return jsonschema


def _validator(rules: dict):
    """A validator to which numbers are finite, and 2.0 is no whole number."""
    jsonschema = _jsonschema()
    draft = jsonschema.Draft202012Validator

    def is_integer(_, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def is_number(checker, value: object) -> bool:
        return is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))

    strict = draft.TYPE_CHECKER.redefine_many({"integer": is_integer, "number": is_number})
    return jsonschema.validators.extend(draft, type_checker=strict)(rules)


def _explain(error, rules: dict) -> str:
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(set(error.instance) - set(known))
        texts = []
        for name in unknown:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            texts.append(f"unknown key '{key + '.' if key else ''}{name}'{hint}")
        return ", ".join(texts)
    if error.validator == "required":
        return f"{key or 'config'}: {error.message}"
    if error.validator == "anyOf":  # explain the choice that fits but for a detail
        near = [
            inner
            for inner in error.context
            if inner.validator not in ("const", "type")
            or len(inner.absolute_path) > len(error.absolute_path)
        ]
        if near:
            return _explain(near[0], rules)
    allowed = _allowed(error.schema, rules)
    return f"'{key}' is {error.instance!r}, but {allowed} is expected"


def _allowed(schema: dict, rules: dict) -> str:
    """What a schema accepts, in words."""
    if "$ref" in schema:
        return _allowed(rules["$defs"][schema["$ref"].rsplit("/", 1)[-1]], rules)
    if "anyOf" in schema:
        return " or ".join(_allowed(choice, rules) for choice in schema["anyOf"])
    if "const" in schema:
        return f"'{schema['const']}'"
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "pattern" in schema:
        return f"text like {schema['pattern']}"
    text = TYPES[schema["type"]]
    limits = [f"{word} {schema[name]}" for name, word in BOUNDS.items() if name in schema]
    if schema.get("uniqueItems"):
        limits.append("no item twice")
    return f"{text} ({', '.join(limits)})" if limits else text


def _typed(value: object) -> object:
    """What Snakemake's `--config` passes on as text: true and false, numbers inside lists."""
    if isinstance(value, dict):
        return {key: _inner(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_inner(item) for item in value]
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _inner(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else _typed(value)


def resolve_settings(config: dict) -> dict:
    """Check the config and replace every `auto` that does not depend on the data.

    Args:
        config: the content of `config/config.yaml` with the user's overrides.

    Returns:
        A new dictionary without `scales`; `scale` is demo or paper and every key that the
        scale sets has its value. `weights`, `precision` and `cam_precision` stay `auto` until a job
        resolves them on its own machine.

    Raises:
        UserError: an unknown key, a wrong type or value, an unknown data set.
    """
    config = {key: value if key == "manifests" else _typed(value) for key, value in config.items()}
    check_settings(config)
    settings = {key: value for key, value in config.items() if key != "scales"}
    if settings["scale"] == "auto":
        settings["scale"] = "paper" if cuda_device_count() else "demo"
    scale = config["scales"][settings["scale"]]
    if settings["epochs"] != "auto" and settings["network_epochs"] == "auto":
        settings["network_epochs"] = {}
    if not set(settings["datasets"]) & set(scale["compared_datasets"]):
        scale = scale | {"compared_datasets": settings["datasets"]}
    for key, value in scale.items():
        if settings[key] == "auto":
            settings[key] = value
    if settings["threads_per_run"] == "auto":
        settings["threads_per_run"] = 4 if cuda_device_count() else max(1, cores() // 4)
    for name in settings["manifests"]:
        if not isinstance(name, str):
            raise UserError(f"Config: 'manifests.{name}': names of data sets are text. Quote it.")
        if name in BUILT_IN or name.endswith(MAPS):
            raise UserError(
                f"Config: 'manifests.{name}' has the name of a data set of the paper or of the "
                "workflow. Rename it."
            )
    for name in settings["datasets"]:
        find_dataset(name, settings["manifests"])
    for name in settings["for_dataset"]:
        find_dataset(name, settings["manifests"])
    return settings


def settings_of(settings: dict, dataset: str, network: str = "") -> dict:
    """The settings of one data set, or of a network on it: those of all, with what `for_dataset`
    has of the data set.

    A name that ends in `MAPS` has size and epochs of the runs for maps.
    """
    base = dataset.removesuffix(MAPS)
    own = settings
    epochs = own["network_epochs"]
    kind = network if network in epochs else network.partition(VARIANT)[0]
    if kind in epochs and base == dataset and not is_own(base):
        own = own | {"epochs": epochs[kind]}
    compared = base in own["compared_datasets"] or is_own(base)
    if not compared and set(THE_PAIR) <= set(own["networks"]):
        leakage = own["leakage_networks"] if base in own["leakage_datasets"] else []
        few = [name for name in own["networks"] if name in (*THE_PAIR, *leakage)]
        own = own | {"networks": few, "placements": []}
    own = own | settings["for_dataset"].get(base, {})
    if dataset != base:
        own |= {"image_size": own["cam_image_size"], "epochs": own["cam_epochs"]}
    return own


def choose(config: dict) -> dict:
    """What a configuration means on this machine, as plain data.

    Returns:
        `settings` of `resolve_settings`, `sources` of `choose_sources`, and whether `gpu`s are
        there.

    Raises:
        UserError: the configuration is wrong, data that it asks for are missing, or PyTorch cannot
            use the GPU that is there.
    """
    settings = resolve_settings(config)
    gpu = cuda_device_count() > 0
    if gpu:
        check_gpu()
    return {"settings": settings, "sources": choose_sources(settings), "gpu": gpu}


def choose_sources(settings: dict) -> dict[str, tuple[str, str]]:
    """Decide for each data set whether its real files or its phantom are used.

    Returns:
        {data set: ("real" or "phantom", why)}.

    Raises:
        UserError: `data` is "real" and files are missing; the message says what to fetch. Or
            `data_root` was given and is no folder, or a file that is there cannot belong to its
            data set.
    """
    sources, root = {}, settings["data_root"]
    for name in settings["datasets"]:
        dataset = find_dataset(name, settings["manifests"])
        if is_own(name):  # it has no phantom
            counts = read_dataset(name, root, settings["manifests"])["label"].value_counts()
            in_order = {
                label: counts.get(label, 0) for label in dataset.classes or sorted(counts.index)
            }
            sources[name] = ("real", f"found {_in_words(in_order)}")
            continue
        if settings["data"] == "phantom":
            sources[name] = ("phantom", "data=phantom")
            continue
        if root != defaults()["data_root"] and not Path(root).is_dir():
            raise UserError(
                f"data_root={root}: no such folder. Correct the path, or use data=phantom to run "
                "without real images."
            )
        needed = settings["minimum_images_per_class"] if settings["data"] == "auto" else 1
        if not dataset_files_present(dataset, root):
            reason = f"no files below data_root={root}"
        else:
            counts = class_counts(dataset, root)
            if min(counts.values()) >= needed:
                sources[name] = ("real", f"found {_in_words(counts)}")
                continue
            reason = f"found only {_in_words(counts)}; {needed} per class are needed"
        if settings["data"] == "real":
            raise UserError(
                f"data=real, but {name}: {reason}. Run 'python -m paper_code fetch "
                f"{dataset.family} --data-root DIR' (it downloads the set, or says how to), set "
                "data_root to the folder that holds it, or use data=auto or data=phantom."
            )
        sources[name] = ("phantom", reason)
    return sources


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def _precision_line(settings: dict) -> str:
    """What training and maps compute in on this machine, and why."""
    kind = "cuda" if cuda_device_count() else "cpu"
    training, maps = (
        explain_precision(settings[key], kind) for key in ("precision", "cam_precision")
    )
    return f"precision: {training}" + ("" if maps == training else f"; of maps: {maps}")


def announce(config: dict, settings: dict, sources: dict[str, tuple[str, str]]) -> str:
    """The opening lines of a run: what was chosen and why."""
    devices = cuda_device_count()
    seen = (
        f"{devices} CUDA device{'s' if devices > 1 else ''} seen" if devices else "no CUDA device"
    )
    why = f"auto: {seen}" if config["scale"] == "auto" else "as configured"
    drawn = {
        find_dataset(name, settings["manifests"]).family
        for name, (source, _) in sources.items()
        if source == "phantom"
    }
    phantoms = {family: n for family, n in settings["phantom_images"].items() if family in drawn}
    images = f"{settings['images_per_dataset']} real"
    if phantoms:
        images += f", {_in_words(phantoms)} phantom"
    lines = [
        f"scale: {settings['scale']} ({why}): {settings['image_size']} px, {settings['epochs']} "
        f"epochs, batch {settings['batch_size']}; images per data set: {images}",
        f"splits: by {settings['splits']}; seeds: {settings['seeds']} "
        f"(splits: {settings['split_seeds']}); "
        f"networks: {', '.join(settings['networks'])}",
        _precision_line(settings),
    ]
    if settings["network_epochs"]:
        other = ", ".join(f"{name} {epochs}" for name, epochs in settings["network_epochs"].items())
        lines.append(f"other numbers of epochs: {other}")
    for name in sources:
        few = settings_of(settings, name)["networks"]
        if few != settings["networks"] and name not in settings["for_dataset"]:
            lines.append(f"{name}: only {', '.join(few)} (compared_datasets leaves it out)")
    for name, (source, reason) in sources.items():
        own = ", ".join(f"{k} {v}" for k, v in settings["for_dataset"].get(name, {}).items())
        lines.append(f"{name}: {source} data ({reason})" + (f"; {own}" if own else ""))
    return "\n".join(lines)
