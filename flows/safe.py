"""The project's own flow and task decorators: what Prefect may store of us is nothing.

Observed: `persist_result=True`, and `cache_policy=INPUTS` alone, write unencrypted pickles; exception texts, parameters and
prints lie in Prefect's database. A test fails on a bare `@task` or `@flow` anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Flow, Task
from prefect import flow as prefect_flow
from prefect import task as prefect_task
from prefect.cache_policies import NO_CACHE

from flows.coded import coded

P = ParamSpec("P")
R = TypeVar("R")


def safe_task(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task without cache, persistence, retries or printed output, whose errors carry no value."""

    def decorate(step: Callable[P, R]) -> Task[P, R]:
        make = prefect_task(name=name, cache_policy=NO_CACHE, persist_result=False, log_prints=False, retries=0)
        return make(coded(step, name))

    return decorate


def safe_flow(name: str) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """A Prefect flow without persistence, retries or printed output, whose errors carry no value."""

    def decorate(body: Callable[P, R]) -> Flow[P, R]:
        make = prefect_flow(name=name, persist_result=False, log_prints=False, retries=0)
        return make(coded(body, name))

    return decorate
