"""Fusion inpainting: maps of which one part follows the photograph and one doesn't (Dai et al., Eq. 14 to 19)."""

from __future__ import annotations

from edge.reconstruct.fusion.method import fusion, fusion_layers

__all__ = ["fusion", "fusion_layers"]
