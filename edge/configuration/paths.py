"""Paths in a configuration, which start at the folder of its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_PATHS = (
    ("instrument", "camera", "path"),
    ("instrument", "camera", "credentials"),
    ("instrument", "colour", "flat_field"),
    ("instrument", "camera_calibration"),
    ("instrument", "stage_calibration"),
    ("instrument", "motion_calibration"),
    ("sampling", "stop", "dwell_test"),
    ("instrument", "controller", "port"),
    ("instrument", "controller", "stage", "port"),
    ("instrument", "controller", "spectrometer", "port"),
    ("instrument", "controller", "standoff", "port"),
    ("sampling", "model"),
    ("placement", "campaign"),
    ("dose", "earlier"),
    ("monitor", "token_file"),
    ("monitor", "visitor_token_file"),
    ("monitor", "certificate"),
    ("monitor", "key"),
    ("alerts", "webhook_file"),
)
"""Where a path may stand."""


def resolve_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A configuration's content with every path in it taken from a folder; addresses stay as they are."""
    for place in _PATHS:
        value = _resolved(value, place, folder)
    return value


def _resolved(section: Any, place: tuple[str, ...], folder: Path) -> Any:
    """A copy in which the text at a place, if there is one, is a path from the folder; addresses stay as they are."""
    if not place and isinstance(section, list):
        return [_resolved(item, place, folder) for item in section]
    if not place:
        is_path = isinstance(section, str) and "://" not in section and not section.startswith("usb:")
        return str((folder / section).absolute()) if is_path else section
    if not isinstance(section, dict) or place[0] not in section:
        return section
    return {**section, place[0]: _resolved(section[place[0]], place[1:], folder)}
