"""Public noise about another study's people is paid from that study's budgets, or refused before anything is spent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.budget import adopt
from flows.job import Job, make_job
from flows.protect import protect_public
from flows.settings import Settings
from flows.state import open_state
from schemas.errors import UsageError
from schemas.policy_noise import NoisePolicy
from schemas.study import SHIPPED
from tests.conftest import Invoke
from tests.tabulation.tabulation_reference import reference_tables


def settings_of(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state", "", None, "anna")


def job(tmp_path: Path, study: str, noise: NoisePolicy | None = None) -> Job:
    made = make_job(study, SHIPPED / "examples" / "wodc2020", settings_of(tmp_path))
    if noise is None:
        return made
    public = made.policy.public.model_copy(update={"noise": noise})
    return replace(made, policy=made.policy.model_copy(update={"public": public}))


def heads_noise(tmp_path: Path) -> NoisePolicy:
    noise = job(tmp_path, "wodc2020").policy.public.noise
    assert noise is not None
    return noise


def spent(tmp_path: Path) -> dict[str, float]:
    with open_state(settings_of(tmp_path)) as state:
        return {line.population: line.spent for line in state.ledger("wodc2020").statement()}


def publish(work: Job, release: str) -> None:
    with open_state(work.settings, create=True) as state:
        if not state.key_file(work.study.family).exists():
            state.require_key(work.study.family)
        protect_public(work, state, reference_tables("wodc2020"), "a" * 64, release)


def test_a_population_of_its_own_is_refused_in_one_sentence_and_nothing_is_spent(tmp_path: Path) -> None:
    (population,) = heads_noise(tmp_path).populations
    own = heads_noise(tmp_path).model_copy(
        update={"populations": (population.model_copy(update={"id": "mijn_eigen"}),)}
    )
    with pytest.raises(UsageError) as refused:
        publish(job(tmp_path, "routes2020", own), "r1")
    said = str(refused.value)
    assert said.startswith("routes2020: mijn_eigen is no population of wodc2020, whose people routes2020 counts; ")
    assert said.endswith("name one of its populations.")
    assert said.count(". ") == 0, "one sentence"
    assert spent(tmp_path) == {}


def test_a_population_of_the_head_is_paid_from_the_heads_budget(tmp_path: Path) -> None:
    noise = heads_noise(tmp_path)
    head = job(tmp_path, "wodc2020")
    follower = replace(job(tmp_path, "routes2020", noise), catalogue=head.catalogue)
    with pytest.raises(UsageError, match="No budget was set for"):
        publish(follower, "r0")  # the head's policy sets it, in the head's first run
    publish(head, "r1")
    before = spent(tmp_path)
    publish(follower, "r2")
    assert spent(tmp_path).keys() == before.keys() == {population.id for population in noise.populations}
    assert sum(spent(tmp_path).values()) >= sum(before.values()) > 0


def test_a_follower_sets_no_budget(tmp_path: Path, invoke: Invoke) -> None:
    with pytest.raises(UsageError, match="counts the people of wodc2020, whose policy alone sets their budget"):
        adopt(settings_of(tmp_path), "routes2020")
    done = invoke("budget", "adopt", "routes2020", state=tmp_path / "state")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
