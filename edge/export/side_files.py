"""What lies beside the values where a format has no room for it."""

from __future__ import annotations

import json
from pathlib import Path

from edge.export.contents import Contents


def provenance_text(contents: Contents) -> str:
    """Where the values come from, as JSON."""
    return json.dumps(contents.provenance, ensure_ascii=False, indent=1)


def write_provenance(folder: Path, contents: Contents) -> None:
    """``provenance.json`` and the configuration, ``scan.yaml``."""
    (folder / "provenance.json").write_text(provenance_text(contents) + "\n", encoding="utf-8")
    (folder / "scan.yaml").write_text(contents.config_yaml, encoding="utf-8")
