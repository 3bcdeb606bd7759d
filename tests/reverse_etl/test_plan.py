"""The planner: each key one action, and the difference is exactly what the target doesn't show yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.canonical import canonical, digest, shows
from reverse_etl.plan import Ack, Known, Standing, plan, references, resolve
from reverse_etl.spec import Capability, DesiredRow, Mode, SyncSpec

NOW = datetime(2026, 10, 15, tzinfo=UTC)
SPEC = SyncSpec(
    "fake", "thing", "thing", "thing", "key", Capability.UPSERT, Mode(create=True, update=True), ("name", "parent"), "it", 1
)  # fmt: skip


def row(key: str = "a", name: Any = "x", **changes: Any) -> DesiredRow:
    return DesiredRow(**({"key": key, "eligible": True, "payload": {"name": name}} | changes))


def one(desired: DesiredRow, spec: SyncSpec = SPEC, **known: Any) -> tuple[str, str | None, str | None]:
    item = plan(spec, [desired], Known(NOW, **known)).items[0]
    return item.action, item.reason, item.native_id


def test_unknown_is_a_create() -> None:
    assert one(row()) == ("create", None, None)


def test_acknowledged_and_equal_is_unchanged_whatever_was_observed() -> None:
    ack = Ack("n1", digest({"name": "x"}))
    assert one(row(observed_native_id="n1", observed_payload={"name": "older"}), acks={"a": ack})[0] == "unchanged"


def test_acknowledged_and_different_is_an_update_of_the_same_record() -> None:
    assert one(row(), acks={"a": Ack("n1", digest({"name": "old"}))}) == ("update", None, "n1")


def test_the_target_shows_it_already() -> None:
    desired = row(observed_native_id="n1", observed_payload={"name": "x", "other": 1})
    assert one(desired) == ("adopt", None, "n1")


def test_the_target_shows_something_else() -> None:
    assert one(row(observed_native_id="n1", observed_payload={"name": "y"})) == ("update", None, "n1")


def test_ineligible_says_why() -> None:
    desired = row(eligible=False, ineligible_reason="contract not approved")
    assert one(desired) == ("blocked", "ineligible: contract not approved", None)


def test_a_reference_is_a_dependency_and_is_filled_in() -> None:
    desired = row(name={"$ref": {"entity": "customer", "system": "erp", "key": "c1"}})
    assert one(desired)[:2] == ("blocked", "dependency")
    made = plan(SPEC, [desired], Known(NOW, native_ids={("customer", "erp", "c1"): "77"})).items[0]
    assert (made.action, made.payload) == ("create", {"name": "77"})
    assert references(desired.payload) == [("customer", "erp", "c1")]


def test_a_named_dependency_must_be_acknowledged() -> None:
    desired = row(depends_on=("erp/customer/c1",))
    assert one(desired)[:2] == ("blocked", "dependency")
    assert one(desired, acknowledged={"erp/customer/c1"})[0] == "create"


def test_a_broken_reference_is_an_error() -> None:
    with pytest.raises(ValueError, match="entity, system and key"):
        resolve({"name": {"$ref": {"entity": "customer"}}}, {})


@pytest.mark.parametrize("state", ["in_flight", "in_doubt", "parked"])
def test_nothing_new_while_a_version_may_be_on_its_way(state: str) -> None:
    standing = Standing(1, state, "other")
    assert one(row(), standings={"a": standing}) == ("blocked", state, None)


@pytest.mark.parametrize("state", ["rejected", "dead"])
def test_a_refused_payload_is_sent_again_only_when_it_changed(state: str) -> None:
    assert one(row(), standings={"a": Standing(1, state, digest({"name": "x"}))})[:2] == ("blocked", state)
    assert one(row(), standings={"a": Standing(1, state, "other")})[0] == "create"


def test_back_to_the_acknowledged_state_is_sent_after_a_doubt() -> None:
    # A was acknowledged, B was in doubt and then refused: what the target shows isn't known, so A is said again.
    ack = Ack("n1", digest({"name": "x"}))
    standing = Standing(2, "rejected", "B", doubtful=True, barrier_until=NOW - timedelta(seconds=1))
    assert one(row(), acks={"a": ack}, standings={"a": standing}) == ("update", None, "n1")
    assert one(row(), acks={"a": ack}, standings={"a": replace(standing, doubtful=False)})[0] == "unchanged"


def test_a_new_version_waits_behind_the_barrier() -> None:
    later = NOW + timedelta(seconds=60)
    ack = Ack("n1", "old")
    waiting = Standing(1, "acked", "old", barrier_until=later)
    assert one(row(), acks={"a": ack}, standings={"a": waiting})[:2] == ("blocked", "barrier")
    # The version that is itself sent again (not a new one) isn't held by its own doubt.
    again = Standing(1, "ready", digest({"name": "x"}), barrier_until=later, doubtful=True)
    assert one(row(), standings={"a": again})[0] == "create"
    # But a version held for another reason is still held by the doubt of the one before.
    second = Standing(2, "held", digest({"name": "x"}), "gate", barrier_until=later, older_barrier_until=later)
    assert one(row(), acks={"a": ack}, standings={"a": second})[:2] == ("blocked", "barrier")


def test_a_closed_period_is_offered_again_later() -> None:
    standing = Standing(1, "held", digest({"name": "x"}), "period", NOW + timedelta(hours=1))
    assert one(row(), standings={"a": standing})[:2] == ("blocked", "period")
    assert one(row(), standings={"a": replace(standing, next_at=NOW)})[0] == "create"


def test_a_sync_that_only_updates_takes_its_key_for_the_native_id() -> None:
    only = replace(SPEC, mode=Mode(update=True))
    assert one(row(), only) == ("update", None, "a")


def test_a_sync_that_only_creates_blocks_updates() -> None:
    only = replace(SPEC, mode=Mode(create=True))
    assert one(row(), only, acks={"a": Ack("n1", "old")})[:2] == ("blocked", "mode")


def test_deletes_only_where_the_sync_may() -> None:
    acks = {"a": Ack("n1", "x"), "b": Ack("n2", "y")}
    assert [i.key for i in plan(SPEC, [row()], Known(NOW, acks=acks)).items] == ["a"]
    may = replace(SPEC, mode=Mode(create=True, update=True, delete=True))
    items = plan(may, [row()], Known(NOW, acks=acks)).items
    assert [(i.key, i.action, i.native_id) for i in items] == [("a", "update", "n1"), ("b", "delete", "n2")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8) | st.floats(-1e6, 1e6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
payloads = st.dictionaries(st.sampled_from(["name", "parent"]), json_values, min_size=1)
keys = st.sampled_from("abcdef")
desired_rows = st.dictionaries(keys, st.tuples(payloads, st.booleans(), st.none() | payloads), max_size=6).map(
    lambda found: [
        row(
            key,
            payload=payload,
            eligible=eligible,
            observed_payload=seen,
            observed_native_id="o" if seen else None,
        )
        for key, (payload, eligible, seen) in found.items()
    ]
)
acks = st.dictionaries(keys, st.builds(Ack, st.just("n"), payloads.map(digest)), max_size=6)


@given(desired_rows, acks, st.randoms())
@settings(max_examples=200, deadline=None)
def test_every_key_has_one_action_and_the_digest_ignores_order(
    rows: list[DesiredRow], acked: dict[str, Ack], random: Any
) -> None:
    known = Known(NOW, acks=acked)
    made = plan(SPEC, rows, known)
    assert [item.key for item in made.items] == sorted(r.key for r in rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert plan(SPEC, shuffled, known).digest == made.digest
    assert sum(made.counts().values()) == len(rows)


@given(desired_rows, acks)
@settings(max_examples=200, deadline=None)
def test_once_everything_is_acknowledged_nothing_is_left(rows: list[DesiredRow], acked: dict[str, Ack]) -> None:
    made = plan(SPEC, rows, Known(NOW, acks=acked))
    now_acked = acked | {i.key: Ack("n", i.payload_sha) for i in made.of("create", "update", "adopt")}
    again = plan(SPEC, rows, Known(NOW, acks=now_acked))
    assert not again.of("create", "update", "adopt", "delete")
    assert len(again.of("unchanged")) == sum(r.eligible for r in rows)


@given(desired_rows, acks)
@settings(max_examples=200, deadline=None)
def test_an_item_is_sent_exactly_when_the_target_does_not_show_it(
    rows: list[DesiredRow], acked: dict[str, Ack]
) -> None:
    for item in plan(SPEC, rows, Known(NOW, acks=acked)).items:
        if not item.row.eligible:
            assert item.action == "blocked"
        elif item.key in acked:
            same = acked[item.key].payload_sha == digest(item.row.payload)
            assert item.action == ("unchanged" if same else "update")
        elif item.row.observed_payload is None:
            assert item.action == "create"
        else:
            shown = shows(item.row.observed_payload, item.row.payload)
            assert item.action == ("adopt" if shown else "update")


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_a_value_is_equal_to_itself_and_shown_by_itself(value: Any) -> None:
    assert canonical(value) == canonical(value)
    assert shows({"name": value}, {"name": value})


@pytest.mark.parametrize(
    ("one_", "other", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (None, "", False),
        ("1", 1, False),
        (0, False, False),
        (-0.0, 0, True),
    ],
)
def test_what_is_the_same(one_: Any, other: Any, equal: bool) -> None:
    assert (canonical(one_) == canonical(other)) is equal


def test_a_missing_field_counts_as_null() -> None:
    assert shows({}, {"name": None})
    assert not shows({}, {"name": ""})
