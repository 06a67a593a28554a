"""The plans by name, and the hash that says whether two lists of specs are the same."""
from __future__ import annotations

import hashlib
from dataclasses import astuple

from . import plan_first, plan_more, plan_torn, plan_wide
from .plan_first import residue_forms
from .systems import Spec, capped

PLANS = {"first": plan_first, "wide": plan_wide, "more": plan_more, "torn": plan_torn}


def make_plan(seed: int = 2024, scale: float = 1.0, name: str = "first") -> list[Spec]:
    """All specs of a plan; scale 1 gives about 40,000 ("first"), 60,000 ("wide") or 5,000 ("torn") frames."""
    return PLANS[name].make_plan(seed, scale)


def plan_hash(plan: list[Spec]) -> str:
    """SHA-256 of all fields of all specs, in order."""
    return hashlib.sha256(repr([astuple(spec) for spec in plan]).encode()).hexdigest()


__all__ = ["PLANS", "Spec", "capped", "make_plan", "plan_hash", "residue_forms"]
