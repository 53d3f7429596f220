"""Runs targets under atheris, which looks for inputs that reach code not yet reached.

    python -m tests.fuzz.run snapshot log --seconds 300 --corpus /tmp/corpus

One after the other, each in a process of its own. Ends with exit code 0, or 1 where one of them failed: the failure is
told, and the input that led to it is kept in the corpus folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kubeagentix"]):
    from kubeagentix import registry
    from tests.fuzz.targets import TARGETS

    _ = registry.analyzers(), registry.exporters()  # which are loaded as they are asked for

RSS_LIMIT_MB = 2048  # coverage data take some hundred, and a snapshot may unpack to a few
TIMEOUT_S = 10  # for one input: all of them are a few kilobytes


def main(words: list[str]) -> int:
    """Fuzzes each target until a failure or until its time is up."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", default=sorted(TARGETS), help=", ".join(sorted(TARGETS))
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--runs", type=int, default=-1, help="so many inputs for each target, if the time allows it")
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("--corpus", type=Path, required=True, help="a folder, for inputs that reached something new")
    arguments = parser.parse_args(words)
    failed = [name for name in arguments.targets if not _runs_well(name, arguments)]
    sys.stdout.write(f"failed: {', '.join(failed) or 'none'}\n")
    return 1 if failed else 0


def _runs_well(name: str, arguments: argparse.Namespace) -> bool:
    sys.stderr.write(f"target {name}\n")
    sys.stderr.flush()
    child = os.fork()  # libFuzzer ends its process, and importing with instruments takes longer than a short run
    if not child:
        _fuzz(
            name,
            arguments.corpus,
            {"max_total_time": arguments.seconds, "runs": arguments.runs, "seed": arguments.seed},
        )
    return os.waitpid(child, 0)[1] == 0


def _fuzz(name: str, folder: Path, limits: Mapping[str, int]) -> None:
    target = TARGETS[name]
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(text)
    dictionary = folder / f"{name}.dict"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    options = {
        **limits,
        "max_len": target.max_bytes,
        "timeout": TIMEOUT_S,
        "rss_limit_mb": RSS_LIMIT_MB,
        "dict": dictionary,
        "artifact_prefix": f"{folder}/{name}-",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)], target.reads)
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
