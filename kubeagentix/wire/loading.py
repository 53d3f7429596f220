"""Imports a provider's client when it is needed, in a thread, so that whatever else goes on is not held up.

The three SDKs take 0.7 to 1.5 s of CPU to import; `begin` starts that early, `load` waits for the end of it.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
import threading
from typing import Any

from kubeagentix.errors import MissingExtraError

_loaded: set[tuple[str, ...]] = set()  # whole: sys.modules holds modules that are still being imported, too


def is_installed(module: str) -> bool:
    """Whether it could be imported; the module itself is not."""
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def begin(module: str, *parts: str) -> None:
    """Starts to import it, if it is installed and not there yet, and returns at once."""
    if module not in sys.modules and is_installed(module):
        threading.Thread(target=_import_quietly, args=(module, *parts), name=f"import-{module}").start()


async def load(module: str, extra: str, *parts: str) -> Any:
    """The module, with `parts` of it that it would import at their first use, and hold up the event loop.

    Raises MissingExtraError, which names the extra to install.
    """
    if (module, *parts) in _loaded:
        return sys.modules[module]
    if not is_installed(module):
        raise MissingExtraError(
            f"the Python package {module} is not installed", hint=f"run: pip install 'kubeagentix[{extra}]'"
        )
    try:
        return await asyncio.to_thread(_import, module, *parts)
    except ImportError as error:
        raise MissingExtraError(
            f"the Python package {module} cannot be imported: {error}",
            hint=f"run: pip install --upgrade 'kubeagentix[{extra}]'",
        ) from error


def _import(module: str, *parts: str) -> Any:
    found = importlib.import_module(module)
    for part in parts:
        importlib.import_module(part)
    _loaded.add((module, *parts))
    return found


def _import_quietly(module: str, *parts: str) -> None:
    try:
        _import(module, *parts)
    except Exception:  # noqa: BLE001  whoever loads it gets to see the error
        return
