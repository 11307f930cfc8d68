"""The little of an ONNX file that onnxruntime does not tell: which operator sets it was written for.

An ONNX file is one protobuf message (`ModelProto` of onnx.proto): fields one after another, each a key of number and
wire type, then its value.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.faults import UnusableModel

_IR_VERSION, _GRAPH, _OPSET_IMPORT = 1, 7, 8
_DOMAIN, _VERSION = 1, 2
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5


def opset_of(content: bytes, name: str) -> int:
    """The default domain's operator set; `name` is what complaints call the file.

    Raises
    ------
    UnusableModel
        The content is no ONNX model.
    """
    found: dict[int, object] = {}
    opset = None
    try:
        for number, value in _fields(content):
            found[number] = value
            if number == _OPSET_IMPORT and isinstance(value, memoryview):
                entry = dict(_fields(value))
                domain = entry.get(_DOMAIN, memoryview(b""))
                if bytes(domain) in (b"", b"ai.onnx") if isinstance(domain, memoryview) else False:
                    opset = entry.get(_VERSION)
    except (IndexError, ValueError):
        found = {}
    if not isinstance(found.get(_IR_VERSION), int) or _GRAPH not in found or not isinstance(opset, int):
        raise UnusableModel(f"{name}: not an ONNX model: give the file that tools.export_onnx wrote")
    return opset


def _fields(content: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message; a fixed-width value is its bytes."""
    view, at = memoryview(content), 0
    while at < len(view):
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(view, at)
            yield number, value
            continue
        if kind == _LENGTH_DELIMITED:
            length, at = _varint(view, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > len(view):
            raise ValueError("a field runs over the end")
        yield number, view[at : at + length]
        at += length


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where the next thing starts."""
    value = 0
    for shift in range(0, 70, 7):
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")
