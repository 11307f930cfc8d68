"""A PDF writer for what a printed sheet needs: black rectangles and short lines of text, in true millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS_PER_MM = 72 / 25.4


@dataclass(frozen=True, slots=True)
class Text:
    """A line of Latin text in Helvetica; the baseline starts at (x, y), y down from the page's upper edge."""

    x_mm: float
    y_mm: float
    size_mm: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page; y points down from its upper edge."""

    width_mm: float
    height_mm: float
    rectangles_mm: NDArray[np.float64]
    """Filled in black: x, y, width, height, shape (n, 4)."""
    texts: tuple[Text, ...]


def pdf_document(pages: Sequence[Page], *, title: str) -> bytes:
    """The bytes of a PDF 1.6 file; asks viewers not to scale it when printing."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for i, page in enumerate(pages):
        box = f"{page.width_mm * POINTS_PER_MM:.4f} {page.height_mm * POINTS_PER_MM:.4f}"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {box}] /Resources << /Font << /F 3 0 R >> >> "
            f"/Contents {5 + 2 * i} 0 R >>".encode()
        )
        content = _content(page)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    objects.append(f"<< /Title ({_escaped(title)}) >>".encode("latin-1", "replace"))
    return _assembled(objects)


def _content(page: Page) -> bytes:
    """All rectangles as one path, so that neighbours join without seams; then the texts."""
    flipped = page.rectangles_mm.copy()
    flipped[:, 1] = page.height_mm - flipped[:, 1] - flipped[:, 3]
    lines = [f"{x:.4f} {y:.4f} {width:.4f} {height:.4f} re" for x, y, width, height in flipped * POINTS_PER_MM]
    lines.append("f")
    for text in page.texts:
        x, y = text.x_mm * POINTS_PER_MM, (page.height_mm - text.y_mm) * POINTS_PER_MM
        size = text.size_mm * POINTS_PER_MM
        lines.append(f"BT /F {size:.2f} Tf {x:.4f} {y:.4f} Td ({_escaped(text.text)}) Tj ET")
    return "\n".join(["0 g", *lines]).encode("latin-1", "replace")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _assembled(objects: list[bytes]) -> bytes:
    document = bytearray(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects))
    document += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(document)
