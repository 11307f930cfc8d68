"""Other people's rasters: every kind gives back what was put in, and what is no raster gets a sentence."""

from __future__ import annotations

import sys

import cv2
import h5py
import numpy as np
import pytest

from edge.faults import UsageError
from edge.imports.found import NOTHING_SET, FoundCube, ImportSettings
from edge.imports.names import element_names
from edge.imports.readers import read_found
from edge.replaying.sources import load_stack
from tests.replay.makers_files import write_bcf, write_spd

SHAPE = ROWS, COLUMNS, CHANNELS = 6, 8, 128
OFFSET_KEV, GAIN_KEV = -0.05, 0.03


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(4).poisson(3.0, SHAPE).astype(np.uint16)


@pytest.fixture(scope="module")
def maps():
    return np.random.default_rng(5).gamma(2.0, 10.0, (ROWS, COLUMNS, 3)).astype(np.float32)


def write_rpl(folder, counts):
    (folder / "old.raw").write_bytes(counts.astype("<u2").tobytes())
    keys = {"width": COLUMNS, "height": ROWS, "depth": CHANNELS, "offset": 0, "data-length": 2}
    words = {"data-type": "unsigned", "byte-order": "little-endian", "record-by": "vector"}
    lines = [f"{key}\t{value}" for key, value in ({"key": "value"} | keys | words).items()]
    (folder / "old.rpl").write_text("\n".join(lines) + "\n")
    return folder / "old.rpl"


def write_pymca(folder, counts):
    """As PyMca and beamlines lay a stack out."""
    with h5py.File(folder / "old.h5", "w") as file:
        group = file.create_group("scan/instrument/mca0")
        group.create_dataset("data", data=counts, compression="gzip", chunks=(1, COLUMNS, CHANNELS))
        group["data"].attrs["interpretation"] = "spectrum"
        group["calibration"] = [OFFSET_KEV, GAIN_KEV, 0.0]
        group["live_time"] = np.full((ROWS, COLUMNS), 0.5)
    return folder / "old.h5"


def write_channels_first(folder, counts):
    with h5py.File(folder / "old.hdf5", "w") as file:
        file["stack"] = np.moveaxis(np.repeat(counts, 2, axis=2), 2, 0)[::2]
        file["energy"] = 1e3 * (OFFSET_KEV + GAIN_KEV * np.arange(CHANNELS))
    return folder / "old.hdf5"


def write_edf_rows(folder, counts):
    place = folder / "edf"
    place.mkdir()
    for row in range(ROWS):
        (place / f"scan_xia00_{row:04}.edf").write_bytes(edf(counts[row], "UnsignedShort"))
    return place


def write_npz(folder, counts):
    np.savez(folder / "old.npz", counts=counts, offset_kev=OFFSET_KEV, gain_kev=GAIN_KEV, live_time_s=np.ones((6, 8)))
    return folder / "old.npz"


def edf(values, kind, title=""):
    keys = {"ByteOrder": "LowByteFirst", "DataType": kind, "Dim_1": values.shape[1], "Dim_2": values.shape[0]}
    text = "{\n" + "".join(f"{key} = {value} ;\n" for key, value in (keys | {"Title": title}).items())
    return text.encode().ljust(510) + b"}\n" + values.tobytes()


def read_cube(path):
    from edge.replaying.sources import _of_npz

    found = _of_npz(path) if path.suffix == ".npz" else read_found(path, NOTHING_SET)
    assert isinstance(found, FoundCube)
    return found


@pytest.mark.parametrize("write", [write_pymca, write_channels_first, write_edf_rows, write_npz])
def test_spectra_come_back_as_they_were_counted(tmp_path, counts, write):
    if write is write_channels_first:
        counts = np.repeat(counts, 2, axis=2)[..., ::2]
    found = read_cube(write(tmp_path, counts))
    assert found.shape == SHAPE
    assert np.array_equal(found.rows(0, ROWS), counts)
    assert np.array_equal(found.rows(2, 4), counts[2:4]), "rows that are asked for, and no others"
    if write is not write_edf_rows:
        assert (found.offset_kev, found.gain_kev) == pytest.approx((OFFSET_KEV, GAIN_KEV))


def test_rpl_comes_back_by_its_header_and_by_its_numbers(tmp_path, counts):
    path = write_rpl(tmp_path, counts)
    for place in (path, path.with_suffix(".raw")):
        found = read_cube(place)
        assert np.array_equal(found.rows(1, 5), counts[1:5])
        assert found.gain_kev is None, "the header says no energy"


def test_hyperspy_comes_back_with_scale_and_pitch(tmp_path, counts):
    hspy = pytest.importorskip("rsciio.hspy", reason="the extra `import` is not installed")
    axes = [
        {"name": name, "size": size, "offset": offset, "scale": scale, "units": unit, "navigate": unit == "um"}
        for name, size, offset, scale, unit in (
            ("y", ROWS, 0.0, 500.0, "um"),
            ("x", COLUMNS, 0.0, 500.0, "um"),
            ("Energy", CHANNELS, 1e3 * OFFSET_KEV, 1e3 * GAIN_KEV, "eV"),
        )
    ]
    signal = {"data": counts, "axes": axes, "metadata": {"General": {"title": "old"}}, "models": {}}
    signal |= {name: {} for name in ("original_metadata", "tmp_parameters", "learning_results")}
    signal |= {
        "attributes": {"_lazy": False, "ragged": False},
        "package_info": {"package": "x", "package_version": "1"},
    }
    hspy.file_writer(str(tmp_path / "old.hspy"), signal)
    found = read_cube(tmp_path / "old.hspy")
    assert np.array_equal(found.rows(0, ROWS), counts)
    assert (found.offset_kev, found.gain_kev, found.pitch_mm) == pytest.approx((OFFSET_KEV, GAIN_KEV, 0.5))


@pytest.mark.parametrize("kind", ["bcf", "spd"])
def test_makers_files_come_back_as_they_were_counted(tmp_path, counts, kind):
    pytest.importorskip("rsciio", reason="the extra `import` is not installed")
    path = tmp_path / f"old.{kind}"
    if kind == "bcf":
        write_bcf(path, counts, offset_kev=OFFSET_KEV, gain_kev=GAIN_KEV, pitch_um=500.0)
    else:
        write_spd(path, counts)
    found = read_cube(path)
    assert np.array_equal(found.rows(0, ROWS), counts)
    assert np.array_equal(found.rows(2, 4), counts[2:4])
    if kind == "bcf":
        assert (found.offset_kev, found.gain_kev, found.pitch_mm) == (OFFSET_KEV, GAIN_KEV, 0.5)
        assert found.tube_kv == 50.0
        assert found.live_s == pytest.approx(48.0 / (ROWS * COLUMNS)), "that of the whole map, shared by its cells"


def test_without_rosettasciio_a_makers_file_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rsciio", None)
    (tmp_path / "old.bcf").write_bytes(b"AAMVHFSS")
    with pytest.raises(UsageError, match=r"old.bcf: .bcf files are read by RosettaSciIO, which is not installed: pip"):
        read_found(tmp_path / "old.bcf", NOTHING_SET)


def test_maps_are_found_where_a_files_default_leads(tmp_path, maps):
    with h5py.File(tmp_path / "fit.h5", "w") as file:
        file.attrs["default"] = "entry"
        file.create_group("a_first").create_dataset("noise", data=np.zeros((4, 9)))
        entry = file.create_group("entry")
        entry.attrs["default"] = "maps"
        data = entry.create_group("maps")
        data.attrs.update({"NX_class": "NXdata", "signal": "Fe_K", "auxiliary_signals": ["Pb_L", "chisq"]})
        for name, values in (("Fe_K", maps[..., 0]), ("Pb_L", maps[..., 1]), ("chisq", maps[..., 2])):
            data[name] = values
            data[f"{name}_errors"] = np.sqrt(values)
    stack = load_stack(tmp_path / "fit.h5")
    assert stack.elements == ("Fe-K", "Pb-L")
    assert np.array_equal(stack.maps, maps[..., :2])
    assert stack.variance == pytest.approx(maps[..., :2])
    named = load_stack(tmp_path / "fit.h5", ImportSettings(dataset="/entry/maps"))
    assert np.array_equal(named.maps, stack.maps)


def test_a_stack_of_maps_takes_its_names_from_beside(tmp_path, maps):
    with h5py.File(tmp_path / "maps.nxs", "w") as file:
        file["results/images"] = np.moveaxis(maps, 2, 0)
        file["results/elements"] = ["Ca", "Fe", "Pb"]
    stack = load_stack(tmp_path / "maps.nxs")
    assert stack.elements == ("Ca", "Fe", "Pb")
    assert np.array_equal(stack.maps, maps)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_folder_of_tiff_is_a_map_a_file(tmp_path, maps, kind):
    values = maps.astype(kind)
    for k, name in enumerate(("Ca-K", "Fe-K", "Pb-L")):
        cv2.imwrite(str(tmp_path / f"scan 7 {name}.tif"), values[..., k])
    stack = load_stack(tmp_path)
    assert stack.elements == ("Ca-K", "Fe-K", "Pb-L")
    assert np.array_equal(stack.maps, values.astype(np.float32))


def test_edf_maps_take_their_titles(tmp_path, maps):
    images = [edf(np.ascontiguousarray(maps[..., k]), "FloatValue", name) for k, name in enumerate(("Ca K", "Fe K"))]
    (tmp_path / "images.edf").write_bytes(b"".join(images))
    stack = load_stack(tmp_path / "images.edf")
    assert stack.elements == ("Ca-K", "Fe-K")
    assert np.array_equal(stack.maps, maps[..., :2])


def test_edf_of_fabio_is_read_as_fabio_reads_it(tmp_path, maps):
    image = pytest.importorskip("fabio.edfimage", reason="the extra `readers` is not installed")
    for name, kind in (("wide", ">u4"), ("narrow", "<i2"), ("real", "<f8")):
        written = image.edfimage(data=(10 * maps[..., 0]).astype(np.dtype(kind).newbyteorder("=")))
        written.write(str(tmp_path / f"{name}.edf"))
        theirs = image.edfimage().read(str(tmp_path / f"{name}.edf")).data
        ours = load_stack(tmp_path / f"{name}.edf").maps[..., 0]
        assert np.array_equal(ours, theirs.astype(np.float32))


def test_names_keep_what_tells_maps_apart():
    assert element_names(["scan_Fe-Ka", "scan_Pb-La"]) == ("Fe-K", "Pb-L")
    assert element_names(["a Ca_Ka map", "a Ca_Kb map"]) == ("Ca_Ka", "Ca_Kb")
    assert element_names(["one"]) == ("one",)


def test_spectra_fitted_in_blocks_are_those_fitted_at_once(measurement_data, tmp_path, monkeypatch):
    with np.load(measurement_data / "maxrf_hands" / "prova1_det10264.npz") as archive:
        np.savez(tmp_path / "part.npz", counts=archive["counts"][20:26, 40:46], live_time_s=np.full((6, 6), 3.0))
    settings = ImportSettings(calibration=(-0.0697, 0.029168), elements=("Pb", "Fe"))
    whole = load_stack(tmp_path / "part.npz", settings)
    monkeypatch.setattr("edge.imports.bounds.BLOCK_BYTES", 2 * 6 * 1024 * 4)
    blocks = load_stack(tmp_path / "part.npz", settings)
    assert whole.elements == ("Pb-L", "Fe-K")
    assert whole.unit == "counts/s"
    assert np.allclose(whole.maps, blocks.maps, rtol=1e-5)
    assert (whole.variance > 0).all(), "counting tells the errors"
    assert (whole.maps[..., 0] > 5 * np.sqrt(whole.variance[..., 0])).all(), "lead white everywhere"


def bomb(path):
    with h5py.File(path / "bad.h5", "w") as file:
        file.create_dataset("data", (4000, 4000, 4096), np.uint16, chunks=(1, 100, 4096), compression="gzip")


def elsewhere(path):
    with h5py.File(path / "other.h5", "w") as file:
        file["maps"] = np.ones((2, 8, 8))
    with h5py.File(path / "bad.h5", "w") as file:
        file["maps"] = h5py.ExternalLink(str(path / "other.h5"), "/maps")


def virtual(path):
    elsewhere(path)
    layout = h5py.VirtualLayout((2, 8, 8), np.float64)
    layout[:] = h5py.VirtualSource(str(path / "other.h5"), "maps", (2, 8, 8))
    with h5py.File(path / "bad.h5", "w") as file:
        file.create_virtual_dataset("maps", layout)


def cut(path):
    write_pymca(path, np.ones(SHAPE, np.uint16))
    content = (path / "old.h5").read_bytes()
    (path / "bad.h5").write_bytes(content[: len(content) // 2])


def long_edf(path):
    (path / "bad.edf").write_bytes(edf(np.ones((6, 8), np.float32), "FloatValue").replace(b"Dim_1 = 8", b"Dim_1 = 9"))


def packed_edf(path):
    (path / "bad.edf").write_bytes(edf(np.ones((6, 8), np.float32), "Gibberish"))


def long_rpl(path):
    write_rpl(path, np.ones(SHAPE, np.uint16))
    text = (path / "old.rpl").read_text()
    (path / "bad.rpl").write_text(text.replace("width\t8", "width\t800000"))
    (path / "old.raw").rename(path / "bad.raw")


def no_bcf(path):
    pytest.importorskip("rsciio", reason="the extra `import` is not installed")
    (path / "bad.bcf").write_bytes(b"AAMVHFSS" + bytes(4096))


def unknown(path):
    (path / "bad.xyz").write_bytes(b"hello there, nothing to see")


def no_channels(path):
    with h5py.File(path / "bad.h5", "w") as file:
        file["thing"] = np.ones(7)


def parts_of_counts(path):
    np.savez(path / "bad.npz", counts=np.full(SHAPE, 0.37), offset_kev=0.0, gain_kev=0.01)


def no_scale(path):
    np.savez(path / "bad.npz", counts=np.ones(SHAPE, np.uint16))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bomb, "declares 131 GB and is stored in 0 bytes"),
        (elsewhere, "no element maps and no spectra"),
        (virtual, "lies in other files: copy it into one"),
        (cut, "is no HDF5 file that can be read"),
        (long_edf, "declares 6 x 9 values and is cut short"),
        (packed_edf, "values of type 'Gibberish'"),
        (long_rpl, "declares 1228800000 bytes and bad.raw has"),
        (no_bcf, "bad.bcf: cannot be read"),
        (unknown, "is of no kind that can be replayed: give a recording's folder"),
        (no_channels, "no element maps and no spectra of a raster are found in it: name the group"),
        (parts_of_counts, "spectra hold parts of counts"),
        (no_scale, "does not say its energy scale: give --calibration OFFSET_KEV,KEV_PER_CHANNEL"),
    ],
)
def test_what_is_no_raster_gets_a_sentence(tmp_path, make, says):
    make(tmp_path)
    (path,) = tmp_path.glob("bad.[!r]*") if make is not long_rpl else [tmp_path / "bad.rpl"]
    with pytest.raises(UsageError, match=says) as refused:
        load_stack(path)
    assert "\n" not in str(refused.value)


def test_maps_of_different_size_or_in_colours_are_refused_by_name(tmp_path, maps):
    cv2.imwrite(str(tmp_path / "Fe.tif"), maps[..., 0])
    cv2.imwrite(str(tmp_path / "Pb.tif"), maps[:4, :, 1])
    with pytest.raises(UsageError, match=r"Pb.tif: has 4 x 8 cells and Fe.tif 6 x 8"):
        load_stack(tmp_path)
    cv2.imwrite(str(tmp_path / "Pb.tif"), np.zeros((6, 8, 3), np.uint8))
    with pytest.raises(UsageError, match=r"Pb.tif: is a picture in colours and no map: give it as --rgb"):
        load_stack(tmp_path)


def test_an_empty_folder_is_no_source(tmp_path):
    with pytest.raises(UsageError, match="holds no recording, no TIFF and no EDF"):
        load_stack(tmp_path)


def test_settings_of_spectra_are_refused_for_maps(tmp_path, maps):
    np.savez(tmp_path / "old.npz", maps=maps, elements=["a", "b", "c"])
    with pytest.raises(UsageError, match="holds maps and no spectra: leave --calibration"):
        load_stack(tmp_path / "old.npz", ImportSettings(tube_kv=30.0))


@pytest.mark.parametrize(("shape", "elements_last"), [((3, 70, 90), False), ((70, 90, 3), True), ((6, 70, 285), False)])
def test_the_shortest_axis_of_a_nameless_stack_is_that_of_elements(tmp_path, shape, elements_last):
    values = np.random.default_rng(0).random(shape, np.float32)
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        file["stack"] = values
    maps = load_stack(tmp_path / "stack.h5").maps
    assert np.array_equal(maps, values if elements_last else np.moveaxis(values, 0, 2))


def test_what_lies_beside_maps_is_no_map(tmp_path, maps):
    for name in ("Ca-K", "Fe-K", "Ca-K_s", "Ca-K_visible", "live_s", "measured"):
        cv2.imwrite(str(tmp_path / f"{name}.tif"), maps[..., 0])
    cv2.imwrite(str(tmp_path / "photograph.tif"), np.zeros((ROWS, COLUMNS, 3), np.uint8))
    assert load_stack(tmp_path).elements == ("Ca-K", "Fe-K")
    titles = ("Ca-K", "s(Ca-K)", "Fe-K", "s(Fe-K)")
    images = [edf(np.ascontiguousarray(maps[..., k % 3]), "FloatValue", name) for k, name in enumerate(titles)]
    (tmp_path / "images.edf").write_bytes(b"".join(images))
    assert load_stack(tmp_path / "images.edf").elements == ("Ca-K", "Fe-K")


def test_an_element_a_group_is_read_as_exports_write_it(tmp_path, maps):
    with h5py.File(tmp_path / "export.h5", "w") as file:
        file.attrs["default"] = "scan"
        scan = file.create_group("scan")
        scan.attrs["default"] = "maps"
        group = scan.create_group("maps")
        group.attrs["default"] = "Fe_K"
        for k, name in enumerate(("Fe_K", "Pb_L")):
            data = group.create_group(name)
            data.attrs.update({"NX_class": "NXdata", "signal": "map", "auxiliary_signals": ["visible"]})
            data["map"], data["map_errors"], data["visible"] = maps[..., k], np.sqrt(maps[..., k]), maps[..., 2]
    stack = load_stack(tmp_path / "export.h5")
    assert stack.elements == ("Fe-K", "Pb-L")
    assert np.array_equal(stack.maps, maps[..., :2])
    assert stack.variance == pytest.approx(maps[..., :2])
