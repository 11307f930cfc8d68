"""A mask network that is missing, damaged, foreign or not what its manifest says is refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.faults import MissingModel, ModelsError, UnusableManifest, UnusableModel
from models.manifest import Manifest, manifest_path, manifest_text, read_manifest
from models.masks import MaskRequest, make_mask
from models.masks import network as netm
from models.network import open_network
from models.onnx_file import opset_of
from tests.unit.models.tiny_onnx import (
    FLOAT,
    IMAGE,
    INT64,
    edges_network,
    manifest_of,
    node,
    onnx_model,
    write_network,
)

PICTURE = np.zeros((16, 16, 3), np.uint8)


def test_a_network_opens_and_says_what_it_is(tmp_path: Path) -> None:
    path = write_network(tmp_path)
    network = open_network(path, threads=1)
    assert network.sha256 == read_manifest(path).sha256
    assert network.manifest.opset == opset_of(path.read_bytes(), "tiny") == 18


def test_without_a_network_the_mask_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netm, "SHIPPED", tmp_path / "netm.onnx")
    with pytest.raises(MissingModel, match=r"sampling\.model.*--model.* or choose another mask such as gradient"):
        make_mask("netm", MaskRequest((16, 16), 9, PICTURE))


def test_the_shipped_network_is_used_when_no_other_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netm, "SHIPPED", write_network(tmp_path))
    assert np.count_nonzero(make_mask("netm", MaskRequest((16, 16), 9, PICTURE)).mask.cells) == 9


def test_a_network_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"gone\.onnx: there is no mask network"):
        open_network(tmp_path / "gone.onnx")


def test_a_folder_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="cannot be read"):
        open_network(tmp_path)


def test_a_network_without_its_manifest_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path)
    manifest_path(path).unlink()
    with pytest.raises(MissingModel, match=r"tiny\.json: the manifest .* put it back"):
        open_network(path)


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """One to four bytes changed, inserted, doubled or cut off."""
    damaged = bytearray(content)
    for _ in range(random.integers(1, 5)):
        at = int(random.integers(len(damaged)))
        match random.integers(5):
            case 0:
                damaged[at] ^= 1 << int(random.integers(8))
            case 1:
                damaged[at] = (damaged[at] + int(random.integers(1, 256))) % 256
            case 2:
                damaged.insert(at, int(random.integers(256)))
            case 3:
                damaged[at:at] = damaged[at : at + 16]
            case _:
                del damaged[max(1, at) :]
    return bytes(damaged)


@pytest.mark.parametrize("hundred", [0, 1])
def test_every_damaged_network_is_refused_by_its_digest(tmp_path: Path, hundred: int) -> None:
    path = write_network(tmp_path)
    whole = path.read_bytes()
    open_network(path, threads=1)
    for seed in range(100 * hundred, 100 * hundred + 100):
        damaged = mutated(whole, np.random.default_rng(seed))
        assert damaged != whole
        path.write_bytes(damaged)
        with pytest.raises(UnusableModel, match="its SHA-256 is"):
            open_network(path, threads=1)
    path.write_bytes(whole)
    open_network(path, threads=1)


FOREIGN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not an ONNX model"),
    "text": (b"gradient: true\n", "not an ONNX model"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(64), "not an ONNX model"),
    "truncated": (edges_network()[:-40], "not an ONNX model"),
    "without operator set": (edges_network()[:-8], "not an ONNX model"),
    "unknown operator": (edges_network(last="Divine"), "onnxruntime cannot load it"),
    "another opset": (edges_network(opset=17), "written for opset 17 and its manifest says 18"),
    "an opset of the future": (edges_network(opset=900), "written for opset 900"),
    "fixed size": (
        edges_network(inputs=[("rgb", FLOAT, (1, 3, 64, 64)), ("rate", FLOAT, (1,))]),
        "takes or gives .* where a mask network has",
    ),
    "many images": (
        edges_network(inputs=[("rgb", FLOAT, ("n", 3, "rows", "columns")), ("rate", FLOAT, (1,))]),
        "takes or gives",
    ),
    "no rate": (
        onnx_model(
            [node("ReduceMax", ["rgb", "axes"], "importance", keepdims=1)],
            {"axes": np.array([1])},
            inputs=[IMAGE],
        ),
        "takes or gives",
    ),
    "whole numbers": (
        onnx_model(
            [node("Cast", ["rgb"], "cast", to=FLOAT), node("ReduceMax", ["cast", "axes"], "importance", keepdims=1)],
            {"axes": np.array([1])},
            inputs=[("rgb", INT64, (1, 3, "rows", "columns")), ("rate", FLOAT, (1,))],
        ),
        "takes or gives",
    ),
    "another answer": (
        onnx_model(
            [node("ReduceMax", ["rgb", "axes"], "labels", keepdims=1)],
            {"axes": np.array([1])},
            outputs=[("labels", FLOAT, (1, 1, "rows", "columns"))],
        ),
        "takes or gives",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused_even_with_a_manifest_of_its_own(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content, reason = FOREIGN[kind]
    with pytest.raises(UnusableModel, match=rf"tiny\.onnx: .*{reason}") as refusal:
        open_network(write_network(tmp_path, content), threads=1)
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr().err == ""


def test_a_file_too_large_for_any_network_is_not_even_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.network.MOST_FILE_BYTES", 100)
    with pytest.raises(UnusableModel, match="larger than any mask network"):
        open_network(write_network(tmp_path))


def test_another_network_under_the_same_name_is_noticed_at_once(tmp_path: Path) -> None:
    first = open_network(write_network(tmp_path), threads=1).sha256
    second = open_network(write_network(tmp_path, edges_network(last="Sigmoid")), threads=1).sha256
    assert first != second


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = manifest_of(edges_network(), results={"psnr_db": [24.1, 27.0], "note": "Überall"})
    path = tmp_path / "tiny.onnx"
    manifest_path(path).write_text(manifest_text(manifest), encoding="utf-8")
    assert read_manifest(path) == manifest


def _without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda stated: stated.pop(key)


def _with(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda stated: stated.update(changes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without("sha256"), "sha256: field required"),
        (_without("licence"), "licence: field required"),
        (_with(colour="blue"), "colour: extra inputs are not permitted"),
        (_with(opset="18"), "opset: input should be a valid integer"),
        (_with(opset=99), "opset: input should be less than"),
        (_with(sha256="0" * 63), "sha256: string should match"),
        (_with(version=2), "version: input should be 1"),
        (_with(format="another"), "format: input should be"),
        (_with(alignment=0), "alignment: input should be greater"),
        (_with(rates=[0.5, 0.1]), "rates are not smallest first"),
        (_with(rates=[0.1]), "rates: list should have at least 2"),
        (_with(inputs=[]), "inputs or outputs are not those"),
        (_with(precision="int8"), "precision and quantisation contradict"),
        (_with(floor=float("nan")), "NaN is no number"),
        (_with(bytes_per_cell=float("inf")), "Infinity is no number"),
        (_with(training={}), "training.network: field required"),
    ],
)
def test_a_manifest_that_says_too_little_too_much_or_nonsense_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    path = write_network(tmp_path)
    stated = json.loads(manifest_path(path).read_text("utf-8"))
    change(stated)
    manifest_path(path).write_text(json.dumps(stated), encoding="utf-8")
    with pytest.raises(UnusableManifest, match=rf"tiny\.json: .*{reason}"):
        open_network(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "\x00", '{"opset": 18, "opset": 17}', "[" * 100_000, "é".encode("latin-1"), " " * 300_000],
    ids=["empty", "cut", "list", "null", "zero", "twice", "deep", "latin", "long"],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str | bytes) -> None:
    path = write_network(tmp_path)
    manifest_path(path).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnusableManifest, match=r"tiny\.json: "):
        open_network(path)


def test_a_damaged_manifest_never_ends_in_anything_but_a_sentence(tmp_path: Path) -> None:
    path = write_network(tmp_path)
    whole = manifest_path(path).read_bytes()
    refusals: list[str] = []
    for seed in range(100):
        manifest_path(path).write_bytes(mutated(whole, np.random.default_rng(seed)))
        try:
            assert isinstance(open_network(path, threads=1).manifest, Manifest)
        except ModelsError as refusal:
            refusals.append(str(refusal))
    # changes within free text, such as the licence, are no concern of the network's
    assert len(refusals) >= 80
    assert not [text for text in refusals if "\n" in text]
