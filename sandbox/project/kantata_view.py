"""The truth as Kantata knows it at one instant: look-ups that the parts of its projection share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from sandbox.project.kantata_ids import native_id
from sandbox.truth import Project, RateCardLine, Resource, Truth


@dataclass(frozen=True)
class View:
    """The truth as known at one instant, with the ids of the workspaces that exist.

    Args:
        pushed: truth's project id -> workspace id of projects that our push has created.
    """

    truth: Truth
    at: datetime
    pushed: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def projects(self) -> dict[str, Project]:
        """Truth's projects by id."""
        return {p.id: p for p in self.truth.projects}

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Consultants by id."""
        return {r.id: r for r in self.truth.resources}

    @cached_property
    def user_of(self) -> dict[str, str]:
        """Kantata user id by e-mail."""
        return {r.email: native_id("resource", r.id) for r in self.truth.resources}

    @cached_property
    def currencies(self) -> set[str]:
        """The currencies that the firm works in."""
        return {line.currency for line in self.truth.rate_card_lines} | {e.currency for e in self.truth.legal_entities}

    @cached_property
    def defects(self) -> dict[str, set[str]]:
        """Rule -> truth ids of this system's rows that break it."""
        found: dict[str, set[str]] = {}
        for defect in self.truth.defects:
            if defect.system == "kantata":
                found.setdefault(defect.rule, set()).add(defect.record_id)
        return found

    @cached_property
    def rates(self) -> dict[tuple[str, str], list[RateCardLine]]:
        """Lines that are recorded by now, by (card, role); the latest recorded last."""
        found: dict[tuple[str, str], list[RateCardLine]] = {}
        for line in sorted(self.truth.rate_card_lines, key=lambda x: (x.recorded_at, x.effective_from)):
            if line.recorded_at <= self.at:
                found.setdefault((line.rate_card_id, line.role), []).append(line)
        return found

    def rate(self, card: str, role: str, on: date) -> RateCardLine | None:
        """The line that applies to a work date as known now; the later recorded one where two have the same date."""
        found: RateCardLine | None = None
        for line in self.rates.get((card, role), ()):
            if line.effective_from <= on and (found is None or line.effective_from >= found.effective_from):
                found = line
        return found

    def workspace_id(self, project_id: str) -> str | None:
        """The workspace of a project, None where there is none yet. Also that of a project that never existed: people
        can type a wrong number, which is a known defect.
        """
        known = self.projects.get(project_id)
        if known is None:
            return native_id("project", project_id)
        if known.created_at is None:
            return self.pushed.get(project_id)
        return native_id("project", project_id) if known.created_at <= self.at else None

    def latest(self, *moments: datetime | None) -> datetime:
        """The last of the moments that are known now."""
        return max(m for m in moments if m is not None and m <= self.at)
