"""The one registry of systems that can be read. A system is on when the active firm has it."""

from __future__ import annotations

import importlib

from ingestion.resource import Source

# `control` is no outside system: the ledger, copied so that the health of the syncs is modelled like everything else.
KNOWN = ("salesforce", "kantata", "netsuite", "bamboohr", "tryton", "control")


def source(system: str) -> Source:
    """The source of one system.

    Raises:
        KeyError: if no such system is known, with the names that are.
    """
    if system not in KNOWN:
        raise KeyError(f"no source named {system!r}; known: {', '.join(KNOWN)}")
    found: Source = importlib.import_module(f"ingestion.sources.{system}").SOURCE
    return found
