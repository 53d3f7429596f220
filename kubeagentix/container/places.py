"""Where things are: the host's paths as this container sees them, the kubeconfig files to read, the private folder.

The host's home (`KUBEAGENTIX_HOST_HOME`) and its `KUBECONFIG` (`KUBEAGENTIX_HOST_KUBECONFIG`) are told by compose.yaml;
what lies below that home is looked for at the same place below ours.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from kubeagentix.paths import expanded

KUBECONFIG_FILE = "kubeconfig"
STATE_FILE = "bridges.json"
GIVEN_FILE = "given"  # the KUBECONFIG of the start, by which docker/entrypoint.sh knows another
HOST_HOME = "KUBEAGENTIX_HOST_HOME"
HOST_KUBECONFIG = "KUBEAGENTIX_HOST_KUBECONFIG"
FOLDER = "KUBEAGENTIX_CONTAINER_FOLDER"
_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_OF_GIT_BASH = re.compile(r"/([A-Za-z])(?=/)")  # its name for a drive of Windows: /c/Users/me


@dataclass(frozen=True, slots=True)
class Source:
    """A kubeconfig to read: `path` in this container, `written` as it is called; `is_of_host`: by its KUBECONFIG."""

    path: Path
    written: str
    is_of_host: bool = False


@dataclass(frozen=True, slots=True)
class Homes:
    """Our home, and the host's one that it stands for (empty: not told)."""

    ours: Path
    host: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Homes:
        """As the environment tells."""
        return cls(Path(environ.get("HOME") or "/"), environ.get(HOST_HOME, ""))

    def here(self, written: str, folder: Path) -> Path:
        """The file that `written`, in a kubeconfig in `folder`, means here; it need not exist."""
        path = self._place(written, folder)
        # Of pathlib, these would fail in a folder that belongs to somebody else.
        if os.path.islink(path) and not os.path.exists(path):  # noqa: PTH110, PTH114
            end = self._place(os.readlink(path), path.parent)  # noqa: PTH115  a link of the host's, by its paths
            return end if os.path.exists(end) else path  # noqa: PTH110
        return path

    def _place(self, written: str, folder: Path) -> Path:
        if not _is_absolute(written):
            return folder / (written.replace("\\", "/") if _OF_WINDOWS.match(self.host) else written)
        mapped = self._below_ours(written)
        return mapped if mapped and (os.path.lexists(mapped) or not os.path.lexists(written)) else Path(written)

    def _below_ours(self, written: str) -> Path | None:
        is_windows = bool(_OF_WINDOWS.match(written))
        host = _OF_GIT_BASH.sub(r"\1:", self.host, count=1) if is_windows else self.host
        kind = PureWindowsPath if is_windows else PurePosixPath
        if not host or not kind(written).is_relative_to(kind(host)):
            return None
        return self.ours.joinpath(*kind(written).relative_to(kind(host)).parts)


def _is_absolute(written: str) -> bool:
    return written.startswith("/") or bool(_OF_WINDOWS.match(written))


def sources(environ: Mapping[str, str], homes: Homes) -> tuple[Source, ...]:
    """The kubeconfig files: of our own KUBECONFIG, else of the host's, else `~/.kube/config`. They need not exist."""
    if own := own_kubeconfig(environ):
        return tuple(Source(expanded(part), part) for part in own)
    told = environ.get(HOST_KUBECONFIG, "")
    of_host = told.split(";" if ";" in told or _OF_WINDOWS.match(told) else ":")
    if any(of_host):
        return tuple(Source(homes.here(part, homes.ours), part, is_of_host=True) for part in of_host if part)
    default = homes.here(str(homes.ours / ".kube" / "config"), homes.ours)
    return (Source(default, str(default)),)


def own_kubeconfig(environ: Mapping[str, str]) -> list[str]:
    """What this environment's KUBECONFIG names, but for what an earlier start has made."""
    own = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [part for part in own if Path(part).name != KUBECONFIG_FILE or not (Path(part).parent / STATE_FILE).exists()]


def usual_folder(environ: Mapping[str, str]) -> Path:
    """Where the private folder is, if nobody else is there already."""
    return Path(environ.get(FOLDER) or f"/tmp/kubeagentix-{os.geteuid()}")  # noqa: S108  looked at before use


def private_folder(environ: Mapping[str, str]) -> Path:
    """A folder that only we can read, made if need be: the same one at each start, so that it is found from beside.

    Raises OSError where there is no place for one.
    """
    folder = usual_folder(environ)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="kubeagentix-"))
    is_ours = stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid()
    if not is_ours or not os.access(folder, os.W_OK):
        return Path(tempfile.mkdtemp(prefix="kubeagentix-"))
    folder.chmod(0o700)
    return folder
