"""Derived attributes of single rows: final decision, years, outcome, first referrer, destination.

Definitions: nr2015, chapters 2 to 4, as restated in the domain page of the design; each function says which.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabulation.events import years_of


def with_final_decision(ind: pd.DataFrame) -> pd.DataFrame:
    """`ind` with `eindbesluit` (categorical, absent while open) and `datum_eind` (datetime64[s]).

    A decided objection replaces the first decision and its date; while an objection is pending the decision stands.
    """
    objected = ind["besluit_bezwaar"].notna().to_numpy()
    first, second = ind["besluit"].astype(object), ind["besluit_bezwaar"].astype(object)
    return ind.assign(
        eindbesluit=pd.Categorical(np.where(objected, second, first)),
        datum_eind=np.where(objected, ind["datum_bezwaar"].to_numpy(), ind["datum_besluit"].to_numpy()),
    )


def procedures(ind: pd.DataFrame) -> pd.DataFrame:
    """Unit `procedure`: one row per IND procedure, from a frame with final decisions.

    jaar_aanvraag is the year of `datum_aanvraag`, jaar_besluit that of the final decision (-1 without one); `uitkomst`
    is the final decision, absent when undecided; age is at the application.
    """
    return ind.assign(
        jaar_aanvraag=years_of(ind["datum_aanvraag"]),
        jaar_besluit=years_of(ind["datum_eind"]),
        uitkomst=ind["eindbesluit"],
    )


def returns(iom: pd.DataFrame) -> pd.DataFrame:
    """Unit `terugkeer`: one row per assisted return (nr2015, chapter 4); age at departure.

    `verwijzer` is the first referrer named, so that nobody is counted twice (figure 17); `bestemming` says whether the
    destination is the country of nationality.
    """
    named = iom["verwijzers"].cat
    firsts = np.array([*(str(text).split("|")[0].strip() or None for text in named.categories), None], dtype=object)
    home = iom["bestemming"].astype(object).to_numpy() == iom["nationaliteit"].astype(object).to_numpy()
    return iom.assign(
        jaar_vertrek=years_of(iom["vertrekdatum"]),
        verwijzer=pd.Categorical(firsts[named.codes]),
        bestemming=pd.Categorical(np.where(home, "herkomstland", "derde_land")),
    )
