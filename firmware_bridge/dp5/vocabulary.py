"""Words of the DP5 family: packet types, acknowledgements and devices, each with its meaning.

After Amptek's DP5 Programmer's Guide, revision B3.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final, NamedTuple


class Pid(NamedTuple):
    """Type of a packet: the guide's PID1 and PID2."""

    first: int
    second: int

    def __str__(self) -> str:
        return f"{self.first:02X}/{self.second:X}"


ASK_STATUS: Final = Pid(0x01, 0x01)
ASK_SPECTRUM: Final = Pid(0x02, 0x01)
ASK_SPECTRUM_AND_CLEAR: Final = Pid(0x02, 0x02)
ASK_SPECTRUM_WITH_STATUS: Final = Pid(0x02, 0x03)
ASK_SPECTRUM_WITH_STATUS_AND_CLEAR: Final = Pid(0x02, 0x04)
STORE: Final = Pid(0x02, 0x05)
"""Copy the spectrum to a slot; 2 bytes, its number, big-endian, as for the next two."""
STORE_AND_CLEAR: Final = Pid(0x02, 0x06)
ASK_SLOT: Final = Pid(0x02, 0x07)
CONFIGURE_AND_KEEP: Final = Pid(0x20, 0x02)
"""Writes the device's flash, which wears out and stalls everything: never sent from here."""
ASK_CONFIGURATION: Final = Pid(0x20, 0x03)
CONFIGURE: Final = Pid(0x20, 0x04)
CLEAR: Final = Pid(0xF0, 0x01)
ENABLE: Final = Pid(0xF0, 0x02)
DISABLE: Final = Pid(0xF0, 0x03)
BEGIN_SLOTS: Final = Pid(0xF0, 0x1E)
CANCEL_SLOTS: Final = Pid(0xF0, 0x1F)
KEEP_ALIVE_SHARING: Final = Pid(0xF0, 0x20)
KEEP_ALIVE: Final = Pid(0xF0, 0x21)
"""Still here, and not willing to share the device with another host."""
KEEP_ALIVE_LOCKED: Final = Pid(0xF0, 0x22)
ASK_ECHO: Final = Pid(0xF1, 0x7F)

STATUS: Final = Pid(0x80, 0x01)
SPECTRUM: Final = 0x81
"""First half of the type of every spectrum; the second says how many channels, and whether a status follows."""
CONFIGURATION: Final = Pid(0x82, 0x07)
ECHOES: Final = (Pid(0x8F, 0x7F), Pid(0xF1, 0x7F))
"""The guide gives both as the reply to an echo request."""
ACKNOWLEDGEMENT: Final = 0xFF
"""First half of the type of every acknowledgement; the second is an `Ack`."""

CHANNELS: Final = (256, 512, 1024, 2048, 4096, 8192)
"""Lengths of a spectrum, in the order of the types 81/1, 81/3 and so on."""


class Ack(IntEnum):
    """What the device says of a request that it doesn't answer with data."""

    OK = 0x00
    SYNC = 0x01
    PID = 0x02
    LENGTH = 0x03
    CHECKSUM = 0x04
    PARAMETER = 0x05
    HEX_RECORD = 0x06
    UNKNOWN_COMMAND = 0x07
    FPGA = 0x08
    NO_ETHERNET = 0x09
    NO_SCOPE = 0x0A
    NO_PC5 = 0x0B
    OK_SHARING = 0x0C
    BUSY = 0x0D
    I2C = 0x0E
    OK_UPLOAD = 0x0F
    UNSUPPORTED = 0x10
    NO_CALIBRATION = 0x11


GARBLED: Final = frozenset({Ack.SYNC, Ack.LENGTH, Ack.CHECKSUM})
"""The request did not arrive as it was sent; sending it again helps."""

SENTENCES: Final[dict[int, str]] = {
    Ack.OK: "the request was carried out",
    Ack.SYNC: "the request arrived without its beginning: check the cable, its shield and the baud rate",
    Ack.PID: "the device knows no request of this kind: update its firmware",
    Ack.LENGTH: "the request arrived with another length: check the cable, its shield and the baud rate",
    Ack.CHECKSUM: "the request arrived damaged: check the cable, its shield and the baud rate",
    Ack.PARAMETER: "a parameter lies outside what the device takes: correct the setting",
    Ack.HEX_RECORD: "an upload record was damaged: upload the firmware again with the maker's program",
    Ack.UNKNOWN_COMMAND: "the device doesn't know this setting: correct its name, or update the firmware",
    Ack.FPGA: "the device's FPGA did not start: switch the device off and on",
    Ack.NO_ETHERNET: "the device has no Ethernet controller: use serial or USB",
    Ack.NO_SCOPE: "there is no oscilloscope trace: arm it first",
    Ack.NO_PC5: "there is no PC5 power supply, so neither high voltage nor cooling can be set: leave them out",
    Ack.OK_SHARING: "the request was carried out, and another host asks for the device",
    Ack.BUSY: "the device is busy: close other programs that use it, then try again",
    Ack.I2C: "the device's internal bus failed: switch the device off and on",
    Ack.OK_UPLOAD: "the upload record was taken",
    Ack.UNSUPPORTED: "this device cannot do that: update its firmware, or use another model",
    Ack.NO_CALIBRATION: "the device holds no calibration: calibrate it with the maker's program",
}
"""What each acknowledgement means and what to do, without the device's name and the full stop."""


def sentence_of(code: int) -> str:
    """What an acknowledgement means; a sentence for unknown ones too."""
    return SENTENCES.get(code, f"the device gave the unknown answer FF/{code:X}: update this program")


class Device(IntEnum):
    """Byte 39 of the status."""

    DP5 = 0
    PX5 = 1
    DP5G = 2
    MCA8000D = 3
    TB5 = 4
    DP5_X = 5

    @property
    def label(self) -> str:
        return self.name.replace("_", "-")


SPECTROMETERS: Final = frozenset({Device.DP5, Device.PX5, Device.DP5_X})
"""Devices that are a detector's whole electronics, presets and slots included."""


class StatusFlag(IntFlag):
    """Byte 35 of the status."""

    NONE = 0
    COUNTS_REACHED = 0x10
    ENABLED = 0x20
    """Counting; clears by itself when a preset ends."""
    REAL_REACHED = 0x80
