"""The clients: who buys which deal, who belongs to whom, who was renamed, and which systems know them."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from sandbox.firm_parts.base import DAY, Frame, instant, is_workday, local_date, on_workday
from sandbox.firm_parts.books import CURRENCY
from sandbox.firm_parts.deals import Deal
from sandbox.firm_parts.words import CLIENT_HEADS, CLIENT_TAILS, COUNTRIES, INDUSTRIES, LEGAL_FORMS
from sandbox.truth import Customer

_SELLERS = {"DE01": 4, "US01": 3}
_MAIL = {"DE01": "halvardlowe.de", "US01": "halvardlowe.com"}
INTERNAL_NAME = {"DE01": "Halvard & Lowe GmbH (internal)", "US01": "Halvard & Lowe Inc. (internal)"}


def seller(rng: Random, entity: str) -> str:
    """The e-mail of one of the entity's salespeople, who aren't consultants."""
    return f"sales{rng.randint(1, _SELLERS[entity])}@{_MAIL[entity]}"


def assign(frame: Frame, deals: list[Deal]) -> tuple[dict[str, int], dict[str, list[Deal]]]:
    """Give every deal its customer.

    Returns how many customers each entity has besides the internal one, and each customer slot's deals. A slot is
    '<entity>:<position>'; deals of brand-new customers have a slot of their own.
    """
    sizes = {}
    slots: dict[str, list[Deal]] = {}
    for entity, share in (("DE01", 0.6), ("US01", 0.4)):
        mine = [deal for deal in deals if deal.entity == entity]
        new = [deal for deal in mine if deal.new_customer]
        size = max(len(new) + 4, round(frame.count(118, 18) * share))
        old = size - len(new)
        rng = frame.stream("buyer", entity)
        order = [deal for deal in mine if not deal.new_customer]
        rng.shuffle(order)
        for index, deal in enumerate(order):
            slot = index if index < old else min(old - 1, int(old * rng.random() ** 1.6))
            slots.setdefault(f"{entity}:{slot}", []).append(deal)
        for index, deal in enumerate(new):
            slots[f"{entity}:{old + index}"] = [deal]
        sizes[entity] = size
    return sizes, slots


def build(frame: Frame, deals: list[Deal]) -> list[Customer]:
    """Customers without the moments at which the PSA and the ERP came to know them (see `known`)."""
    sizes, slots = assign(frame, deals)
    drafts: list[tuple[datetime, str, list[Deal]]] = []
    for entity, size in sizes.items():
        rng = frame.stream("customer-since", entity)
        long_ago = frame.first_day - DAY * 400
        drafts.append((instant(entity, on_workday(entity, long_ago), 540), f"{entity}:internal", []))
        for slot in range(size):
            mine = slots.get(f"{entity}:{slot}", [])
            first = min((deal.created_at for deal in mine), default=frame.today - DAY * rng.randint(20, 500))
            day = local_date(entity, first) - DAY * rng.randint(1, 40)
            while not is_workday(entity, day):
                day -= DAY
            drafts.append((instant(entity, day, rng.randrange(480, 1080)), f"{entity}:{slot}", mine))
    drafts.sort(key=lambda draft: (draft[0], draft[1]))
    names = {entity: _names(frame, entity, size) for entity, size in sizes.items()}
    out: list[Customer] = []
    for number, (created, name, mine) in enumerate(drafts, 1):
        customer = _customer(frame, f"C{number:04d}", name, created, names, out, mine)
        for deal in mine:
            deal.customer_id = customer.id
            deal.owner_email = customer.owner_email
            deal.name = f"{customer.name}: {deal.name}"
        out.append(customer)
    return out


def _names(frame: Frame, entity: str, size: int) -> list[str]:
    pairs = [f"{head} {tail}" for head in CLIENT_HEADS[entity] for tail in CLIENT_TAILS[entity]]
    frame.stream("customer-names", entity).shuffle(pairs)
    rounds = range(1, 2 + size // len(pairs))
    return [pair if turn == 1 else f"{pair} {turn}" for turn in rounds for pair in pairs]


def _customer(
    frame: Frame,
    key: str,
    slot: str,
    created: datetime,
    names: dict[str, list[str]],
    earlier: list[Customer],
    mine: list[Deal],
) -> Customer:
    entity, position = slot.split(":")
    internal = position == "internal"
    rng = frame.stream("customer", slot)
    name = INTERNAL_NAME[entity] if internal else names[entity][int(position)]
    country = entity[:2] if internal else rng.choice(COUNTRIES[entity])
    form = rng.choice(LEGAL_FORMS[entity])
    parents = [c for c in earlier if c.legal_entity_id == entity and c.parent_id is None and "(internal)" not in c.name]
    has_parent = not internal and parents and int(position) % 11 == 5
    renamed: tuple[tuple[datetime, str], ...] = ()
    day = None
    if not internal and int(position) == 1:
        day = frame.today.date() + DAY * rng.randint(5, 40)
    elif not internal and int(position) % 19 == 3:
        day = max(local_date(entity, created), frame.first_day) + DAY * rng.randint(90, 200)
    if day is not None and (at := frame.business_instant(rng, entity, day)) <= frame.horizon:
        renamed = ((at, f"{name} Group"),)
    return Customer(
        id=key,
        name=name,
        legal_name=name if internal else f"{name} {form}",
        country=country,
        currency=CURRENCY[entity],
        industry=rng.choice(INDUSTRIES),
        domain=f"{name.split(' (')[0].replace(' & ', '').replace('.', '').replace(' ', '-').lower()}.example",
        tax_id=f"{country}{100000000 + frame.seed % 1000 * 1000 + int(key[1:])}",
        legal_entity_id=entity,
        payment_terms_days=rng.choice((14, 30, 30, 45)),
        parent_id=rng.choice(parents).id if has_parent else None,
        owner_email=mine[0].owner_email if mine and mine[0].owner_email else seller(rng, entity),
        created_at=created,
        known_to_psa_at=created + timedelta(days=1) if internal else None,
        known_to_erp_at=None,
        renamed=renamed,
    )
