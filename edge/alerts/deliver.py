"""An alert on its way: posted to an address, or handed to a program; nothing waits for long, and nothing is raised."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from edge.alerts.fold import Alert

_POST_S = 10.0
_COMMAND_S = 30.0
_AGAIN_AFTER_S = (2.0, 5.0)
"""Waits before a message is posted again."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """Who is told."""

    webhook: str = ""
    """Address; empty: none."""
    command: tuple[str, ...] = ()
    """Program and arguments; empty: none."""


def deliver(
    alert: Alert, scan: dict[str, str], addressees: Addressees, wait: Callable[[float], None] = time.sleep
) -> list[str]:
    """Tell everybody; gives a sentence for each who could not be told.

    Parameters
    ----------
    scan
        What the message says of the scan: its object, folder and computer.
    """
    message: dict[str, Any] = {
        "scan": scan,
        "alert": alert.json(),
        "text": f"{scan.get('object', '')}: {alert.sentence}",
    }
    failures = []
    if addressees.webhook:
        failures += _posted(addressees.webhook, message, wait)
    if addressees.command:
        failures += _commanded(addressees.command, alert, message)
    return failures


def _posted(address: str, message: dict[str, Any], wait: Callable[[float], None]) -> list[str]:
    reason = ""
    for pause_s in (0.0, *_AGAIN_AFTER_S):
        wait(pause_s)
        request = urllib.request.Request(
            address,
            data=json.dumps(message).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "pointillist"},
            method="POST",
        )
        try:
            with _OPENER.open(request, timeout=_POST_S):
                return []
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"answered {error.code}"
        except (OSError, ValueError, HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
    return [f"the webhook was not told ({reason}): see alerts.webhook"]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A message goes to the address that was given, and to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _commanded(command: Sequence[str], alert: Alert, message: dict[str, Any]) -> list[str]:
    told = {"POINTILLIST_ALERT": alert.kind, "POINTILLIST_SENTENCE": alert.sentence}
    try:
        outcome = subprocess.run(
            command,
            input=json.dumps(message).encode(),
            env=os.environ | told,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"{command[0]} did not end within {_COMMAND_S:g} s: see alerts.command"]
    except (OSError, ValueError) as error:
        return [f"{command[0]} could not be started ({getattr(error, 'strerror', None) or error}): see alerts.command"]
    return [f"{command[0]} ended with {outcome.returncode}: see alerts.command"] if outcome.returncode else []
