"""Does a molecule occur in another one?  What is held out must occur in no training molecule.

Compared are residues without caps and without the difference between inner and charged terminal forms
(ACE-ALA-GLY-NME occurs in NALA-GLY-SER-NME); protonation states are different residues.
"""
from __future__ import annotations

import functools
from collections.abc import Iterable
from itertools import permutations

from .systems import Chains

CAPS = ("ACE", "NME")


@functools.lru_cache(maxsize=None)
def sequences(chains: Chains) -> tuple[tuple[str, ...], ...]:
    """Residues of each chain, without caps and terminal letters; a chain of caps only is left as it is."""
    return tuple(tuple(r[-3:] for r in chain if r not in CAPS) or chain for chain in chains)


@functools.lru_cache(maxsize=None)
def _runs(sequence: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(sequence[i:j] for i in range(len(sequence)) for j in range(i + 1, len(sequence) + 1))


def occurs_in(part: Chains, whole: Chains) -> bool:
    """Every chain of `part` is a run of residues in a chain of `whole`, each in another one."""
    wanted, runs = sequences(part), [_runs(s) for s in sequences(whole)]
    if len(wanted) > len(runs):
        return False
    return any(all(w in r for w, r in zip(wanted, order)) for order in permutations(runs, len(wanted)))


def contains_any(whole: Chains, parts: Iterable[Chains]) -> bool:
    """Some molecule of `parts` occurs in `whole`."""
    return any(occurs_in(part, whole) for part in parts)
