"""Serving the application: one process, no server name in answers, only a named proxy believed."""

from __future__ import annotations

import logging

import uvicorn

from disclosure.store import Store
from portal.app import create_app
from portal.limits import Limiter
from portal.office import Services
from portal.settings import PortalSettings

GRACE_SECONDS = 10


def serve(settings: PortalSettings, store: Store, services: Services, limiter: Limiter | None = None) -> None:
    """Answer requests until the process is asked to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("schakel.portal").setLevel(logging.INFO)
    configured(settings, store, services, limiter).run()


def configured(
    settings: PortalSettings, store: Store, services: Services, limiter: Limiter | None = None
) -> uvicorn.Server:
    """The server, ready to run."""
    config = uvicorn.Config(
        create_app(settings, store, services, limiter),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,  # addresses hold search words; what matters is in the log
        server_header=False,
        date_header=True,
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=settings.proxy or None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=16_384,
        limit_concurrency=500,
    )
    return uvicorn.Server(config)
