"""Which recording the page may take up: the one that its operator sees, and one that this instrument made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.monitor.shown import Shown


def resumable(shown: Shown, scan_id: object, recordings: Path, own: ScanConfig) -> Path:
    """The folder of the recording to take up.

    Parameters
    ----------
    shown
        What the page shows.
    scan_id
        Of the scan that somebody saw when asking.
    recordings
        Folder of this instrument's recordings.
    own
        This instrument's configuration.

    Raises
    ------
    UsageError
        The page shows another recording, or it was not made by this instrument as it is now: a copy from elsewhere
        names ports, cameras and files of another computer.
    """
    about, folder = shown.feed.about, shown.folder
    if about is None:
        raise UsageError("there is no scan that could be resumed: plan one")
    if about.scan_id != scan_id:
        raise UsageError("the page shows another recording by now: look at it, then resume it")
    at_terminal = f"at a terminal of this computer: pointillist scan --resume {folder}"
    if folder.is_symlink() or folder.resolve().parent != recordings.resolve():
        raise UsageError(
            f"{folder} is not in this instrument's folder of recordings: if it is yours, resume it {at_terminal}"
        )
    if _of_instrument(about.config) != _of_instrument(own):
        raise UsageError(
            f"{folder.name} was made with another instrument, or with other settings of it than its configuration has "
            f"now: if you know why, resume it {at_terminal}"
        )
    return folder


def _of_instrument(config: ScanConfig) -> dict[str, Any]:
    """What a configuration says of the instrument, but for the flat field, of which a recording keeps a copy."""
    found = config.instrument.model_dump(mode="json")
    if isinstance(found.get("colour"), dict):
        found["colour"] = found["colour"] | {"flat_field": None}
    return found
