"""Checkpoints of a run in progress: one file, written whole, read without executing code."""

import hashlib
import json
import zipfile
from pathlib import Path

import torch

from paper_code.files import replacing
from paper_code.progress import say
from paper_code.training.loop import State


def fingerprint(facts: dict) -> str:
    """A short name for everything that decides a run's result."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def save_checkpoint(path: Path, identity: str, network, optimizer, scaler, state: State) -> None:
    """Write network, optimizer and state, to go on after `state.epoch`.

    UserError if the disk is full.
    """
    content = {
        "identity": identity,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scaler": scaler.state_dict(),
        "state": vars(state),
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(
    path: Path, identity: str, network, optimizer, scaler, state: State, *, epochs: int
) -> None:
    """Go on from `path` if it is there, whole and of the same run; otherwise say why not.

    A checkpoint is a convenience: a damaged one, or one of another network or other settings or
    past the last of `epochs`, costs time but never stops a run.
    """
    if not path.exists():
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip():  # torch.load does not look at check sums
                raise ValueError("check sum")
        content = torch.load(path, map_location="cpu", weights_only=True)
        same, epoch = content["identity"] == identity, content["state"]["epoch"]
    except Exception as error:  # torch.load raises many types for damaged files
        say(f"{path}: damaged checkpoint ({type(error).__name__}); starting at the first epoch")
        return
    if not same:
        say(f"{path}: checkpoint of other settings or data; starting at the first epoch")
        return
    if epoch > epochs:
        say(f"{path}: checkpoint of a longer run; starting at the first epoch")
        return
    network.load_state_dict(content["network"])
    optimizer.load_state_dict(content["optimizer"])
    scaler.load_state_dict(content["scaler"])
    vars(state).update(content["state"])
    say(f"going on after epoch {state.epoch} from {path}")
