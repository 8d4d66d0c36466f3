"""Method notes as PDF (WeasyPrint), in the print style of their page.

The font comes with the package: a font of the machine would make the bytes depend on the machine.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from schemas.errors import UsageError

FONTS = Path(__file__).parent / "fonts"
FACES = (("SchakelSans.ttf", "normal"), ("SchakelSans-Bold.ttf", "bold"))


def require_pdf() -> None:
    """UsageError (exit 2) where the system library that PDFs need is missing; to be asked before any work is done."""
    try:
        import weasyprint  # noqa: F401
    except OSError:
        raise UsageError(
            "The method notes' PDFs need the system library Pango, which is missing; install the packages libpango-1.0-0 and "
            "libpangoft2-1.0-0 and run again."
        ) from None


def pdf_bytes(page: bytes) -> bytes:
    """The PDF (tagged for screen readers) of a page; its identifier is the digest of the page, not a clock."""
    require_pdf()
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    faces = "".join(
        f'@font-face {{ font-family: "Schakel Sans"; font-weight: {weight}; src: url({(FONTS / name).as_uri()}); }}'
        for name, weight in FACES
    )
    sheet = CSS(string=f'{faces} body, code, pre {{ font-family: "Schakel Sans" !important; }}', font_config=fonts)
    document = HTML(string=page.decode(), base_url=str(FONTS))
    identifier = hashlib.sha256(page).hexdigest()[:32].encode()
    content = document.write_pdf(stylesheets=[sheet], font_config=fonts, pdf_tags=True, pdf_identifier=identifier)
    assert isinstance(content, bytes)
    return content
