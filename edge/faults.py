"""What ends a command, each with the exit code that the README's table states.

::

    EdgeError                 exit code
    ├── UsageError            2   configuration, argument or file that cannot be used
    ├── DeviceError           3   controller, camera or link unusable
    ├── SafetyStop            4   limits, dose, registration, door: refused before or during beam
    ├── IntegrityError        5   a recording or model is damaged or foreign
    └── ScanStopped           6   stopped by operator or fault; resumable
"""

from __future__ import annotations


class EdgeError(Exception):
    """Root of the application's exceptions; the text is one sentence with the remedy."""

    exit_code = 1


class UsageError(EdgeError):
    """A configuration, argument or file that cannot be used."""

    exit_code = 2


class DeviceError(EdgeError):
    """A controller, camera or link that cannot be used."""

    exit_code = 3


class SafetyStop(EdgeError):
    """The application refuses to open, or has closed, the shutter."""

    exit_code = 4


class IntegrityError(EdgeError):
    """A recording, plan or model that is damaged, foreign or too new."""

    exit_code = 5


class ScanStopped(EdgeError):
    """The scan ended early with everything measured so far safe; it can be resumed."""

    exit_code = 6
