"""The telling process from the scan's side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.configuration.config import load_scan_config
from edge.configuration.monitor import AlertsConfig
from edge.events import utc_text
from edge.faults import UsageError
from edge.monitor.child import Child
from edge.monitor.kept import Kept
from edge.record.own_files import read_note

_TWICE_S = 60.0
"""Before a telling process that is begun again; what happened then may be told twice, and is not left out."""
_PATIENCE_S = 60.0
"""For the last message, after the scan: nothing waits then but the terminal."""


@contextmanager
def told(config: AlertsConfig | None, folder: Path, post: Callable[[str], None]) -> Iterator[None]:
    """Somebody is told of what happens meanwhile, and of how it ends.

    Parameters
    ----------
    post
        Told, in another thread, where the telling process dies.

    Raises
    ------
    UsageError
        The file with the webhook's address cannot be read.
    """
    if config is None:
        yield
        return
    settings = {"webhook": webhook_of(config), "command": config.command, "on": config.on}
    untold_s = 0.0

    def begin() -> Child:
        nonlocal untold_s
        since = utc_text(datetime.now(UTC) - timedelta(seconds=untold_s))
        untold_s = _TWICE_S
        return Child("edge.alerts.run", [str(folder.absolute())], settings | {"since": since})

    teller = Kept(
        begin,
        what="the process that sends alerts",
        remedy="nobody is told of what happens: look at the page",
        post=post,
    )
    try:
        yield
    finally:
        teller.end(_PATIENCE_S)


def of_resumed(recorded: AlertsConfig | None, own: Path | None, warn: Callable[[str], None]) -> AlertsConfig | None:
    """Who is told of a scan that is taken up.

    Parameters
    ----------
    recorded
        As the recording says; of that no program is started, for the recording may have come from elsewhere.
    own
        A configuration of this instrument that says so instead; None: the recording does.
    warn
        Told where a program is not started.

    Raises
    ------
    UsageError
        That configuration cannot be used.
    """
    if own is not None:
        return load_scan_config(own).alerts
    if recorded is None or not recorded.command:
        return recorded
    warn(
        f"the recording's alerts.command ({recorded.command[0]}) is not started: if it is yours, give --alerts CONFIG, "
        "this instrument's configuration that has it"
    )
    rest = recorded.model_copy(update={"command": []})
    return rest if rest.webhook or rest.webhook_file else None


def webhook_of(config: AlertsConfig) -> str:
    """Where messages are posted to; empty where they are not.

    Raises
    ------
    UsageError
        The file with the address cannot be read, or holds none.
    """
    if config.webhook_file is None:
        return config.webhook or ""
    try:
        address = read_note(Path(config.webhook_file), at_most=4_096).strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"alerts.webhook_file: {config.webhook_file} cannot be read ({reason}): see it") from None
    if not address.startswith(("https://", "http://")) or len(address.split()) != 1:
        raise UsageError(f"alerts.webhook_file: {config.webhook_file} holds no address: give one line, https://...")
    return address
