"""Recordings as other programs open them: one file for each format, and one line here."""

from __future__ import annotations

from edge.export import edf, hyperspy, nexus, rpl, table, tiff
from edge.export.format import Format

FORMATS: dict[str, Format] = {
    "nexus": nexus.GRID,
    "nexus-points": nexus.LIST,
    "hyperspy": hyperspy.FORMAT,
    "rpl": rpl.FORMAT,
    "tiff": tiff.FOLDER,
    "ometiff": tiff.OME,
    "edf": edf.FORMAT,
    "csv": table.FORMAT,
}
