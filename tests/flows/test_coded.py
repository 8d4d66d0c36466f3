"""An error's text never carries a value, whatever went wrong."""

import errno

import pytest

from flows.coded import MachineRefused, StepFailed, coded
from schemas.errors import BudgetExhausted

SECRET = "Ngozi 1991-02-03 2812345678"


def test_a_foreseen_error_passes_with_its_class_and_sentence() -> None:
    def refuse() -> None:
        raise BudgetExhausted("The budget of ind for public is used up.")

    with pytest.raises(BudgetExhausted, match="used up") as caught:
        coded(refuse, "noise")()
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError, OSError])
def test_an_unforeseen_error_names_the_place_and_not_the_value(kind: type[Exception]) -> None:
    def fail() -> None:
        raise kind(SECRET)

    with pytest.raises(StepFailed) as caught:
        coded(fail, "encode")()
    assert "encode" in str(caught.value)
    assert not any(part in str(caught.value) for part in SECRET.split())
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "error", [MemoryError(SECRET), OSError(errno.ENOSPC, SECRET, SECRET), PermissionError(errno.EACCES, SECRET)]
)
def test_a_machine_that_gives_no_room_is_for_the_operator_to_mend(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(MachineRefused, match="run the same command again") as caught:
        coded(fail, "publish")()
    assert caught.value.exit_code == 2
    assert not any(part in str(caught.value) for part in SECRET.split())
