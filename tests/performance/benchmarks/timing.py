"""Times of several calls, taken in turn, so that other load on the machine falls on all of them."""
from __future__ import annotations

import time
from typing import Callable

import numpy as np


def inTurn(calls: dict[str, Callable[[], object]], repeats: int, warmUp: int = 1) -> dict[str, np.ndarray]:
    """Seconds of each call, `repeats` times, one after the other in every round; rounds to warm up are not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(-warmUp, repeats):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if repeat >= 0:
                times[name].append(time.perf_counter() - begin)
    return {name: np.array(values) for name, values in times.items()}


def milliseconds(values: np.ndarray) -> float:
    """Median, ms."""
    return float(np.median(values) * 1e3)
