"""Whether a device of the DP5 family is one that exposures can be taken with."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import Dp5Status
from firmware_bridge.faults import SettingRefused, WrongDevice


def check_device(status: Dp5Status, name: str) -> None:
    """Raise `WrongDevice` where it is no spectrometer.

    Parameters
    ----------
    name
        What the operator calls the port.
    """
    known = {device.value: device.label for device in v.Device}
    if status.device not in v.SPECTROMETERS:
        model = known.get(status.device, f"device of the unknown kind {status.device}")
        raise WrongDevice(
            f"{name} is a {model}, which is no X-ray spectrometer of the DP5 family: choose the port of a DP5, PX5 or "
            "DP5-X"
        )


def channels_of(settings: Mapping[str, str], name: str) -> int:
    """Channels of a spectrum, by the device's own word.

    Raises
    ------
    SettingRefused
        It says none that the family has.
    """
    told = settings.get("MCAC", "")
    if not told.isdigit() or int(told) not in v.CHANNELS:
        raise SettingRefused(f"{name} says that its spectra have '{told}' channels: set MCAC to {v.CHANNELS}")
    return int(told)
