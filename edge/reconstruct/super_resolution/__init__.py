"""Fine maps from coarse exposures and a photograph: SSR, its baselines, CSUSR and SSRCU, on fusion's solver."""

from __future__ import annotations

from edge.reconstruct.super_resolution.method import csusr, ssr, ssr_baseline_1, ssr_baseline_2, ssrcu

__all__ = ["csusr", "ssr", "ssr_baseline_1", "ssr_baseline_2", "ssrcu"]
