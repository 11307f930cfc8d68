"""Files that declare more than they hold are refused in bounded memory and time, and nothing outside them is opened."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from edge.faults import UsageError
from edge.imports.bruker_pixels import require_pixels
from edge.imports.found import NOTHING_SET, FoundCube
from edge.imports.hdf5_rows import _Bands, rows_of
from edge.imports.readers import read_found
from edge.imports.rosetta_process import require_spd
from tests.replay.makers_files import bcf_pixel, bcf_spectra, write_bcf

READ = """
import resource, sys
from pathlib import Path
import numpy, h5py, cv2
import edge.imports.cube, edge.imports.hdf5, edge.imports.hspy, edge.imports.rosetta, edge.spectra.scan_fit
from edge.faults import UsageError
from edge.replaying.sources import load_stack
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 700_000_000
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in map(Path, sys.argv[1:]):
    try:
        load_stack(path)
        print(path.name, "was read")
    except UsageError as refusal:
        print(refusal)
"""


def hspy(path, shape, chunks, counts=None, measured=None):
    with h5py.File(path, "w") as file:
        signal = file.create_group("Experiments/old")
        data = signal.create_dataset("data", shape, np.uint16, chunks=chunks, compression="gzip")
        if counts is not None:
            data[: counts.shape[0], : counts.shape[1]] = counts
        for at, (name, units) in enumerate((("y", "mm"), ("x", "mm"), ("Energy", "keV"))):
            axis = signal.create_group(f"axis-{at}")
            axis.attrs.update({"name": name, "units": units, "scale": 0.01, "offset": 0.0, "navigate": units == "mm"})
        if measured is not None:
            signal["original_metadata/cells/exposures"] = measured


def never_written(path):
    hspy(path / "empty.hspy", (4000, 4000, 16384), (8, 8, 16384))
    return path / "empty.hspy", r"declares 524 GB and is stored in 0 bytes"


def one_row_of_billions(path):
    hspy(path / "wide.hspy", (4, 60000, 16384), (4, 64, 1024))
    return path / "wide.hspy", r"rows of 60000 spectra with 16384 channels are longer than the 100 million counts"


def one_piece_of_a_gigabyte(path):
    hspy(path / "piece.hspy", (200, 200, 16384), (200, 200, 16384))
    return path / "piece.hspy", r"stored in pieces above 256 MB: store it anew with smaller chunks"


def a_mask_that_lies(path):
    counts, all_of_them = np.ones((8, 8, 2048), np.uint16), np.ones((2000, 2000), np.uint8)
    hspy(path / "lies.hspy", (2000, 2000, 2048), (8, 8, 2048), counts, all_of_them)
    return path / "lies.hspy", r"declares 16.4 GB and is stored in \d+ bytes: it was never written"


def a_text_of_four_gigabytes(path):
    """As fuzzing found: HDF5 makes room for as many letters as a text says that it has."""
    with h5py.File(path / "text.h5", "w") as file:
        file["stack"] = np.ones((3, 6, 8), np.float32)
        names = file.create_dataset("elements", data=["Ca", "Fe", "Pb"], dtype=h5py.string_dtype())
        at = names.id.get_offset()
    content = bytearray((path / "text.h5").read_bytes())
    content[at : at + 4] = struct.pack("<I", 2**32 - 2)
    (path / "text.h5").write_bytes(content)
    return path / "text.h5", r"is no HDF5 file that can be read \(.*\): save it again"


def a_short_rpl(path):
    (path / "short.rpl").write_text("width\t-400\nheight\t-400\ndepth\t4096\ndata-length\t2\ndata-type\tunsigned\n")
    (path / "short.raw").write_bytes(bytes(1_000_000))
    return path / "short.rpl", r"does not say width, height, depth"


def maps_of_billions(path):
    with h5py.File(path / "maps.h5", "w") as file:
        file.create_dataset("maps", (4000, 4000, 200), np.float32, chunks=(4000, 40, 100), compression="gzip")
        file["elements"] = ["Fe"] * 200
    return path / "maps.h5", r"never written|are above 8 GB|pieces above"


BOMBS = [
    never_written,
    one_row_of_billions,
    one_piece_of_a_gigabyte,
    a_mask_that_lies,
    a_text_of_four_gigabytes,
    a_short_rpl,
    maps_of_billions,
]


def test_bombs_are_refused_in_less_than_700_megabytes_and_a_minute(tmp_path):
    made = [bomb(tmp_path) for bomb in BOMBS]
    ended = subprocess.run(
        [sys.executable, "-c", READ, *(str(path) for path, _ in made)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert len(said) == len(made)
    for (path, expected), sentence in zip(made, said, strict=True):
        assert sentence.startswith(f"{path}: "), sentence
        with pytest.raises(UsageError, match=expected):
            raise UsageError(sentence)


def test_pieces_are_unpacked_once_for_all_their_rows():
    values, asked = np.arange(7 * 2 * 3).reshape(7, 2, 3), []

    def read(first, last):
        asked.append((first, last))
        return values[first:last]

    bands = _Bands(read, rows=7, tallest=3)
    got = [bands.rows(first, first + 1) for first in range(7)]
    assert np.array_equal(np.concatenate(got), values)
    assert asked == [(0, 3), (3, 6), (6, 7)]
    assert np.array_equal(bands.rows(1, 7), values[1:7]), "also across pieces"


def test_pieces_too_tall_to_keep_and_too_many_times_to_unpack_are_refused(tmp_path):
    tall = SimpleNamespace(
        shape=(4000, 2000, 1024), chunks=(4000, 1, 1024), dtype=np.dtype(np.uint16), name="/data", file=None
    )
    with pytest.raises(UsageError, match="stored in pieces of 4000 rows, each to be unpacked again"):
        rows_of(tall, tmp_path / "tall.h5", row_axis=0, channel_axis=2)


def stack_beside(path, name, link):
    """A stack of spectra with something of that name beside it."""
    with h5py.File(path, "w") as file:
        mca = file.create_group("scan/instrument/mca0")
        mca["data"] = np.ones((6, 8, 128), np.uint16)
        mca["data"].attrs["interpretation"] = "spectrum"
        mca[name] = link


@pytest.mark.parametrize("name", ["live_time", "calibration", "energy", "has_spectrum", "names"])
def test_a_link_to_another_file_is_not_opened(tmp_path, name):
    os.mkfifo(tmp_path / "pipe.h5")  # opened, it would wait for ever
    stack_beside(tmp_path / "old.h5", name, h5py.ExternalLink(str(tmp_path / "pipe.h5"), "/x"))
    found = read_found(tmp_path / "old.h5", NOTHING_SET)
    assert isinstance(found, FoundCube)
    assert (found.live_s, found.gain_kev, found.coverage) == (None, None, None)


def test_a_link_within_the_file_is_not_followed_through_another_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["away"] = h5py.ExternalLink(str(tmp_path / "pipe.h5"), "/")
        file["here"] = h5py.SoftLink("/away/maps")
        file["round"] = h5py.SoftLink("/round")
    with pytest.raises(UsageError, match="no element maps and no spectra"):
        read_found(tmp_path / "old.h5", NOTHING_SET)


def test_links_within_a_file_are_followed(tmp_path):
    stack_beside(tmp_path / "old.h5", "live_time", h5py.SoftLink("/elsewhere/seconds"))
    with h5py.File(tmp_path / "old.h5", "a") as file:
        file["elsewhere/seconds"] = np.full((6, 8), 0.25)
    found = read_found(tmp_path / "old.h5", NOTHING_SET)
    assert isinstance(found, FoundCube)
    assert np.array_equal(found.live_s, np.full((6, 8), 0.25))


def test_a_bcf_whose_folders_contain_each_other_is_refused(tmp_path):
    """Its reader goes round and round, with twice the memory each time."""
    pytest.importorskip("rsciio", reason="the extra `import` is not installed")
    content = bytearray(0x4000)
    content[:8] = b"AAMVHFSS"
    content[0x124:0x12C] = struct.pack("<fI", 2.6, 0x2000)
    content[0x140:0x14C] = struct.pack("<III", 1, 3, 2)
    for item, parent in enumerate((1, 0, 1)):
        size, is_folder = (0, True) if item < 2 else (100, False)
        entry = struct.pack("<iQQQQIi176s?3s256s32s", 0, size, 0, 0, 0, 0, parent, b"", is_folder, b"", b"some", b"")
        content[0x2138 + 0x200 * item : 0x2338 + 0x200 * item] = entry
    (tmp_path / "round.bcf").write_bytes(content)
    with pytest.raises(UsageError, match=r"round.bcf: cannot be read \(.*\): save it again") as refused:
        read_found(tmp_path / "round.bcf", NOTHING_SET)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("pixel", "says"),
    [
        (bcf_pixel(8, 128, 0, 1, b"\0\0"), "it has a spectrum at column 8 of 8, 2 bytes long"),
        (bcf_pixel(2**31, 128, 1, 2, b"\0\0\0\0"), "it has a spectrum at column 2147483648 of 8"),
        (bcf_pixel(0, 128, 0, 9, b"\0\0"), "it has a spectrum at column 0 of 8, 2 bytes long"),
        (bcf_pixel(0, 128, 2, 65_535, b"\0\0\0\0"), "its spectra are cut short"),
    ],
)
def test_a_bcf_that_would_write_outside_its_map_is_refused(tmp_path, pixel, says):
    pytest.importorskip("rsciio", reason="the extra `import` is not installed")
    counts = np.ones((6, 8, 128), np.uint16)
    good = bcf_spectra(counts)
    bad = good[:0x1A0] + struct.pack("<I", 1) + pixel
    path = write_bcf(tmp_path / "bad.bcf", counts, offset_kev=0.0, gain_kev=0.01, pitch_um=100.0)
    content = path.read_bytes()
    at = content.index(good)
    path.write_bytes(content[:at] + bad.ljust(len(good), b"\0") + content[at + len(good) :])
    with pytest.raises(UsageError, match=says):
        require_pixels(path)


def test_an_spd_that_declares_more_than_it_has_is_refused_by_its_size(tmp_path):
    header = struct.pack("<16s8I", b"MAPSPECTRA_DATA", 1, 10**9, 10**5, 10**4, 4096, 2, 1068, 1)
    (tmp_path / "big.spd").write_bytes(header.ljust(1068, b"\0"))
    with pytest.raises(UsageError, match=r"it declares 8192000001068 bytes and has 1068"):
        require_spd(tmp_path / "big.spd")
