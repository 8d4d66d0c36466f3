"""Headers that every answer carries, and what files of a release may do in a browser: nothing."""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'none'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-permitted-cross-domain-policies": "none",
}
_STYLE = re.compile(rb"<style[^>]*>(.*?)</style>", re.DOTALL)


class SecurityHeaders:
    """Adds `HEADERS` to every answer that does not bring its own, errors and static files included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its answer leaves with the headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


def file_policy(content: bytes | None) -> str:
    """The content policy of a file of a release: no script, no request, only the styles that the file itself holds.

    content  an HTML page or SVG figure; None for files that browsers do not show.
    """
    styles = "'none'"
    if content is not None:
        digests = {hashlib.sha256(style).digest() for style in _STYLE.findall(content)}
        styles = " ".join(sorted(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)) or "'none'"
    return (
        f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "sandbox allow-downloads"
    )
