"""Start a program again with what libraries read at its start only: environment variables and the size of the stack."""
from __future__ import annotations

import os
import resource
import sys


def relaunch(module: str | None, variables: dict[str, str], unlimited_stack: bool = False) -> None:
    """Returns if all is as wanted; else the process starts anew with the same arguments and what it lacks.

    `module` is what ``python -m`` was told; None: a script was run by its path.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    lacks_stack = unlimited_stack and soft != hard
    if not lacks_stack and all(os.environ.get(key) == value for key, value in variables.items()):
        return
    if lacks_stack:
        resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *(["-m", module, *sys.argv[1:]] if module else sys.argv)], os.environ | variables)
