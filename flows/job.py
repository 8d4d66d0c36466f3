"""What a run was asked to do, checked before any work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from flows.settings import Settings
from schemas.catalogue import Catalogue, load_catalogue
from schemas.errors import InputRefused
from schemas.policy import Policy, load_policy
from schemas.study import SHIPPED, Study, load_study, resource

CODE_VERSION = version("schakel")
PROFILE = "single-site"
EXAMPLES = SHIPPED / "examples"


@dataclass(frozen=True)
class Job:
    """A study, its catalogue and policy with their digests (SHA-256 hex), and where the registers lie."""

    study_ref: str
    study: Study
    catalogue: Catalogue
    catalogue_digest: str
    policy: Policy
    policy_digest: str
    data: Path
    settings: Settings


def make_job(study_ref: str, data: Path, settings: Settings) -> Job:
    """Read the study, its catalogue and its policy; UsageError or InputRefused before any work, naming what is wrong."""
    study = load_study(study_ref)
    path = resource(study_ref, "catalogue", study.catalogue)
    catalogue = load_catalogue(path, study.years)
    policy, policy_digest = load_policy(resource(study_ref, "policies", study.policy))
    if not data.is_dir():
        raise InputRefused(f"The data folder {data} does not exist; give --data the folder that holds the extracts.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Job(study_ref, study, catalogue, digest, policy, policy_digest, data, settings)
