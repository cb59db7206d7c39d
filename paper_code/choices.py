"""What was chosen where a run was started, for its jobs on other machines.

A file below `.snakemake`, named by its content; Snakemake gives it to each job as a configuration.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

from paper_code.config import choose_sources, resolve_settings
from paper_code.device import check_gpu
from paper_code.driver import cuda_device_count
from paper_code.errors import UserError
from paper_code.files import replacing

KEY = "chosen_at_the_start"
FOLDER = Path(".snakemake", "choices")


@dataclass(frozen=True)
class Choices:
    """Settings without `auto`, the source of each data set, and whether GPUs are there."""

    settings: dict  # of `resolve_settings`
    sources: dict[str, tuple[str, str]]  # of `choose_sources`
    gpu: bool

    @classmethod
    def of(cls, config: dict) -> "Choices":
        """What a configuration means on this machine.

        Raises:
            UserError: the configuration is wrong, data that it asks for are missing, or PyTorch
                cannot use the GPU that is there.
        """
        settings = resolve_settings(config)
        gpu = cuda_device_count() > 0
        if gpu:
            check_gpu()
        return cls(settings, choose_sources(settings), gpu)

    @classmethod
    def handed_on(cls, config: dict) -> "Choices":
        """Those of the run that a job belongs to.

        Raises:
            UserError: the job was not given them.
        """
        if KEY not in config:
            raise UserError(
                "This job was not told what its run has chosen. Start runs without --no-hooks, and "
                "on a file system that is shared with the machines that jobs run on."
            )
        chosen = config[KEY]
        sources = {name: tuple(pair) for name, pair in chosen["sources"].items()}
        return cls(chosen["settings"], sources, chosen["gpu"])

    @property
    def path(self) -> Path:
        """The file that hands them on, below the working directory."""
        return FOLDER / f"{hashlib.sha256(self._text().encode()).hexdigest()[:16]}.yaml"

    def write(self) -> None:
        """Write that file, if it is not there yet."""
        if not self.path.exists():
            with replacing(self.path) as new:
                new.write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        sources = {name: list(pair) for name, pair in self.sources.items()}
        content = {"settings": self.settings, "sources": sources, "gpu": self.gpu}
        return yaml.safe_dump({KEY: content}, sort_keys=True)
