"""An error's text never carries a value, whatever went wrong."""

import pytest

from flows.coded import StepFailed, coded
from schemas.errors import BudgetExhausted

SECRET = "Ngozi 1991-02-03 2812345678"


def test_a_foreseen_error_passes_with_its_class_and_sentence() -> None:
    def refuse() -> None:
        raise BudgetExhausted("The budget of ind for public is used up.")

    with pytest.raises(BudgetExhausted, match="used up") as caught:
        coded(refuse, "noise")()
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError, MemoryError, OSError])
def test_an_unforeseen_error_names_the_place_and_not_the_value(kind: type[Exception]) -> None:
    def fail() -> None:
        raise kind(SECRET)

    with pytest.raises(StepFailed) as caught:
        coded(fail, "encode")()
    assert "encode" in str(caught.value)
    assert not any(part in str(caught.value) for part in SECRET.split())
    assert caught.value.__suppress_context__
