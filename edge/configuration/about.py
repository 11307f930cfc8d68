"""What an instrument is, in words that travel with its measurements; nothing is computed from them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.configuration.schema import Closed

_Words = Annotated[str, Field(max_length=500)]


class AboutConfig(Closed):
    """The instrument in its owner's words, for exports; empty: not stated."""

    name: _Words = ""
    """Maker, model and serial number, or what the laboratory calls it."""
    optics: _Words = ""
    """What shapes the beam: collimator, polycapillary, and its width."""
    detector: _Words = ""
    """Kind, active area and window."""
    atmosphere: _Words = ""
    """What lies between object and detector: air, helium."""
