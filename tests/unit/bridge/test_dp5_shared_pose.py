from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.shared_pose import BeamSample, SharedPoseReader, SharedPoseWriter, resting_beam

HERE = StagePose(1.5, -2.25)
THERE = StagePose(4.0, 0.0)


def test_what_the_stage_writes_the_detector_reads(tmp_path: Path) -> None:
    with SharedPoseWriter(tmp_path / "pose") as writer, SharedPoseReader(tmp_path / "pose") as reader:
        writer.write(HERE, is_on=False, monotonic_s=10.0)
        writer.write(THERE, is_on=True, monotonic_s=10.001, is_trigger=True)
        assert reader.news() == [BeamSample(10.0, HERE, False), BeamSample(10.001, THERE, True, True)]
        assert reader.news() == []


def test_a_reader_that_comes_late_begins_with_the_present(tmp_path: Path) -> None:
    with SharedPoseWriter(tmp_path / "pose") as writer:
        writer.write(HERE, is_on=False, monotonic_s=10.0)
        writer.write(THERE, is_on=True, monotonic_s=10.001)
        with SharedPoseReader(tmp_path / "pose") as reader:
            assert reader.news() == [BeamSample(10.001, THERE, True)]


def test_what_changes_nothing_is_not_written_but_a_trigger_is(tmp_path: Path) -> None:
    with SharedPoseWriter(tmp_path / "pose") as writer, SharedPoseReader(tmp_path / "pose") as reader:
        for tenth in range(5):
            writer.write(HERE, is_on=True, monotonic_s=10.0 + tenth / 10)
        writer.write(HERE, is_on=True, monotonic_s=11.0, is_trigger=True)
        assert [sample.monotonic_s for sample in reader.news()] == [10.0, 11.0]


def test_a_stage_that_stood_still_did_not_creep(tmp_path: Path) -> None:
    with SharedPoseWriter(tmp_path / "pose") as writer, SharedPoseReader(tmp_path / "pose") as reader:
        writer.write(HERE, is_on=True, monotonic_s=10.0)
        writer.write(THERE, is_on=True, monotonic_s=15.0)
        assert [(sample.monotonic_s, sample.pose) for sample in reader.news()] == [
            (10.0, HERE), (14.999, HERE), (15.0, THERE),
        ]  # fmt: skip


def test_a_reader_that_slept_gets_what_the_ring_still_holds(tmp_path: Path) -> None:
    with SharedPoseWriter(tmp_path / "pose") as writer, SharedPoseReader(tmp_path / "pose") as reader:
        for i in range(10_000):
            writer.write(StagePose(i, 0.0), is_on=True, monotonic_s=10.0 + i / 1000)
        samples = reader.news()
        assert len(samples) == 4096
        assert [samples[0].pose.x_mm, samples[-1].pose.x_mm] == [10_000 - 4096, 9_999]


def test_two_processes_share_it_without_a_torn_sample(tmp_path: Path) -> None:
    path = tmp_path / "pose"
    stage = (
        "import sys\n"
        "from pathlib import Path\n"
        "from firmware_bridge.messages import StagePose\n"
        "from firmware_bridge.twins.shared_pose import SharedPoseWriter\n"
        "with SharedPoseWriter(Path(sys.argv[1])) as writer:\n"
        "    writer.write(StagePose(0.0, 0.0), is_on=True)\n"
        "    print('ready', flush=True)\n"
        "    for i in range(1, 50_001):\n"
        "        writer.write(StagePose(float(i), float(-i)), is_on=True)\n"
        "    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", stage, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3],
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        last = -1.0
        with SharedPoseReader(path) as reader:
            while last < 50_000:
                for sample in reader.news():
                    assert sample.pose.y_mm == -sample.pose.x_mm
                    # a writer that paused says once more where it stood
                    assert sample.pose.x_mm >= last
                    last = sample.pose.x_mm
        process.communicate("end\n", timeout=10)
    assert process.returncode == 0
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"\x00" * 64])
def test_another_file_is_no_shared_pose(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pose").write_bytes(content)
    with pytest.raises(ValueError, match="not a shared pose"):
        SharedPoseReader(tmp_path / "pose")


def test_a_resting_beam_tells_its_place_once() -> None:
    news = resting_beam(HERE)
    assert [sample.pose for sample in news()] == [HERE]
    assert news() == ()
