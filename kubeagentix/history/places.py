"""Where the history is: the setting, or the folder that the user's programs keep their state in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kubeagentix.errors import HistoryError
from kubeagentix.settings import Settings

FOLDER, FILE = "kubeagentix", "history.db"


def history_file(settings: Settings, environ: Mapping[str, str]) -> Path:
    """The file, whether it is there or not. Raises HistoryError if no home folder is known."""
    if settings.history_file:
        return _expanded(settings.history_file, environ).absolute()
    state = environ.get("XDG_STATE_HOME", "")
    if state.startswith("/"):  # as its specification demands: a relative one is not to be used
        return Path(state, FOLDER, FILE)
    return _expanded("~/.local/state", environ) / FOLDER / FILE


def _expanded(path: str, environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME")
    if path.startswith("~/") and home:
        return Path(home, path[2:])
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise HistoryError("no home folder is known", hint="set XDG_STATE_HOME or history_file") from None
