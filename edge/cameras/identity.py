"""Whether two pictures' identities name one camera, also where one was written before cameras were known so closely."""

from __future__ import annotations

import re

_USB_CAMERA = re.compile(r"uvc:[0-9a-f]{4}:[0-9a-f]{4}:.+")
"""By vendor, product and serial number."""


def is_same_camera(recorded: str, now: str) -> bool:
    """Whether a picture that is taken now is of the camera that a recording or a stored calibration names.

    An older name says less: of a USB camera the path alone, of pictures from a folder or an address nothing of the
    camera that took them. It passes for every camera found there. Where both say who they are, they must say the same.
    """
    if recorded == now:
        return True
    if recorded.startswith("uvc:/"):
        return _USB_CAMERA.fullmatch(now) is not None
    return bool(recorded) and now.startswith(f"{recorded} (") and now.endswith(")")
