"""Reads training settings from a run's `config.json` or another JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facegan.config import TrainConfig
from facegan.errors import ConfigError, first_line

_NOTES = ("data", "device", "segments")  # the other entries of a run folder's file


def read_settings(path: str | Path) -> TrainConfig:
    """Read settings from a JSON file.

    Args:
        path: a run's `config.json`, or a file with an object of settings. Missing settings have their defaults.

    Raises:
        ConfigError: there is no such file, it has other contents, or a setting is unknown or out of range.

    >>> read_settings("runs/first/config.json").loss       # doctest: +SKIP
    'bce'
    """
    path = Path(path).expanduser()
    try:
        return TrainConfig.from_dict(_settings(path))
    except ConfigError as error:
        raise ConfigError(f"settings file {str(path)!r}: {error}") from None


def _settings(path: Path) -> dict[str, Any]:
    expected = (
        "expected a file such as runs/first/config.json. Use the file of a run, or save settings as JSON"
    )
    if path.is_dir():
        raise ConfigError(
            f"it is a folder, expected a file. For the settings of a run, use {path / 'config.json'}."
        )
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"it cannot be read ({error.strerror or error}), {expected}.") from None
    except ValueError as error:  # also for bytes that are not text
        raise ConfigError(f"it is not JSON ({first_line(error)}), {expected}.") from None
    settings = found.get("settings", found) if isinstance(found, dict) else None
    if not isinstance(settings, dict):
        raise ConfigError(f"it contains a {type(found).__name__}, not settings, {expected}.")
    settings = {name: value for name, value in settings.items() if name not in _NOTES}
    if not settings:
        raise ConfigError(f"it contains no settings, {expected}.")
    return settings
