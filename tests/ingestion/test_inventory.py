"""Every resource of every source: it has a key, its cursor and flags are columns that it declares, its names fit."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from common.settings import SYSTEMS
from ingestion.inventory import KNOWN, source
from ingestion.resource import Resource

ALL = [(system, resource) for system in KNOWN for resource in source(system).resources]


@pytest.mark.parametrize(("system", "resource"), ALL, ids=lambda v: v.table if isinstance(v, Resource) else v)
def test_a_resource_is_declared_whole(system: str, resource: Resource) -> None:
    columns = set(resource.schema.names)
    assert resource.key
    assert set(resource.key) <= columns
    assert re.fullmatch(r"[a-z][a-z0-9_]*", resource.table)
    if resource.mode == "cursor":
        assert resource.changed_at in columns
    if resource.deleted_flag:
        assert pa.types.is_boolean(resource.schema.field(resource.deleted_flag).type)
    assert (resource.deletes == "flag") <= (resource.deleted_flag is not None)
    assert (resource.deletes == "absence") <= (resource.mode == "snapshot")


@pytest.mark.parametrize("system", KNOWN)
def test_tables_of_a_source_have_names_of_their_own(system: str) -> None:
    tables = [r.table for r in source(system).resources]
    assert source(system).system == system
    assert len(tables) == len(set(tables))


def test_every_system_of_every_firm_has_a_source() -> None:
    assert {s for systems in SYSTEMS.values() for s in systems} <= set(KNOWN)


def test_an_unknown_system_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"no source named 'sap'.*salesforce"):
        source("sap")
