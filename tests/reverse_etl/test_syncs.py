"""The registry: every sync can be found, runs after those it needs, and claims a class and an owner."""

from __future__ import annotations

from typing import get_args

import pytest

from common.settings import SYSTEMS, Firm
from reverse_etl.syncs import OPPORTUNITY_TO_PROJECT, sync, syncs

FIRMS = get_args(Firm)


@pytest.mark.parametrize("firm", FIRMS)
def test_requirements_come_first_and_targets_exist(firm: Firm) -> None:
    seen: set[str] = set()
    for spec in syncs(firm):
        assert set(spec.requires) <= seen
        assert spec.sync_id not in seen
        assert spec.target in SYSTEMS[firm]
        assert len(set(spec.fields)) == len(spec.fields) > 0
        assert spec.owner_role
        assert spec.sla_hours > 0
        seen.add(spec.sync_id)


@pytest.mark.parametrize("firm", FIRMS)
def test_every_step_of_the_saga_is_a_sync_in_that_order(firm: Firm) -> None:
    order = [spec.object for spec in syncs(firm)]
    steps = [order.index(object_) for _, object_ in OPPORTUNITY_TO_PROJECT]
    assert steps == sorted(steps)


def test_an_unknown_sync_is_answered_with_those_that_exist() -> None:
    with pytest.raises(KeyError, match="netsuite__customer"):
        sync("sandbox", "netsuite__nothing")
