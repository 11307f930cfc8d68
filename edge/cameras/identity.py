"""Whether two pictures' identities name one camera, also where one was written before cameras were known so closely."""

from __future__ import annotations

import re

_USB_CAMERA = re.compile(r"uvc:[0-9a-f]{4}:[0-9a-f]{4}:.+")
"""By vendor, product and serial number."""

_BODY = "body:"


def body_identity(body: str) -> str:
    """Names whatever camera took pictures that say this of it (`Picture.body`), from wherever they come."""
    return f"{_BODY}{body}"


def is_same_camera(recorded: str, now: str) -> bool:
    """Whether a picture that is taken now is of the camera that a recording or a stored calibration names.

    An older name says less: of a USB camera the path alone, of pictures from a folder or an address nothing of the
    camera that took them. It passes for every camera found there. Where both say who they are, they must say the same.
    A body's name passes for every camera that does not say who it is.
    """
    if recorded == now:
        return True
    if recorded.startswith(_BODY):
        is_named = _USB_CAMERA.fullmatch(now) is not None or (" (" in now and now.endswith(")"))
        return not is_named or now.endswith(f" ({recorded.removeprefix(_BODY)})")
    if recorded.startswith("uvc:/"):
        return _USB_CAMERA.fullmatch(now) is not None
    return bool(recorded) and now.startswith(f"{recorded} (") and now.endswith(")")
