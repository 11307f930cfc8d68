"""The thread that does nothing but the link to a GRBL board."""

from __future__ import annotations

from firmware_bridge.grbl.session import GrblSession
from firmware_bridge.link_thread import Carrier, LinkThread
from firmware_bridge.ports import BytePort

GrblCarrier = Carrier[GrblSession]
"""What carries a session's bytes; the session may be touched only while `changed` is held."""


class GrblLink(LinkThread[GrblSession]):
    """Carries a `GrblSession` over a `BytePort`."""

    def __init__(self, session: GrblSession, port: BytePort) -> None:
        super().__init__(session, port, "grbl-link")
