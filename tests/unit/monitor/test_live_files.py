"""What the preview leaves for the page: values of exposures, and parts of maps that changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.maps import ElementMaps
from edge.monitor.maps import ShownMaps
from edge.preview.headed_file import HEAD_BYTES, Unfit
from edge.preview.samples_file import NAME as SAMPLES
from edge.preview.samples_file import SamplesHead, SamplesReader, SamplesWriter
from edge.preview.shown_file import NAME as SHOWN
from edge.preview.shown_file import PART_CELLS, ShownReader, ShownWriter
from edge.record.folder import RecordingPaths

ELEMENTS = ("Fe-K", "Pb-L", "Hg-L")
SHAPE = (100, 150)


def head(generation: int) -> SamplesHead:
    return SamplesHead(generation, ELEMENTS, -0.01, 0.02)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[SamplesReader]:
    reader = SamplesReader(tmp_path)
    yield reader
    reader.close()


def numbers(first: int, count: int) -> np.ndarray:
    return np.arange(3 * first, 3 * (first + count), dtype=np.float32).reshape(-1, 3)


def test_values_are_read_as_they_are_added(tmp_path: Path, reader: SamplesReader) -> None:
    assert not reader.refresh()
    writer = SamplesWriter(tmp_path, head(1))
    writer.add(numbers(0, 2), np.ones((2, 3), np.float32))
    assert not reader.refresh()
    writer.publish()
    assert reader.refresh()
    assert reader.head == head(1)
    writer.add(numbers(2, 1), np.ones((1, 3), np.float32))
    assert reader.refresh()
    assert reader.count == 3
    assert np.array_equal(reader.values(1, 3, [2, 0]), numbers(1, 2)[:, [2, 0]])
    writer.close()


def test_values_that_are_not_known_yet_are_none(tmp_path: Path, reader: SamplesReader) -> None:
    assert np.isnan(reader.values(0, 2, [0])).all()
    writer = SamplesWriter(tmp_path, head(1))
    writer.add(numbers(0, 1), np.ones((1, 3), np.float32))
    writer.publish()
    reader.refresh()
    assert np.isnan(reader.values(0, 2, [1])).ravel().tolist() == [False, True]
    assert np.isnan(reader.values(5, 6, [1])).all()
    writer.close()


def test_another_model_takes_the_place_of_the_first_at_once(tmp_path: Path, reader: SamplesReader) -> None:
    for generation in (1, 2):
        writer = SamplesWriter(tmp_path, head(generation))
        writer.add(generation * numbers(1, 2), np.ones((2, 3), np.float32))
        writer.publish()
        writer.close()
        assert reader.refresh()
        assert reader.head == head(generation)
        assert reader.values(0, 1, [0])[0, 0] == 3 * generation
    assert [path.name for path in tmp_path.iterdir()] == [SAMPLES]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"{}",
        b"[]",
        b'{"kind": "samples"}',
        b'{"kind": "samples", "elements": [], "generation": 1}',
        b"[" * 8_192,
    ],
)
def test_a_file_that_is_none_shows_nothing(tmp_path: Path, reader: SamplesReader, content: bytes) -> None:
    (tmp_path / SAMPLES).write_bytes(content)
    (tmp_path / SHOWN).write_bytes(content)
    assert not reader.refresh()
    assert reader.head is None
    with pytest.raises(Unfit):
        ShownReader(tmp_path / SHOWN)


def test_a_link_is_not_followed(tmp_path: Path, reader: SamplesReader) -> None:
    writer = SamplesWriter(tmp_path / "elsewhere", head(1))
    writer.publish()
    writer.close()
    (tmp_path / SAMPLES).symlink_to(tmp_path / "elsewhere" / SAMPLES)
    assert not reader.refresh()
    assert reader.head is None


def maps(values: np.ndarray) -> ElementMaps:
    return ElementMaps(ELEMENTS, values, values / 10, np.ones(SHAPE, np.bool_), "kriging")


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[ShownWriter]:
    writer = ShownWriter(tmp_path, generation=5, elements=ELEMENTS, shape=SHAPE, unit="counts/s")
    yield writer
    writer.close()


@pytest.fixture
def shown(tmp_path: Path, writer: ShownWriter) -> Iterator[ShownReader]:
    shown = ShownReader(tmp_path / SHOWN)
    yield shown
    shown.close()


def test_maps_come_back_part_by_part(writer: ShownWriter, shown: ShownReader) -> None:
    values = np.random.default_rng(0).random((*SHAPE, 3)).astype(np.float32)
    values[3, 4, 1] = np.nan
    assert not shown.versions().any()
    # 2 x 3 parts of 3 elements in 2 layers
    assert writer.show(maps(values)) == 36
    assert (shown.versions() == 1).all()
    rows = [shown.values(0, 1, down, 0, 3) for down in range(2)]
    assert np.array_equal(np.concatenate(rows), values[:, :, 1], equal_nan=True)
    assert np.array_equal(shown.values(1, 2, 1, 2), values[PART_CELLS:, 2 * PART_CELLS :, 2] / 10)


def test_only_what_can_be_seen_is_a_change_and_what_adds_up_can(writer: ShownWriter, shown: ShownReader) -> None:
    values = np.ones((*SHAPE, 3), np.float32)
    writer.show(maps(values))
    values[70, 20, 0] = 1.0015
    assert writer.show(maps(values)) == 0
    values[70, 20, 0] = 1.003
    # both layers, for the error was changed alike
    assert writer.show(maps(values)) == 2
    assert np.argwhere(shown.versions() == 2).tolist() == [[0, 0, 1, 0], [1, 0, 1, 0]]


def test_a_cell_that_becomes_known_or_unknown_is_a_change(writer: ShownWriter, shown: ShownReader) -> None:
    values = np.ones((*SHAPE, 3), np.float32)
    writer.show(maps(values))
    values[0, 0, 0] = np.nan
    assert writer.show(maps(values)) == 2
    assert np.isnan(shown.values(0, 0, 0, 0)[0, 0])
    values[0, 0, 0] = 1
    assert writer.show(maps(values)) == 2


def test_a_part_that_nothing_is_known_of_is_unknown_and_not_zero(writer: ShownWriter, shown: ShownReader) -> None:
    values = np.ones((*SHAPE, 3), np.float32)
    values[:, PART_CELLS:] = np.nan
    writer.show(maps(values))
    assert np.array_equal(shown.values(0, 1, 0, 0, 3), values[:PART_CELLS, :, 1], equal_nan=True)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, writer: ShownWriter) -> None:
    os.truncate(tmp_path / SHOWN, HEAD_BYTES + 100)
    with pytest.raises(Unfit, match="cut off"):
        ShownReader(tmp_path / SHOWN)


def test_the_page_takes_the_newest_maps(tmp_path: Path) -> None:
    paths = RecordingPaths(tmp_path)
    shown = ShownMaps(paths)
    assert not shown.refresh()
    assert shown.elements == ()
    writer = ShownWriter(paths.live, generation=5, elements=ELEMENTS, shape=SHAPE, unit="counts/s")
    assert shown.refresh()
    assert shown.elements == ELEMENTS
    assert not shown.versions.any()
    writer.show(maps(np.ones((*SHAPE, 3), np.float32)))
    os.utime(paths.live / SHOWN, (2e9, 2e9))
    assert shown.refresh()
    assert (shown.versions == 1).all()
    assert (shown.values(2, 0) == 1).all()
    assert not shown.refresh()
    writer.close()
    shown.close()
