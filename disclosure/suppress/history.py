"""Earlier editions beside a release: every one that its audience could ever see adds its cells and equations to the system.

A number that an edition printed is known for ever. A cell that was blank there and can have its present value is believed to be
the same cell; one that cannot, and one that was printed with another value, was corrected: it lies within the policy's width
(`corrections`) of what it was, wider where the truth lies further away. An edition of the same registers adds no cell at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from disclosure.suppress.printed import Edition, Wish, fit, read_edition
from disclosure.suppress.release import ReleaseBuilder
from disclosure.suppress.system import NOBODY, SystemBuilder
from schemas.catalogue import Catalogue
from schemas.errors import DisclosureRefused
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import ProtectedTable

__all__ = ["Now", "add_history", "lay_beside"]

Now = Mapping[Hashable, tuple[int, int]]


def add_history(
    work: ReleaseBuilder,
    history: Sequence[Mapping[str, ProtectedTable]],
    catalogue: Catalogue,
    rules: SuppressionPolicy,
) -> tuple[str, ...]:
    """Lay `history`, oldest first, beside the release of `work`; returns the ids of tables that could not be laid beside it."""
    cells, apart = work.cells, set[str]()
    now = {key: (at, cells.values[at]) for key, at in cells.index.items()}
    listed = {entry.id for entry in catalogue.entries}
    for number, tables in enumerate(history):
        apart |= set(tables) - listed
        if any(table.regime == "rounded" for table in tables.values()):
            raise DisclosureRefused(
                "This audience saw rounded tables of this study before; exact counts beside them need a study of their own, or the "
                "rounded regime."
            )
        if listed & set(tables):
            edition = read_edition(tables, catalogue, rules)
            near = {at: now.get(edition.keys[at], (-1, 0))[1] for at in sorted(edition.blank)}
            fit([edition], [Wish(0, at, value=value) for at, value in near.items()])
            lay_beside(cells, edition, number, now, rules)
    return tuple(sorted(apart))


def lay_beside(
    cells: SystemBuilder, edition: Edition, number: int, now: Now, rules: SuppressionPolicy
) -> None:  # fmt: skip
    """Add an edition, numbers fitted, to the system of a release. `now`: key -> (cell, value) of the release itself."""
    _Beside(cells, edition, number, now, rules).add()


class _Beside:
    """One edition on its way into the system."""

    def __init__(
        self, cells: SystemBuilder, edition: Edition, number: int, now: Now, rules: SuppressionPolicy
    ) -> None:  # fmt: skip
        self.cells, self.edition, self.number, self.now, self.rules = cells, edition, number, now, rules
        self.then = edition.work.cells
        self.keys = edition.keys
        self.same: dict[int, int] = {}

    def add(self) -> None:
        """Every cell as it is now where it can be, a cell of its own otherwise; then the edition's equations."""
        printed = self.edition.shown.keys() | self.edition.blank
        for at in sorted(printed):
            cell = self._now(at)
            if cell is not None:
                self.same[at] = cell
                if at in self.edition.shown:
                    self.cells.fixed[cell], self.cells.hidden[cell] = True, False
        self._sums()
        place = [self.same[at] if at in self.same else self._own(at) for at in range(len(self.keys))]
        for row in self.then.rows:
            moved = [(place[at], sign) for at, sign in row]
            if not all(self.cells.fixed[at] for at, _ in moved):
                parent, *children = moved
                self.cells.rows[parent, *sorted(children)] = None

    def _now(self, at: int) -> int | None:
        """The present cell of the same name, if it has the edition's value."""
        cell, value = self.now.get(self.keys[at], (-1, -1))
        return cell if cell >= 0 and value == self.then.values[at] else None

    def _sums(self) -> None:
        """What is printed nowhere is the same cell when it is the sum of the same cells."""
        waiting = [row for row in self.then.rows if row[0][1] == -1 and row[0][0] not in self.same]
        while True:
            later, grown = [], False
            for row in waiting:
                parent, children = row[0][0], row[1:]
                if not all(at in self.same for at, _ in children):
                    later.append(row)
                elif parent not in self.same and (cell := self._now(parent)) is not None:
                    self.same[parent], grown = cell, True
            if not grown:
                return
            waiting = later

    def _own(self, at: int) -> int:
        """A cell that only the edition has: a number everybody knows, or one that was blank then."""
        value, key = self.then.values[at], ("edition", self.number, self.keys[at])
        shown = at in self.edition.shown
        lower = self.then.lower[at] if at in self.edition.blank else 0
        cell = self.cells.cell(key, value, NOBODY, hidden=not shown, lower=lower)
        self.cells.fixed[cell] = shown
        after, here = self.now.get(self.keys[at], (-1, 0))
        if (shown or at in self.edition.blank) and after >= 0:
            margin = max(self.rules.protect_down, self.rules.protect_up, 1)
            self.cells.between(after, cell, max(self.rules.corrections, abs(here - value) + margin), key)
        return cell
