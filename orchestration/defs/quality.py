"""The gates, visible as assets and asset checks. They display what the gates found; the engine enforces it."""

from __future__ import annotations

import dagster as dg


def accepted_key(system: str) -> dg.AssetKey:
    """The asset of one system's accepted rows: what staging may read."""
    return dg.AssetKey(f"{system}_accepted")
