"""V-numbers: ten digits starting with 2, each person's own, and the wrong ones that are planted.

Person i has number 2 000 000 000 + (a*i + b) mod 10^9 with a coprime to 10^9: a permutation, so no two people share
one, nothing has to be remembered, and whether a mistyped number belongs to somebody is one multiplication.
"""

from __future__ import annotations

import numpy as np

SPACE = 10**9
FIRST = 2 * 10**9
# The last ten million indexes belong to the people behind bad rows, who exist nowhere else.
GHOSTS = 10**7
MAX_PEOPLE = SPACE // 20


class Numbers:
    """The V-numbers of one run. `people` is how many real people have one."""

    def __init__(self, seed: int, people: int) -> None:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0xF])))
        # Ending in 1, 3, 7 or 9 makes it coprime to a power of ten.
        self._a = int(rng.integers(SPACE // 100, SPACE // 10)) * 10 + int(rng.choice([1, 3, 7, 9]))
        self._b = int(rng.integers(SPACE))
        self._inverse = pow(self._a, -1, SPACE)
        self._people = people
        self._issued: set[int] = set()

    def of(self, index: np.ndarray) -> np.ndarray:
        """Numbers (int64) of the people at `index`."""
        return FIRST + (self._a * index.astype(np.int64) + self._b) % SPACE

    def of_ghosts(self, index: np.ndarray) -> np.ndarray:
        """Numbers of the people behind bad rows; `index` counts from 0."""
        return self.of(SPACE - 1 - index)

    def owned(self, numbers: np.ndarray) -> np.ndarray:
        """Whether a number is somebody's own (bool)."""
        index = (self._inverse * ((numbers - FIRST - self._b) % SPACE)) % SPACE
        return (index < self._people) | (index >= SPACE - GHOSTS)

    def mistyped(self, rng: np.random.Generator, numbers: np.ndarray) -> np.ndarray:
        """Each number with one wrong digit; the result is nobody's own and never the same twice in a run."""
        wrong = numbers.copy()
        todo = np.arange(len(numbers))
        while len(todo):
            place = 10 ** rng.integers(0, 9, len(todo))
            digit = numbers[todo] // place % 10
            wrong[todo] = numbers[todo] + ((digit + rng.integers(1, 10, len(todo))) % 10 - digit) * place
            taken = self.owned(wrong[todo]) | np.array([int(w) in self._issued for w in wrong[todo]], dtype=bool)
            free, first = np.unique(wrong[todo], return_index=True)
            repeated = np.ones(len(todo), dtype=bool)
            repeated[first] = False
            self._issued.update(free[~taken[first]].tolist())
            todo = todo[taken | repeated]
        return wrong
