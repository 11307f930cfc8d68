"""What `tools.unfold` refuses before it trains: one line, and nothing in the folder changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from edge.faults import UsageError
from models.training.unfolding.plans import PLANS
from tools.bench.painted import painted_panel
from tools.unfold import main as unfold
from tools.unfold_lessons import lessons_of
from tools.unfold_scan import scan_to_learn


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a small panel."""
    maps, rgb = painted_panel(36, 36, 1)
    np.savez(tmp_path / "panel.npz", maps=maps, rgb=rgb, elements=np.array(["Fe"]))
    path = tmp_path / "config.yaml"
    path.write_text("scan: {source: panel.npz, factor: 4}\nplan: verinaz-jadan-2025\nthreads: 1\n")
    return path


def _refused(capsys: pytest.CaptureFixture[str], config: Path, out: Path, *, resume: bool = False) -> str:
    with pytest.raises(SystemExit) as ended:
        unfold(config, out, resume=resume)
    assert ended.value.code == UsageError.exit_code
    (said,) = capsys.readouterr().err.splitlines()
    return said


def test_a_training_that_is_not_gone_on_with_keeps_the_configuration_of_its_start(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "last.pt").write_bytes(b"cut off")
    (out / "config.yaml").write_text("as begun")
    assert "last.pt: not a checkpoint" in _refused(capsys, config, out, resume=True)
    assert (out / "config.yaml").read_text() == "as begun"


def test_where_nothing_has_begun_there_is_nothing_to_go_on_with(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "holds no training to go on with" in _refused(capsys, config, tmp_path / "out", resume=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["panel.npz", "panel.npz/out"])
def test_a_file_in_the_place_of_the_folder_is_named(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    assert f"{tmp_path / place}: cannot be written" in _refused(capsys, config, tmp_path / place)


def test_a_scan_of_few_exposures_is_refused_before_it_is_parted(config: Path, tmp_path: Path) -> None:
    cells, rgb = scan_to_learn(tmp_path / "panel.npz", factor=4)
    with pytest.raises(UsageError, match=r"20 exposures, of which 1 are held out, are too few.* needs 20 besides"):
        lessons_of(cells.picked(np.arange(20)), rgb, PLANS["pointillist"])
