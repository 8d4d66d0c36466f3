"""A kept pattern comes back to the last type, blanks and negative numbers included."""

import pandas as pd

from flows.packing import pack_protected, unpack_protected
from schemas.tables import ProtectedTable


def test_tables_survive_packing() -> None:
    frame = pd.DataFrame(
        {
            "jaar": [2010, 2011],
            "regio": ["azië", "eu"],
            "aantal": pd.array([None, 7], dtype="Int64"),
            "aantal_zuiver": pd.array([None, -1.25], dtype="Float64"),
            "status": ["suppressed", "noisy"],
        }
    )
    categories: dict[str, tuple[object, ...]] = {"jaar": (2010, 2011), "regio": ("azië", "eu")}
    table = ProtectedTable("t", "public", "noisy", ("jaar", "regio"), categories, frame)
    (back,) = unpack_protected(pack_protected({"t": table})).values()
    pd.testing.assert_frame_equal(back.frame, frame)
    assert (back.id, back.audience, back.regime, back.dimensions, back.categories, back.kind) == (
        "t", "public", "noisy", ("jaar", "regio"), categories, "count",
    )  # fmt: skip
    assert pack_protected({"t": table}) == pack_protected({"t": back})
