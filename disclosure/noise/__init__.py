"""The noisy regime: differential privacy for small populations, with intervals that tell the truth.

What it does   bounds every person to one cell per measured vector, adds OpenDP's integer noise under a zCDP budget, and
               makes whole, non-negative, additive tables with Feldman-Cousins intervals of what was drawn.
What enters    exact tables under deterministic person ids, a noise policy, a budget ledger, the snapshot digest, a secret.
What leaves    protected tables of the policy's list (`protect_noisy`), charges, decisions; a plan before anything is
               spent (`plan.plan`). Only `units` sees microdata, only `measure` draws; the rest is post-processing.
May import     `schemas` only.
"""

from disclosure.noise.protect import NoiseResult, protect_noisy
from disclosure.noise.protocol import Charge, LedgerLike

__all__ = ["Charge", "LedgerLike", "NoiseResult", "protect_noisy"]
