"""A USB camera is known by what it is, wherever it is plugged in."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras.usb_video import camera_identity, device_path, listed_cameras
from edge.faults import DeviceError

C920 = {"idVendor": "046d", "idProduct": "082d", "serial": "A1B2C3"}


@pytest.fixture
def system(tmp_path):
    """A system's tree of video devices, to which cameras are plugged."""

    class System:
        video = tmp_path / "class"
        devices = tmp_path / "dev"

        def plug(self, number: int, usb: dict[str, str], *, index: int = 0, at: str = "1-1") -> None:
            interface = tmp_path / "usb" / at / f"{at}:1.0"
            interface.mkdir(parents=True, exist_ok=True)
            for name, text in usb.items():
                (interface.parent / name).write_text(f"{text}\n")
            entry = self.video / f"video{number}"
            entry.mkdir(parents=True)
            (entry / "index").write_text(f"{index}\n")
            (entry / "device").symlink_to(interface)
            self.devices.mkdir(exist_ok=True)
            (self.devices / f"video{number}").touch()

        def listed(self):
            return listed_cameras(self.video, self.devices)

        def path(self, number: int) -> str:
            return str(self.devices / f"video{number}")

    return System()


def test_an_identity_leads_to_the_device_whatever_its_number(system):
    system.plug(0, {"idVendor": "0bda", "idProduct": "5830"}, at="1-2")
    system.plug(4, C920)
    assert device_path("usb:046d:082d:A1B2C3", system.listed()) == system.path(4)
    assert device_path("usb:046d:082d", system.listed()) == system.path(4)


def test_a_cameras_device_for_metadata_is_left_out(system):
    system.plug(0, C920)
    system.plug(1, C920, index=1)
    assert [each.device for each in system.listed()] == [system.path(0)]


def test_the_identity_says_vendor_product_and_serial_number_through_any_link(system, tmp_path):
    system.plug(2, C920)
    link = tmp_path / "by-id"
    link.symlink_to(Path(system.path(2)))
    assert camera_identity(str(link), system.listed()) == "uvc:046d:082d:A1B2C3"


def test_a_camera_that_is_no_usb_device_is_its_path(system):
    system.plug(0, {})
    assert camera_identity(system.path(0), system.listed()) == f"uvc:{system.path(0)}"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            "usb:1234:5678",
            r"no such device: plug it in, or correct the identity \(there are .*: see instrument\.camera",
        ),
        ("usb:046d:082d", "2 cameras fit: .*: name one by its serial number"),
    ],
)
def test_an_identity_of_none_or_of_several_is_refused_with_what_is_there(system, wanted, words):
    system.plug(0, C920)
    system.plug(2, {**C920, "serial": "D4"}, at="1-3")
    with pytest.raises(DeviceError, match=words):
        device_path(wanted, system.listed())


def test_a_system_without_cameras_lists_none(tmp_path):
    assert listed_cameras(tmp_path / "nowhere") == []
    with pytest.raises(DeviceError, match="no USB camera is there"):
        device_path("usb:046d:082d", [])
