"""Protected tables from Python, for analysts at the data holder (`docs/notebook.md`).

    from flows.notebook import Release
    release = Release.open("out/releases/nr2015/RELEASE")
    release["nr2015_f08"].frame

What enters is a release folder and nothing else: no register, no exact table. It is verified first, and refused where it
was changed. One audience's tables are read at a time; each restricted table that is read leaves an entry in the log of the
state folder that made the release, where that is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup, escape

from disclosure.reader import read_table, table_ids
from disclosure.store import DATABASE
from disclosure.verify import verify_release
from flows.checks import settings_beside
from flows.notebook_time import curve_frame, quartile_frame, reading_frame
from flows.publication.cells import points
from flows.publication.charts import draw_charts
from flows.publication.gridded import Grid, counts_grid, shares_grid, top_grids
from flows.publication.labels import Language, in_language
from flows.publication.pages import table_notes
from flows.publication.statistics import top_lists, view_shares
from flows.publication.terminal import legend
from flows.publication.views import View, make_views
from flows.settings import Settings
from flows.state import open_state
from schemas.catalogue import Catalogue, Derived, load_catalogue
from schemas.errors import UsageError
from schemas.policy import load_policy
from schemas.release import MANIFEST, RESTRICTED
from schemas.study import load_study, resource
from schemas.tables import LOWER, UPPER, Audience, ProtectedTable
from tabulation.comparisons import Comparison, compare
from tabulation.unseen import Refusal, Unseen
from tabulation.unseen_table import unseen

LINK = "Read a table as release['{id}']; it has .frame, .intervals, .percentages, .top, .notes and .chart."


class Release(Mapping[str, "Table"]):
    """The tables of one release as one audience may see them, by id."""

    def __init__(
        self, folder: Path, audience: Audience, language: Language, study: str, state: Settings | None
    ) -> None:
        self.folder, self.audience, self.language = folder, audience, language
        self._state = state
        self._read: set[str] = set()
        found = load_study(study)
        self.study = in_language(found.title, language)
        self._id = found.id
        self._catalogue = load_catalogue(resource(study, "catalogue", found.catalogue), found.years)
        policy, _ = load_policy(resource(study, "policies", found.policy))
        noise = (policy.public if audience != RESTRICTED else policy.restricted).noise
        tables = {name: read_table(folder, audience, name) for name in table_ids(folder, audience)}
        views = make_views(tables, self._catalogue, noise.labels if noise else {})
        self._views = {view.table.id: view for view in views}

    @classmethod
    def open(
        cls, folder: str | Path, audience: Audience = "public", *, language: Language = "en",
        study: str | None = None, key: str | Path | None = None,
    ) -> Release:  # fmt: skip
        """Verify a release folder and open one audience's part of it.

        study  the study file, for one that does not ship with Schakel. key: a public key (PEM) to check the signature with,
               where the state folder that made the release is not at hand.

        IntegrityError (6) where a file, the manifest or the signature does not hold; UsageError (2) where nothing can be
        verified, or the folder has no part for this audience.
        """
        path = Path(folder)
        settings = settings_beside(path, Settings.from_environment())
        there = (settings.state / DATABASE).exists() or bool(settings.database_url)
        if there:
            with open_state(settings) as state:
                verify_release(path, None if key is None else Path(key), state.store)
        else:
            verify_release(path, None if key is None else Path(key))
        if not (path / audience).is_dir():
            raise UsageError(f"{path} has no {audience} part; open the part that was handed to you.")
        made_for = str(json.loads((path / MANIFEST).read_bytes())["study"])
        return cls(path, audience, language, study or made_for, settings if there else None)

    def __getitem__(self, table: str) -> Table:
        """One table; UsageError names those there are. Reading a restricted table is noted in the log, once."""
        if table not in self._views:
            raise UsageError(f"There is no {self.audience} table '{table}' here; there are {', '.join(self._views)}.")
        self._note(table)
        return Table(self._views[table], self._catalogue, self.language, self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __contains__(self, table: object) -> bool:
        return table in self._views

    @property
    def about(self) -> str:
        """Which release this is, whose tables are read, and whether that is on record."""
        record = ""
        if self.audience == RESTRICTED:
            record = " Each table read is noted in the log." if self._state else " No log is at hand: nothing is noted."
        return f"{self.study}: release {self.folder.name}, verified; {len(self)} tables of the {self.audience} part.{record}"

    def __repr__(self) -> str:
        return f"<{self.about}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'><code>{escape(name)}</code></th><td style='text-align:left'>"
            f"{escape(view.title[self.language])}</td></tr>"
            for name, view in self._views.items()
        )
        example = next(iter(self._views), "")
        return f"<p>{escape(self.about)} {escape(LINK.format(id=example))}</p><table><tbody>{rows}</tbody></table>"

    def _note(self, table: str) -> None:
        if self.audience != RESTRICTED or self._state is None or table in self._read:
            return
        with open_state(self._state) as state:
            body: dict[str, object] = {"item": f"{table}.csv", "audience": self.audience}
            state.append("viewed", body, self._id, self.folder.name)
        self._read.add(table)


class Table:
    """One protected table, and what may be derived from it. A blank is never guessed: what needs it is missing too."""

    def __init__(self, view: View, catalogue: Catalogue, language: Language, release: Release) -> None:
        self._view, self._catalogue, self._language, self._release = view, catalogue, language, release

    @property
    def protected(self) -> ProtectedTable:
        """The table as disclosure control made it."""
        return self._view.table

    @property
    def frame(self) -> pd.DataFrame:
        """The columns of the release contract: dimensions, `aantal` (empty where blank), bounds under noise, `status`."""
        return self._view.table.frame.copy()

    @property
    def title(self) -> str:
        """The title."""
        return self._view.title[self._language]

    @property
    def notes(self) -> list[str]:
        """What a reader must know: what is counted, where it comes from, blanks, linking, and the table's own notes."""
        return table_notes(self._view, self._language, self._catalogue)

    @property
    def intervals(self) -> pd.DataFrame:
        """Dimensions, `ondergrens`, `bovengrens` of every cell, blanks included; no rows where no noise was added."""
        frame = self._view.table.frame
        if LOWER not in frame.columns:
            return frame.iloc[:0][list(self._view.table.dimensions)].assign(**{LOWER: [], UPPER: []})
        return frame[[*self._view.table.dimensions, LOWER, UPPER]].copy()

    @property
    def percentages(self) -> pd.DataFrame:
        """Dimensions, `percentage`, `ondergrens`, `bovengrens` (bounds under noise), from protected counts only."""
        found = view_shares(self._view)
        rows = []
        for codes in points(self._view.table):
            share = found.get(codes)
            ends = (None, None, None) if share is None else (share.value, share.low, share.high)
            rows.append((*codes, *(None if end is None else round(100 * end, 1) for end in ends)))
        frame = pd.DataFrame(rows, columns=[*self._view.table.dimensions, "percentage", LOWER, UPPER])
        return frame.astype(dict.fromkeys(("percentage", LOWER, UPPER), "Float64"))

    @property
    def top(self) -> pd.DataFrame:
        """The largest categories with their rank; `gedeeld`: shared, because counts or their intervals do not tell them apart.

        No rows where the table needs no top list. Blanks are on no list and may belong on one.
        """
        names = [*self._view.table.dimensions, "aantal", "rang", "gedeeld"]
        rows = [
            (*line.point.codes, line.point.value, line.rank, line.shared)
            for listed in top_lists(self._view)
            for line in listed.ranked
        ]
        return pd.DataFrame(rows, columns=names)

    @property
    def chart(self) -> Markup:
        """The figure of the release (SVG); a notebook draws it."""
        inside, _ = draw_charts([self._view])
        return Markup(inside[self._view.table.id, self._language])

    def unseen(self) -> Unseen | Refusal:
        """How many people no register saw, or why that cannot be said; for a table of who is known to which registers.

        From the published counts alone: doubt about links is not in it (the method note of a restricted part has that).
        """
        return unseen(self._view.table)

    def compared(self, missed: float = 0.0) -> list[Comparison]:
        """Shares of `ja` by group, each against the largest: a difference, or an artefact of linking; for group x outcome.

        missed  the share of true links that may be missing. Doubt about single links is not in it, as in `unseen`.
        UsageError for a table of another shape.
        """
        names = self._view.table.dimensions
        if len(names) != 2 or set(self._view.table.categories[names[1]]) != {"ja", "nee"}:
            raise UsageError(f"{self._view.table.id} is no table of groups by an outcome ja or nee; ask one that is.")
        return compare(self._view.table, missed=missed)

    def curve(self) -> pd.DataFrame:
        """Shares through time beside the report's, with their intervals (`flows.notebook_time.curve_frame`).

        It also reads the table of who came into view when and the reports' shares, which is noted in the log where this one is.
        UsageError for a table of which the catalogue derives no curve.
        """
        item = self._asked("curve")
        names = (item.table, *(name for name in (item.late, item.naive) if name in self._release))
        return curve_frame(item, {name: self._release[name].protected for name in names if name is not None})

    def quartiles(self) -> pd.DataFrame:
        """Quartiles of the days until a step (`flows.notebook_time.quartile_frame`); UsageError for a table without them."""
        self._asked("quantiles")
        return quartile_frame(self._view.table)

    def readings(self) -> pd.DataFrame:
        """Every share by reading and window (`flows.notebook_time.reading_frame`); UsageError for a table without them."""
        self._asked("readings")
        return reading_frame(self._view)

    def _asked(self, statistic: str) -> Derived:
        """What the catalogue derives from this table by that name."""
        for item in self._catalogue.derived:
            if (item.table, item.statistic) == (self._view.table.id, statistic):
                return item
        has = ", ".join(item.table for item in self._catalogue.derived if item.statistic == statistic)
        raise UsageError(
            f"The catalogue derives no {statistic} from {self._view.table.id}; it does from {has or 'no table'}."
        )

    def __repr__(self) -> str:
        return f"<{self._view.table.id}: {self.title}>"

    def _repr_html_(self) -> str:
        view, language = self._view, self._language
        grids = [counts_grid(view, language), shares_grid(view, language), *top_grids(view, language)]
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        tables = "".join(_html(grid) for grid in grids if grid is not None)
        about = f"{view.table.id}, {view.table.audience}, {view.table.regime}"
        said = legend(view.table, language)
        return (
            f"<h4>{escape(self.title)}</h4><p><small>{escape(about)}</small></p>{tables}"
            f"<p><small>{escape(said)}</small></p><ul>{notes}</ul>"
        )


def _html(grid: Grid) -> str:
    """One grid; an interval stands below its number."""
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in (*grid.corners, *grid.columns))
    body = []
    for row in grid.rows:
        names = "".join(f"<th scope='row' style='text-align:left'>{escape(text)}</th>" for text in row.headings)
        cells = "".join(
            f"<td>{escape(cell.shown)}{f'<br><small>{escape(cell.interval)}</small>' if cell.interval else ''}</td>"
            for cell in row.cells
        )
        body.append(f"<tr>{names}{cells}</tr>")
    return (
        f"<table><caption>{escape(grid.caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )
