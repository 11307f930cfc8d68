"""`pointillist reconstruct`: a recording's maps by another method, and what it refuses in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge import cli
from edge.reconstruct_recording import compared
from edge.record.maps_file import read_maps
from edge.stopping.figure import ErrorFigure, Estimate
from tests.unit.export.made_recording import make_recording

USAGE = 2


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without exposures held out; not to be changed."""
    return make_recording(tmp_path_factory.mktemp("reconstruct") / "inv-7")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_maps_and_report_by_the_method_go_to_a_folder_of_their_own_and_the_recording_stays(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(recording)
    assert cli.run(["reconstruct", str(recording), "--method", "linear", "--out", str(tmp_path / "linear")]) == 0
    assert contents(recording) == before
    kept = read_maps(tmp_path / "linear" / "maps.h5")
    assert kept.element_maps.method == "linear"
    assert kept.attributes["asked_method"] == "linear"
    assert (tmp_path / "linear" / "report.html").is_file()
    assert "No exposures were held out of the maps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--method", "magic"], "unknown reconstruction 'magic': choose one of automatic, kriging"),
        (["--method", "unfold"], "--method unfold needs the network that learned from this scan"),
        (["--method", "unfold", "--model", "nowhere.onnx"], "nowhere.onnx: no such file"),
        (["--method", "kriging", "--model", "nowhere.onnx"], "--model is of no use to the method kriging"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_fitted(
    recording: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert cli.run(["reconstruct", str(recording), *arguments]) == USAGE
    (said,) = capsys.readouterr().err.splitlines()
    assert sentence in said


def test_a_file_that_is_no_network_is_refused_in_a_sentence(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "network.onnx").write_bytes(b"no network")
    arguments = ["reconstruct", str(recording), "--method", "unfold", "--model", str(tmp_path / "network.onnx")]
    assert cli.run([*arguments, "--out", str(tmp_path / "out")]) == USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inside", ["", "linear"])
def test_nothing_is_written_into_the_recording(
    recording: Path, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    assert cli.run(["reconstruct", str(recording), "--method", "linear", "--out", str(recording / inside)]) == USAGE
    assert "lies in the recording" in capsys.readouterr().err


def test_a_folder_that_holds_something_is_not_written_to(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert cli.run(["reconstruct", str(recording), "--method", "linear", "--out", str(tmp_path)]) == USAGE
    assert "holds something already" in capsys.readouterr().err


def test_errors_stand_beside_each_other_by_element() -> None:
    worse, better = Estimate(0.05, 0.04, 0.06, 0.01), Estimate(0.03, 0.02, 0.04, 0.01)
    old = ErrorFigure(400, 40, worse, (("Fe-K", worse), ("Pb-L", worse)), 0.7, 0.95)
    lines = list(compared(("kriging", old), ("ssr", replace(old, overall=better, elements=(("Fe-K", better),)))))
    assert lines[0] == "Error by 40 exposures held out, of the scan's maps (kriging) and of these (ssr):"
    assert lines[1] == "  all together  0.05 (0.04 to 0.06)  0.03 (0.02 to 0.04)"
    assert lines[2:] == ["  Fe-K  0.05 (0.04 to 0.06)  0.03 (0.02 to 0.04)"]
