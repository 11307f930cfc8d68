"""User and password of a network camera, from a file, so that no configuration and no recording holds them."""

from __future__ import annotations

from pathlib import Path

from edge.faults import UsageError


def read_credentials(path: str | None) -> tuple[str, str] | None:
    """User and password; None where none are needed.

    Raises
    ------
    UsageError
        The file is missing or holds something else.
    """
    if path is None:
        return None
    try:
        user, colon, password = Path(path).read_text(encoding="utf-8").strip().partition(":")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path}: cannot be read: give instrument.camera.credentials a file of this user's") from None
    if not colon or not user or "\n" in password:
        raise UsageError(f"{path}: not credentials: write one line, user:password")
    return user, password
