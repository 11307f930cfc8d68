"""Every format as the libraries open it that its users have, PyMca's, silx's, HyperSpy's and others', never by ours."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edge.record.maps_file import MapsFile, read_maps
from tests.unit.export.made_recording import (
    CHANNELS,
    GRID,
    LIVE_S,
    REAL_S,
    STATED,
    VISITED,
    added_spectra,
    exposures,
    photograph,
    plan,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # other libraries' warnings are not ours to mend

Exported = Callable[[str], Path]
LIVE_PER_CELL_S = np.where(VISITED, LIVE_S, 0.0)
LIVE_PER_CELL_S[tuple(np.array(GRID.cells_of(np.array([plan().table[0, :2]]))[0]))] += 0.03


@pytest.fixture(scope="module")
def maps(recording: Path) -> MapsFile:
    return read_maps(recording / "maps.h5")


def energies_kev(zero_kev: float, gain_kev: float) -> float:
    """Where the strongest peak of the sum spectrum lies on a scale: iron's, at 6.40 keV."""
    counts = added_spectra().sum(axis=(0, 1))
    return zero_kev + gain_kev * int(np.argmax(counts))


def pymca(module: str) -> Any:
    return pytest.importorskip(f"PyMca5.{module}", reason="PyMca5 is not installed: pip install '.[peers]'")


def test_pymca_opens_the_grid_as_a_stack_with_its_energies_live_times_and_places(exported: Exported) -> None:
    stack_of = pymca("PyMcaIO.HDF5Stack1D").HDF5Stack1D
    stack = stack_of([str(exported("nexus"))], {"x": [], "y": "/instrument/mca0/data", "m": []})
    assert np.array_equal(stack.data, added_spectra())
    assert stack.data.dtype == np.float32, "in double precision it would be twice as large"
    zero_kev, gain_kev, square = stack.info["McaCalib"]
    assert (energies_kev(zero_kev, gain_kev), square) == (pytest.approx(6.40, abs=0.02), 0.0)
    assert stack.info["McaLiveTime"].reshape(GRID.shape) == pytest.approx(LIVE_PER_CELL_S)
    rows, columns = np.indices(GRID.shape)
    assert stack.info["positioners"]["x"] == pytest.approx(GRID.origin_x_mm + (columns + 0.5) * GRID.pitch_mm)
    assert stack.info["positioners"]["y"] == pytest.approx(GRID.origin_y_mm + (rows + 0.5) * GRID.pitch_mm)


def test_pymca_finds_the_spectra_by_itself(exported: Exported) -> None:
    tools = pymca("PyMcaCore.NexusTools")
    for name in ("nexus", "nexus-points"):
        with h5py.File(exported(name)) as file:
            assert tools.getMcaList(file, "/scan") == ["/scan/instrument/mca0/data", "/scan/sum_spectrum/counts"]
            assert tools.getTitle(file, "/scan") == STATED["object"]["title"]


def test_pymca_opens_the_list_as_exposures_at_their_places(exported: Exported) -> None:
    stack_of = pymca("PyMcaIO.HDF5Stack1D").HDF5Stack1D
    places = ["/instrument/positioners/x", "/instrument/positioners/y"]
    chosen = {"x": places, "y": "/instrument/mca0/data", "m": [], "scatter": True}
    stack = stack_of([str(exported("nexus-points"))], chosen)
    assert np.array_equal(stack.data[0], [done.counts for done in exposures()])
    assert stack.info["scatterAxes"] == ("x", "y")
    assert stack.info["McaLiveTime"] == pytest.approx([done.live_s for done in exposures()])
    assert stack.info["positioners"]["x"] == pytest.approx([done.start.x_mm for done in exposures()])
    assert "uncertainty" not in stack.info["positioners"], "nobody stated any"


def test_pymca_opens_the_maps_with_their_names(exported: Exported, maps: MapsFile) -> None:
    file = pymca("PyMcaIO.EdfFile").EdfFile(str(exported("edf")), "rb")
    titles = [file.GetHeader(i)["Title"] for i in range(file.GetNumImages())]
    assert titles[:4] == ["Fe-K", "Pb-L", "s(Fe-K)", "s(Pb-L)"]
    assert np.array_equal(file.GetData(1), maps.element_maps.maps[:, :, 1])
    assert np.array_equal(file.GetData(3), maps.element_maps.standard_error[:, :, 1])


def test_pymca_opens_rpl_as_a_stack(exported: Exported) -> None:
    stack = pymca("PyMcaIO.LispixMap").LispixMap(str(exported("rpl") / "spectra.rpl"))
    assert np.array_equal(stack.data, added_spectra())


def test_pymca_reads_the_table(exported: Exported, maps: MapsFile) -> None:
    table = exported("csv") / "maps.csv"
    # it puts a running number before the first column
    columns = np.asarray(pymca("PyMcaIO.specfilewrapper").Specfile(str(table))[0].data())[1:]
    names = table.read_text("utf-8").splitlines()[0].replace('"', "").split(";")
    rows, places = np.indices(GRID.shape)
    # PyMca takes the first two for row and column, and the others for maps
    assert np.array_equal(columns[0], rows.ravel())
    assert np.array_equal(columns[1], places.ravel())
    lead = columns[names.index("Pb-L")]
    assert lead.reshape(GRID.shape) == pytest.approx(maps.element_maps.maps[:, :, 1], rel=1e-5)


def test_pymca_opens_the_images(exported: Exported, maps: MapsFile) -> None:
    file = pymca("PyMcaIO.TiffIO").TiffIO(str(exported("tiff") / "Pb-L.tif"), mode="rb")
    assert np.array_equal(file.getImage(0), maps.element_maps.maps[:, :, 1])


@pytest.mark.parametrize("name", ["nexus", "nexus-points"])
def test_silx_shows_a_map_with_its_error_at_once(exported: Exported, maps: MapsFile, name: str) -> None:
    silx_io = pytest.importorskip("silx.io", reason="silx is not installed: pip install '.[readers]'")
    nxdata = pytest.importorskip("silx.io.nxdata")
    with silx_io.open(str(exported(name))) as file:
        shown = nxdata.get_default(file)
        assert shown.title == "Fe-K"
        assert shown.interpretation == "image"
        assert np.array_equal(shown.signal[()], maps.element_maps.maps[:, :, 0])
        assert np.array_equal(shown.errors[()], maps.element_maps.standard_error[:, :, 0])
        visible, hidden = (signal[()] for signal in shown.auxiliary_signals)
        assert visible + hidden == pytest.approx(shown.signal[()], abs=1e-3)
        y_mm, x_mm = (axis[()] for axis in shown.axes)
        assert (x_mm[0], y_mm[0]) == (GRID.centre(0, 0).x_mm, GRID.centre(0, 0).y_mm)
        assert [axis.attrs["units"] for axis in shown.axes] == ["mm", "mm"]


def test_silx_takes_every_picture_for_what_it_is(exported: Exported, maps: MapsFile) -> None:
    silx_io = pytest.importorskip("silx.io", reason="silx is not installed: pip install '.[readers]'")
    nxdata = pytest.importorskip("silx.io.nxdata")
    with silx_io.open(str(exported("nexus"))) as file:
        kinds = {
            name: nxdata.NXdata(file[f"scan/{name}"])
            for name in ("photograph", "masks", "sum_spectrum", "received/live_s", "maps/Pb-L")
        }
        assert {name: (kind.is_valid, kind.interpretation) for name, kind in kinds.items()} == {
            "photograph": (True, "rgba-image"),
            "masks": (True, "image"),
            "sum_spectrum": (True, "spectrum"),
            "received/live_s": (True, "image"),
            "maps/Pb-L": (True, "image"),
        }
        assert np.array_equal(kinds["photograph"].signal[()], maps.rgb)
        assert np.array_equal(kinds["masks"].signal[()], VISITED)
        assert np.array_equal(kinds["sum_spectrum"].signal[()], added_spectra().sum(axis=(0, 1)))


def test_the_file_says_where_everything_comes_from(exported: Exported) -> None:
    with h5py.File(exported("nexus")) as file:
        scan = file["scan"]

        def text(path: str) -> str:
            return scan[path].asstr()[()]

        assert text("instrument/name") == STATED["about"]["name"]
        assert text("instrument/optics/description") == STATED["about"]["optics"]
        assert text("instrument/mca0/description") == STATED["about"]["detector"]
        assert text("instrument/filter/description") == STATED["tube"]["filter"]
        assert text("instrument/tube/target_material") == "Rh"
        assert (scan["instrument/tube/voltage"][()], scan["instrument/tube/voltage"].attrs["units"]) == (35.0, "kV")
        assert (scan["instrument/tube/current"][()], scan["instrument/tube/current"].attrs["units"]) == (750.0, "uA")
        assert text("user/name") == STATED["object"]["operator"]
        assert text("sample/identifier") == STATED["object"]["identifier"]
        assert text("process/digests/plan") == plan().digest
        assert text("process/software/firmware") == "made-up 2"
        assert text("start_time") == "2026-01-02T03:04:05.000000+00:00"
        told = json.loads(text("process/provenance/data"))
        assert told["scan"]["dwell_s"] == LIVE_S
        assert told["instrument"]["atmosphere"] == "helium"
        assert told["digests"]["registration"] == plan().registration_digest
        real_s = float(told["dose"]["real_s"])
        assert real_s == pytest.approx(REAL_S * VISITED.sum() + 0.04)


def test_hyperspys_reader_gets_spectra_axes_and_elements(exported: Exported) -> None:
    reader = pytest.importorskip("rsciio.hspy", reason="rosettasciio is not installed: pip install '.[readers]'")
    (signal,) = reader.file_reader(str(exported("hyperspy")))
    assert np.array_equal(signal["data"], added_spectra())
    assert [(axis["name"], axis["units"], bool(axis["navigate"])) for axis in signal["axes"]] == [
        ("y", "mm", True),
        ("x", "mm", True),
        ("Energy", "keV", False),
    ]
    y, x, energy = signal["axes"]
    assert (y["offset"], x["offset"], x["scale"]) == (GRID.centre(0, 0).y_mm, GRID.centre(0, 0).x_mm, GRID.pitch_mm)
    assert energies_kev(energy["offset"], energy["scale"]) == pytest.approx(6.40, abs=0.02)
    assert signal["metadata"]["Sample"]["elements"] == ["Fe", "Pb"]
    assert signal["original_metadata"]["instrument"]["tube_kv"] == 35.0
    cells = signal["original_metadata"]["cells"]
    assert cells["live_time"] == pytest.approx(LIVE_PER_CELL_S)
    assert np.array_equal(cells["exposures"] > 0, VISITED), "what was not measured is told from what counted nothing"


def test_hyperspys_reader_opens_it_without_reading_it(exported: Exported) -> None:
    reader = pytest.importorskip("rsciio.hspy", reason="rosettasciio is not installed: pip install '.[readers]'")
    (signal,) = reader.file_reader(str(exported("hyperspy")), lazy=True)
    assert signal["data"].shape == (*GRID.shape, CHANNELS)
    assert np.array_equal(signal["data"][3].compute(), added_spectra()[3])


def test_rosettasciio_opens_rpl(exported: Exported) -> None:
    reader = pytest.importorskip("rsciio.ripple", reason="rosettasciio is not installed: pip install '.[readers]'")
    (signal,) = reader.file_reader(str(exported("rpl") / "spectra.rpl"))
    assert np.array_equal(signal["data"], added_spectra())
    y, x, energy = signal["axes"]
    assert (energy["units"], energy["scale"]) == ("eV", pytest.approx(20.0, abs=0.05))
    assert energies_kev(energy["offset"] / 1e3, energy["scale"] / 1e3) == pytest.approx(6.40, abs=0.02)
    assert (y["offset"], x["offset"], x["scale"]) == (GRID.centre(0, 0).y_mm, GRID.centre(0, 0).x_mm, GRID.pitch_mm)


def test_rosettasciio_opens_the_live_times_beside_rpl(exported: Exported) -> None:
    reader = pytest.importorskip("rsciio.ripple", reason="rosettasciio is not installed: pip install '.[readers]'")
    (seconds,) = reader.file_reader(str(exported("rpl") / "live_time.rpl"))
    assert seconds["data"] == pytest.approx(LIVE_PER_CELL_S)
    (exposed,) = reader.file_reader(str(exported("rpl") / "exposures.rpl"))
    assert np.array_equal(exposed["data"] > 0, VISITED)


def test_pymca_opens_the_live_times_beside_rpl(exported: Exported) -> None:
    lispix = pymca("PyMcaIO.LispixMap").LispixMap
    seconds = lispix(str(exported("rpl") / "live_time.rpl")).data
    assert seconds.reshape(GRID.shape) == pytest.approx(LIVE_PER_CELL_S)


def test_fabio_opens_every_map(exported: Exported, maps: MapsFile) -> None:
    fabio = pytest.importorskip("fabio", reason="fabio is not installed: pip install '.[readers]'")
    with fabio.open(str(exported("edf"))) as file:
        titles = [file.get_frame(i).header["Title"] for i in range(file.nframes)]
        assert titles[0] == "Fe-K"
        assert titles[-2:] == ["hidden(Pb-L)", "measured"]
        assert np.array_equal(file.get_frame(len(titles) - 1).data, maps.element_maps.measured)
        assert np.array_equal(file.get_frame(0).data, maps.element_maps.maps[:, :, 0])
        header = file.get_frame(0).header
        assert float(header["PSize_1"]) == pytest.approx(GRID.pitch_mm / 1_000)
        assert header["object.title"] == "Lady, ,draft,", "what would end an entry is taken out"
        assert header["digests.plan"] == plan().digest


def test_tifffile_opens_maps_with_their_scale(exported: Exported, maps: MapsFile) -> None:
    import tifffile

    for name, expected in (
        ("Pb-L", maps.element_maps.maps[:, :, 1]),
        ("Pb-L_s", maps.element_maps.standard_error[:, :, 1]),
    ):
        with tifffile.TiffFile(exported("tiff") / f"{name}.tif") as file:
            page = file.pages[0]
            assert np.array_equal(page.asarray(), expected)
            assert page.dtype == np.float32
            tags = page.tags
            assert tags["ResolutionUnit"].value.name == "CENTIMETER"
            numerator, denominator = tags["XResolution"].value
            assert numerator / denominator == pytest.approx(10 / GRID.pitch_mm)
            assert json.loads(tags["ImageDescription"].value)["object"] == STATED["object"]
    photo = tifffile.imread(exported("tiff") / "photograph.tif")
    assert np.array_equal(photo, maps.rgb)
    assert set(np.unique(photo.reshape(-1, 3), axis=0)[0]) <= set(photograph().ravel())


def test_ome_readers_get_a_channel_for_each_map(exported: Exported, maps: MapsFile) -> None:
    import tifffile

    with tifffile.TiffFile(exported("ometiff")) as file:
        assert file.is_ome
        assert np.array_equal(file.asarray()[:2], np.moveaxis(maps.element_maps.maps, 2, 0))
        assert 'Name="s(Pb-L)"' in file.ome_metadata
        assert 'Name="measured"' in file.ome_metadata
        assert np.array_equal(file.asarray()[-1], maps.element_maps.measured)
        assert f'PhysicalSizeX="{1_000 * GRID.pitch_mm}"' in file.ome_metadata


def test_a_spreadsheet_gets_a_line_for_each_cell(exported: Exported, maps: MapsFile) -> None:
    with (exported("csv") / "maps.csv").open(newline="") as file:
        lines = list(csv.DictReader(file, delimiter=";"))
    assert len(lines) == GRID.rows * GRID.columns
    line = lines[2 * GRID.columns + 7]
    assert (int(line["row"]), int(line["column"])) == (2, 7)
    assert (float(line["x_mm"]), float(line["y_mm"])) == (GRID.centre(2, 7).x_mm, GRID.centre(2, 7).y_mm)
    assert float(line["Fe-K"]) == pytest.approx(float(maps.element_maps.maps[2, 7, 0]), rel=1e-5)
    assert float(line["s(Fe-K)"]) == pytest.approx(float(maps.element_maps.standard_error[2, 7, 0]), rel=1e-5)
    assert int(line["measured"]) == VISITED[2, 7]
    with (exported("csv") / "spectrum.csv").open(newline="") as file:
        spectrum = list(csv.DictReader(file, delimiter=";"))
    assert [int(one["counts"]) for one in spectrum] == added_spectra().sum(axis=(0, 1)).tolist()
