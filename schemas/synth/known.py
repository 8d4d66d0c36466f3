"""From what somebody asks of `schakel synth` to the knobs: registers on which an analysis can be tried, its answer being known."""

from __future__ import annotations

from schemas.errors import UsageError
from schemas.study import Study
from schemas.synth.dirt import Population
from schemas.synth.histories import HISTORIES, Histories, HistoryPreset
from schemas.synth.lists import LISTS_OF, ListPreset


def known_histories(name: HistoryPreset | None, leaving: float) -> Histories | None:
    """The histories of that name, in which people leave unseen at a rate per month; UsageError for a rate without histories."""
    if name is None:
        if leaving:
            raise UsageError("--leaving needs --histories: it is a rate of theirs.")
        return None
    return HISTORIES[name].leaving(leaving)


def known_population(
    study: Study, name: ListPreset | None, withdrawn: float, women_missed: float, earlier: float, *, histories: bool
) -> Population:
    """The knobs of the overlaps asked for. UsageError where histories or the study leave no overlap to choose."""
    asked = name is not None or withdrawn > 0 or women_missed > 0
    if asked and histories:
        raise UsageError("Histories say who is in which register; leave out --lists, --withdrawn and --women-missed.")
    if asked and len(study.registers) < len(("IND", "DTV", "IOM")):
        raise UsageError(f"{study.id} has no three registers to overlap; choose a study that has, such as keten2015.")
    overlaps = Population() if name is None else LISTS_OF[name].population()
    return overlaps.model_copy(
        update={"withdrawn": withdrawn, "women_missed": women_missed, "earlier": earlier}
    )  # fmt: skip
