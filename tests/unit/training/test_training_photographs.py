"""Photographs are read where they lie, in an order that the seed alone decides."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.training.element_like import as_photographed, element_like
from models.training.faults import UnusablePhotographs
from models.training.photographs import Crops, cropped, enlarged, open_photographs, relit, turned


def photograph(seed: int, rows: int = 30, columns: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), np.uint8)


def encoded(rgb: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", rgb[:, :, ::-1])[1])


def packed(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def collection(folder: Path, count: int = 5) -> Path:
    return packed(folder / "photographs.tar", {f"{n}.png": encoded(photograph(n)) for n in range(count)})


def test_a_tar_gives_its_photographs_to_the_bit_in_the_order_of_their_names(tmp_path: Path) -> None:
    files = {"b.png": encoded(photograph(1)), "a.png": encoded(photograph(0)), "notes.txt": b"none"}
    photographs = open_photographs(packed(tmp_path / "photographs.tar", files))
    assert len(photographs) == 2
    for n in range(2):
        read = photographs.read(n)
        assert read is not None
        np.testing.assert_array_equal(read, photograph(n))


def test_a_folder_and_a_tar_of_the_same_photographs_give_the_same_crops(tmp_path: Path) -> None:
    archive = collection(tmp_path)
    with tarfile.open(archive) as packing:
        packing.extractall(tmp_path / "folder", filter="data")
    crops = [Crops(open_photographs(place), 16, 3).batch(2, 4) for place in (archive, tmp_path / "folder")]
    np.testing.assert_array_equal(*crops)
    digests = {open_photographs(place).digest() for place in (archive, tmp_path / "folder")}
    assert len(digests) == 1


def test_a_batch_depends_on_seed_step_and_rank_alone(tmp_path: Path) -> None:
    photographs = open_photographs(collection(tmp_path))
    crops = Crops(photographs, 16, 3, (turned, relit))
    first = crops.batch(7, 4)
    crops.batch(8, 4)
    np.testing.assert_array_equal(crops.batch(7, 4), first)
    assert first.shape == (4, 3, 16, 16)
    assert first.dtype == np.float32
    others = [crops.batch(8, 4), crops.batch(7, 4, rank=1), Crops(photographs, 16, 4, (turned, relit)).batch(7, 4)]
    assert not any(np.array_equal(first, other) for other in others)


def test_fixed_crops_take_each_photograph_once(tmp_path: Path) -> None:
    fixed = Crops(open_photographs(collection(tmp_path)), 16, 3).fixed(50)
    assert len(fixed) == 5
    assert len(np.unique(fixed.reshape(5, -1), axis=0)) == 5


def test_a_photograph_smaller_than_a_crop_is_enlarged() -> None:
    assert cropped(photograph(0, 7, 90), 16, np.random.default_rng(0)).shape == (16, 16, 3)


def test_turning_keeps_every_pixel() -> None:
    crop = photograph(0, 8, 8)
    random = np.random.default_rng(0)
    seen = {turned(crop, random).tobytes() for _ in range(100)}
    assert len(seen) == 8
    assert all(sorted(each) == sorted(crop.tobytes()) for each in seen)


def test_photographs_that_cannot_be_decoded_are_passed_over(tmp_path: Path) -> None:
    files = {"a.jpg": b"", "b.jpg": b"not a photograph", "c.png": encoded(photograph(0))}
    crops = Crops(open_photographs(packed(tmp_path / "photographs.tar", files)), 16, 0)
    assert crops.batch(0, 8).shape == (8, 3, 16, 16)
    assert len(crops.fixed(8)) == 1


@pytest.mark.filterwarnings("error")
def test_a_collection_that_cannot_be_used_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnusablePhotographs, match="no such folder"):
        open_photographs(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusablePhotographs, match="no photograph in it"):
        open_photographs(tmp_path / "empty")
    with pytest.raises(UnusablePhotographs, match="not a plain tar"):
        open_photographs(packed(tmp_path / "small.tar.gz", {"a.png": b"x"}, "w:gz"))
    broken = open_photographs(packed(tmp_path / "broken.tar", {"a.jpg": b"x"}))
    with pytest.raises(UnusablePhotographs, match="cannot be decoded"):
        Crops(broken, 16, 0).batch(0, 1)


def test_element_like_targets_are_seeded_maps_in_the_photographs_place() -> None:
    crops = np.random.default_rng(0).random((3, 3, 32, 32), dtype=np.float32)
    targets = element_like(crops, np.random.default_rng(1))
    np.testing.assert_array_equal(targets, element_like(crops, np.random.default_rng(1)))
    assert targets.shape == crops.shape
    assert targets.min() >= 0
    assert targets.max() <= 1


def test_element_like_targets_change_where_colours_do_and_hardly_elsewhere() -> None:
    crops = np.zeros((1, 3, 32, 32), np.float32)
    crops[:, :, :, 16:] = np.array([0.9, 0.2, 0.1])[:, None, None]
    for seed in range(20):
        target = element_like(crops, np.random.default_rng(seed))[0]
        step = np.abs(np.diff(target, axis=2))
        # the widest spot, 1.8 cells, and a shift of up to three times 0.7 cells, reach 8 cells from the contour
        assert step[:, :, :7].max() < 1e-3
        assert step[:, :, -7:].max() < 1e-3
    assert max(np.abs(element_like(crops, np.random.default_rng(seed))[0]).max() for seed in range(5)) > 0.3


def test_grain_is_in_the_photograph_alone_and_mostly_grey() -> None:
    crops = np.full((2, 3, 64, 64), 0.5, np.float32)
    seen = as_photographed(crops, np.random.default_rng(0))
    np.testing.assert_array_equal(seen, as_photographed(crops, np.random.default_rng(0)))
    for photograph in seen - crops:
        assert 0.001 < photograph.std() < 0.07
        assert np.corrcoef(photograph.reshape(3, -1)).min() > 0.5


def test_an_enlarged_crop_is_a_softer_part_of_it_at_its_size() -> None:
    crop = photograph(3, 64, 64)
    larger = enlarged(crop, np.random.default_rng(1))
    assert larger.shape == crop.shape
    assert np.abs(np.diff(larger.astype(float), axis=0)).mean() < np.abs(np.diff(crop.astype(float), axis=0)).mean()


def test_the_training_collection_is_listed_without_unpacking(measurement_data: Path) -> None:
    photographs = open_photographs(measurement_data / "photos_train" / "val_dev_1000.tar")
    assert len(photographs) == 1000
    crops = Crops(photographs, 64, 0)
    np.testing.assert_array_equal(crops.batch(0, 4), crops.batch(0, 4))
    assert 0.2 < crops.fixed(50).mean() < 0.8
