"""The page on reprocessing an archive, run as it is written, with two workers of this machine or of a scheduler."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.record.maps_file import read_maps
from tests.documents.run_page import PROGRAMS, blocks_of, commands_of, run_sh, unlike
from tools.bench.made_recording import Made, make_recording

pytest.importorskip("distributed", reason="needs the extra cluster")
pytestmark = [pytest.mark.campaign, pytest.mark.filterwarnings("default"), pytest.mark.timeout(1_800)]
PAGE = "how-to/reprocess-an-archive.md"
INSTALLED = {**PROGRAMS, "pip": lambda _: 0}
MADE = Made(24, 32, rate=0.5, channels=2_048, elements=("Ca", "Fe", "Cu", "Hg", "Pb"), method="nearest")


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_recording(folder / "panel", MADE)
    shutil.copytree(folder / "panel", folder / "2025" / "again")
    return folder


def test_an_archive_is_reprocessed_gone_on_with_and_made_with_other_settings_as_the_page_says(
    archive, tmp_path, monkeypatch
):
    first, again, _, _, other = blocks_of(PAGE, "sh")
    (shown,), (settings,) = blocks_of(PAGE, "text"), blocks_of(PAGE, "yaml")
    names = {"/archive": str(archive), "/results": str(tmp_path / "results")}
    monkeypatch.chdir(tmp_path)
    printed = run_sh(first, replacing=names, programs=INSTALLED)
    assert unlike(shown.replaced(names), printed) == []
    made = (tmp_path / "results" / "panel" / "maps.h5").stat().st_mtime_ns
    assert unlike(shown.replaced(names), run_sh(again, replacing=names)) == []
    assert (tmp_path / "results" / "panel" / "maps.h5").stat().st_mtime_ns == made
    (tmp_path / "settings.yaml").write_text(settings.text)
    run_sh(other, replacing=names)
    for name in ("results-kriging", "results-tube"):
        maps = read_maps(tmp_path / name / "2025" / "again" / "maps.h5")
        assert maps.element_maps.method == "kriging"
        assert maps.attributes["settings"] != "{}"


@pytest.fixture
def head() -> Iterator[str]:
    """Scheduler and a worker, started as the page has them; gives the scheduler's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (starting,) = [block for block in blocks_of(PAGE, "sh") if "dask scheduler" in block.text]
    names = {"8786": str(port), "head": "127.0.0.1", "--nworkers 16": "--nworkers 1"}
    started = []
    try:
        for name, *arguments in commands_of(starting, names):
            started.append(subprocess.Popen([str(Path(sys.executable).with_name(name)), *arguments]))
        yield f"tcp://127.0.0.1:{port}"
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=60)


def test_an_archive_is_reprocessed_on_a_cluster_as_the_page_says(archive, head, tmp_path):
    (command,) = [block for block in blocks_of(PAGE, "sh") if "--scheduler" in block.text]
    names = {"/archive": str(archive), "/results": str(tmp_path / "results"), "tcp://head:8786": head}
    run_sh(command, replacing=names)
    assert (tmp_path / "results" / "2025" / "again" / "report.html").is_file()
