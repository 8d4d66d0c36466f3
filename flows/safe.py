"""The project's own flow and task decorators: what Prefect may store of us is nothing.

Observed: `persist_result=True`, and `cache_policy=INPUTS` alone, write unencrypted pickles; so does every flow that raises,
whatever it was told about results; exception texts, parameters and prints lie in Prefect's database. A test fails on a bare
`@task` or `@flow` anywhere else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow, Task
from prefect import flow as prefect_flow
from prefect import task as prefect_task
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from flows.coded import coded
from schemas.errors import SchakelError

P = ParamSpec("P")
R = TypeVar("R")


def safe_task(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task without cache, persistence, retries or printed output, whose errors carry no value."""

    def decorate(step: Callable[P, R]) -> Task[P, R]:
        make = prefect_task(name=name, cache_policy=NO_CACHE, persist_result=False, log_prints=False, retries=0)
        return make(coded(step, name))

    return decorate


def safe_flow(name: str) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """A Prefect flow without persistence, retries or printed output, whose errors carry no value.

    Its caller gets the error as ever; Prefect gets a failed state with the error's sentence and exit code.
    """

    def decorate(body: Callable[P, R]) -> Flow[P, R]:
        make = prefect_flow(name=name, persist_result=False, log_prints=False, retries=0)
        return make(_failed_where_it_raises(coded(body, name)))

    return decorate


def _failed_where_it_raises(body: Callable[P, R]) -> Callable[P, R]:
    """Prefect pickles what a flow raises into its result storage, but not what a state that the flow returns carries."""

    @functools.wraps(body)
    def ended(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return body(*args, **kwargs)
        except SchakelError as error:
            state: Any = Failed(data=error, message=f"{error} (exit {error.exit_code})")
            return cast(R, state)

    return ended
