"""The page for those who open a scan in other programs, run as it is written; what has windows without them."""

from __future__ import annotations

import math
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.documents.run_page import PROGRAMS, Block, blocks_of, commands_of, run_python, run_sh, unlike
from tests.unit.export.made_recording import make_recording

PAGE = "how-to/open-in-pymca.md"
pytestmark = pytest.mark.filterwarnings("ignore")  # other libraries' warnings are not ours to mend


def opened_by_pymca(arguments):
    """PyMca's windows read a file as the library behind them does."""
    (name,) = arguments
    if name.endswith(".edf"):
        titles = [image["Title"] for image in images_of(name)]
        assert {"Pb-L", "s(Pb-L)"} <= set(titles), "the page names them"
    else:
        stack_of = import_module("PyMca5.PyMcaIO.HDF5Stack1D").HDF5Stack1D
        places = ["/instrument/positioners/x", "/instrument/positioners/y"] if "points" in name else []
        chosen = {"x": places, "y": "/instrument/mca0/data", "m": [], "scatter": bool(places)}
        assert stack_of([name], chosen).info["McaCalib"][1] > 0
    return 0


def images_of(name):
    source = import_module("PyMca5.PyMcaIO.EdfFile").EdfFile(name)
    return [source.GetHeader(number) for number in range(source.GetNumImages())]


def opened_by_silx(arguments):
    command, name = arguments
    assert command == "view"
    with import_module("silx.io").open(name) as file:
        nxdata = import_module("silx.io.nxdata").get_default(file)
        assert nxdata.is_valid
        assert nxdata.signal.name.endswith("/map"), "first of all a map"
    return 0


def installed_by_pip(arguments):
    assert arguments[0] == "install"
    return 0


OTHERS = {"pip": installed_by_pip, "silx": opened_by_silx} | dict.fromkeys(
    ("pymcaroitool", "pymcapostbatch"), opened_by_pymca
)


def hyperspy_as_far_as_its_reader():
    """HyperSpy's own reading without the rest of it, which is half a gigabyte."""
    reader = pytest.importorskip("rsciio.hspy", reason="rosettasciio is not installed: pip install '.[readers]'")

    def load(name, *, lazy):
        (signal,) = reader.file_reader(name, lazy=lazy)
        cells = {key: value.compute() for key, value in signal["original_metadata"]["cells"].items()}
        plot = SimpleNamespace(plot=lambda: signal["data"].sum().compute())
        return SimpleNamespace(sum=lambda: plot, original_metadata=SimpleNamespace(cells=SimpleNamespace(**cells)))

    api = ModuleType("hyperspy.api")
    api.load = load
    package = ModuleType("hyperspy")
    package.api = api
    return {"hyperspy": package, "hyperspy.api": api}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A folder in which a recording lies where the page has it."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "runs" / "demo").mkdir(parents=True)
    make_recording(folder / "runs" / "demo" / "scan")
    return folder


def assert_prints(block: Block, printed: str, shown: Block | None) -> None:
    if shown is not None and shown.kind == "text":
        # another recording than the page's: other figures, the same words
        assert unlike(shown.text, printed, within=math.inf) == [], block.where


def test_every_block_does_what_the_page_says_and_prints_what_it_shows(scan, monkeypatch):
    pytest.importorskip("PyMca5", reason="PyMca5 is not installed: pip install '.[peers]'")
    pytest.importorskip("silx", reason="silx is not installed: pip install '.[readers]'")
    for name, module in hyperspy_as_far_as_its_reader().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(scan)
    blocks = blocks_of(PAGE)
    compared = 0
    for block, behind in zip(blocks, [*blocks[1:], None], strict=True):
        match block.kind:
            case "sh":
                printed = run_sh(block, programs=PROGRAMS | OTHERS)
            case "python":
                printed = run_python(block, {})
            case _:
                continue
        assert_prints(block, printed, behind)
        compared += behind is not None and behind.kind == "text"
    assert compared == sum(block.kind == "text" for block in blocks), "nothing is shown that was not printed"


def test_the_programs_of_the_page_are_those_that_its_packages_install():
    named = {words[0] for block in blocks_of(PAGE, "sh") for words in commands_of(block)} - {"pip", "pointillist"}
    try:
        installed = {Path(str(file)).name for package in ("PyMca5", "silx") for file in files(package) or ()}
    except PackageNotFoundError as lacking:
        pytest.skip(f"{lacking} is not installed: pip install '.[readers,peers]'")
    assert named <= installed


def test_an_export_is_refused_where_one_lies_with_the_sentence_that_the_page_has(scan, monkeypatch):
    monkeypatch.chdir(scan)
    Path("runs/demo/taken.nxs").touch()
    again = Block(PAGE, 0, "sh", "pointillist export runs/demo/scan --format nexus --out runs/demo/taken.nxs\n")
    page = (Path(__file__).resolve().parents[2] / "docs" / PAGE).read_text("utf-8")
    sentence = "is there already, and nothing is overwritten"
    assert f"`… {sentence}`" in page
    assert sentence in run_sh(again, code=2)
