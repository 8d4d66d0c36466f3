"""What a leaf may say: one frozen model per kind of decision, nothing else fits.

The types are the protection. A body holds codes, digests, parameters of a policy, budgets and the few counts that the
design allows (blanks per table, quarantined rows by reason). There is no field for a cell, its true count, its reason
for being blank, or a value from a record; an unknown field is refused. A reason that a person types may not contain a
free-standing number, years apart, because the log never forgets.

A change of a model's fields raises `VERSION`; old leaves stay as they were signed.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from schemas.errors import UsageError
from schemas.release import Role
from schemas.tables import Audience, Regime

VERSION = 1

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@/+-]{0,127}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{1,200}={0,2}$")]
Rho = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# JSON numbers are exact up to 2**53 (RFC 8785).
Amount = Annotated[int, Field(ge=0, lt=2**53)]
Whole = Annotated[int, Field(gt=-(2**53), lt=2**53)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Parameter = Annotated[bool | Whole | Finite | Code, Field(union_mode="left_to_right")]
Parameters = Annotated[dict[Code, Parameter], Field(max_length=200)]

_NUMBER = re.compile(r"(?<![\w.])(?!(?:19|20)\d\d(?!\w))\d+(?!\w)|\d{6,}")


def _no_numbers(text: str) -> str:
    if _NUMBER.search(text):
        raise ValueError("a reason stays in the log for ever and may hold no numbers but years")
    return text


Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=r"^[^\n\r]*$"),
    AfterValidator(_no_numbers),
]


class Body(BaseModel):
    """Base of all bodies: strict types, frozen, nothing extra."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Setup(Body):
    """The log begins. `public_key` is the raw signing key."""

    origin: Code
    public_key: Base64
    version: Code


class RunStarted(Body):
    """A run read a delivery; `snapshot` is keyed, so that nobody can guess a delivery from it."""

    run: Code
    snapshot: Digest
    policy: Digest
    catalogue: Digest
    code: Code


class RowsQuarantined(Body):
    """Rows set aside, per register and coded reason; `limit` is the study's share."""

    reasons: dict[Code, dict[Code, Amount]]
    limit: Annotated[float, Field(ge=0, le=1)]


class Encoded(Body):
    """Registers were encoded; `package` is the digest of a package handed over, else absent."""

    profile: Code
    registers: list[Code]
    parameters: Parameters
    package: Digest | None = None


class LinksMade(Body):
    """How registers were linked. No count: the number of links is a cell of `keten_overlap`."""

    profile: Code
    registers: list[Code]
    parameters: Parameters


class LinksExported(Body):
    """The data holder took person ids out of the program (`schakel link`)."""

    registers: list[Code]
    file: Digest


class ExactTablesMade(Body):
    """The data holder took exact tables out of the program (`schakel tabulate`)."""

    tables: list[Code]
    snapshot: Digest


class TableProtected(Body):
    """One table for one audience: its regime, the rules' parameters and how many cells are blank, never which."""

    table: Code
    audience: Audience
    regime: Regime
    rules: Parameters
    blanks: Amount
    policy: Digest


class Attacked(Body):
    """The attacker's verdict over all tables of an audience; the certificate stays outside every log, its digest is salted."""

    audience: Audience
    insider: Literal["none", "person", "pair"]
    certified: bool
    certificate: Digest


class BudgetSet(Body):
    """A total was set or changed (zCDP rho); `before` is absent the first time."""

    population: Code
    audience: Audience
    rho: Rho
    before: Rho | None = None


class BudgetCharged(Body):
    """A query was charged. `query` is the SHA-256 of its key."""

    population: Code
    audience: Audience
    rho: Rho
    query: Digest


class NoiseDrawn(Body):
    """A charged query was drawn; `result` is the SHA-256 of the noisy result."""

    query: Digest
    result: Digest


class ReleaseProposed(Body):
    """A release exists; `manifest` is the SHA-256 of manifest.json."""

    manifest: Digest
    snapshot: Digest
    policy: Digest
    code: Code


class ReleaseApproved(Body):
    """A second person approved; the signature is over `states.approval_message`."""

    manifest: Digest
    key: KeyId
    signature: Base64
    reason: Reason | None = None


class ReleaseMoved(Body):
    """A release moved on; the kind says where to."""

    manifest: Digest
    reason: Reason | None = None


class ReleaseSuperseded(Body):
    """A later release took this one's place."""

    manifest: Digest
    by: Code | None = None
    reason: Reason | None = None


class Read(Body):
    """Somebody saw or took something; `item` is a file or page, by code."""

    item: Code
    audience: Audience | None = None


class CertificateRead(Body):
    """A checker or auditor read a certificate, which says which blanks are primary."""

    audience: Audience
    certificate: Digest


class Refused(Body):
    """A command refused its work; `exit_code` as in the contract."""

    step: Code
    code: Code
    exit_code: Literal[2, 3, 4, 5, 6]


class Failed(Body):
    """A command broke off without having decided anything; `code` is the kind of error, never its text."""

    step: Code
    code: Code


class KeyAdded(Body):
    """A key took over as signing key. `signature` is the old key's over the new raw key, absent where the old was
    lost.
    """

    key: KeyId
    public_key: Base64
    before: KeyId
    signature: Base64 | None = None
    reason: Reason


class KeyRevoked(Body):
    """Nothing this key signs counts from here on."""

    key: KeyId
    reason: Reason


class StudyKeyMade(Body):
    """A study secret was made or replaced; `key` names it without showing it."""

    key: KeyId


class StudyKeyRotated(Body):
    """A study secret took another's place; what was sealed under the old one is sealed under the new one."""

    key: KeyId
    before: KeyId
    reason: Reason


class PersonRegistered(Body):
    """Somebody who may decide, with the key that proves it."""

    person: Code
    duty: Role
    key: KeyId
    public_key: Base64


class BackupMade(Body):
    """The state was copied; the backup holds everything up to and with this entry."""


class StateRestored(Body):
    """The state came back from a backup that had this many entries, and was verified."""

    entries: Amount


class Purged(Body):
    """Intermediate files were removed."""

    what: Code
    files: Amount


class ClockBehind(Body):
    """The clock ran behind the last leaf, whose time the following leaves repeat until it has caught up."""

    seconds: Amount


KINDS: dict[str, type[Body]] = {
    "setup": Setup,
    "run_started": RunStarted,
    "rows_quarantined": RowsQuarantined,
    "encoded": Encoded,
    "links_made": LinksMade,
    "links_exported": LinksExported,
    "exact_tables_made": ExactTablesMade,
    "table_protected": TableProtected,
    "attacked": Attacked,
    "budget_set": BudgetSet,
    "budget_charged": BudgetCharged,
    "noise_drawn": NoiseDrawn,
    "release_proposed": ReleaseProposed,
    "release_approved": ReleaseApproved,
    "release_rejected": ReleaseMoved,
    "release_published": ReleaseMoved,
    "release_superseded": ReleaseSuperseded,
    "release_withdrawn": ReleaseMoved,
    "viewed": Read,
    "downloaded": Read,
    "certificate_read": CertificateRead,
    "refused": Refused,
    "failed": Failed,
    "key_rotated": KeyAdded,
    "key_revoked": KeyRevoked,
    "study_key_made": StudyKeyMade,
    "study_key_rotated": StudyKeyRotated,
    "person_registered": PersonRegistered,
    "backup_made": BackupMade,
    "state_restored": StateRestored,
    "purged": Purged,
    "clock_behind": ClockBehind,
}


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError("not a kind of this version")
    return kind


class Leaf(BaseModel):
    """The envelope, as in the contract."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    v: Literal[1]
    seq: Amount
    time: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    actor: Code
    role: Role
    kind: Annotated[str, AfterValidator(_known)]
    study: Code | None
    release: Code | None
    body: dict[str, Any]


def check_body(kind: str, body: Body | dict[str, Any]) -> dict[str, Any]:
    """The body as plain JSON values; UsageError names the kind and the field that does not fit, never its content."""
    if kind not in KINDS:
        raise UsageError(f"The log knows no leaf of kind '{kind}'; see docs/log.md for the kinds.")
    values = body.model_dump() if isinstance(body, Body) else body
    try:
        return KINDS[kind].model_validate(values).model_dump(exclude_none=True)
    except ValidationError as error:
        raise UsageError(f"A leaf of kind '{kind}' was refused: {_first(error)}.") from None


def encode(leaf: dict[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785) of a checked envelope: the bytes that are hashed."""
    try:
        return bytes(rfc8785.dumps(Leaf.model_validate(leaf).model_dump()))
    except ValidationError as error:
        raise UsageError(f"A leaf of kind '{leaf['kind']}' was refused: {_first(error)}.") from None


def parameters_of(model: BaseModel) -> dict[str, bool | int | float | str]:
    """A policy part flattened to the parameters of a leaf: nested names joined by dots, lists counted off, texts left
    out.

    Only models that came from a policy or study file belong here: what they hold is known before any data is read.
    """
    flat: dict[str, bool | int | float | str] = {}

    def visit(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                visit(f"{name}.{key}" if name else str(key), item)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                visit(f"{name}.{number}", item)
        elif isinstance(value, bool | int | float) or (
            isinstance(value, str) and re.match(r"^[\w.:@/+-]{1,128}$", value)
        ):
            flat[name] = value

    visit("", model.model_dump(mode="json"))
    return flat


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "its content"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
