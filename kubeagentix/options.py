"""What a user types, the same words on a command line and in a cell: the target, where to look, and what with.

A mistake is a UsageError of one line, never argparse's usage dump.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.domain.diagnosis import Diagnosis, Severity
from kubeagentix.domain.events import Listener, silent
from kubeagentix.domain.ignoring import EXAMPLE, KEYS, IgnoreRule, rule_of
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.report.files import check_writable
from kubeagentix.report.outline import WIDTH, outline
from kubeagentix.report.wrapping import wrapped

if TYPE_CHECKING:
    from kubeagentix.api import Source

PROVIDERS = ("claude_code", "claude", "openai", "gemini", "rules")
FORMATS = ("table", "json", "markdown", "html")
ABOUT_AS_NEAR = 0.15  # of a likeness from 0 to 1
DEMO_HINT = "put the target before --demo, or name scenarios as --demo=S1,S2"


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, knows no abbreviations and suggests the nearest option."""

    def __init__(self, prog: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with argparse's message."""
        raise UsageError(excerpt(message), hint=f"see {self.prog} --help")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The options in `words`; targets may stand anywhere between them. Raises UsageError.

        Asked for help it prints it and raises SystemExit, as argparse does.
        """
        if self._takes_the_rest:
            arguments, unknown = self.parse_known_args(list(words))
        elif {"-h", "--help"} & {*words}:  # before argparse formats a usage in which it trips over a magic's %
            self.print_help()
            self.exit()
        else:
            arguments, unknown = self.parse_known_intermixed_args(list(words))
        if unknown:
            option = unknown[0].partition("=")[0]
            own = "put -- before another program's options" if self._takes_the_rest else f"see {self.prog} --help"
            hint = nearest(option, self.option_names) or own
            what = "option" if option.startswith("-") else "argument"
            raise UsageError(f"unknown {what} {excerpt(option, 60)!r}", hint=hint)
        self._refuse_empty(arguments)
        return arguments

    @property
    def _takes_the_rest(self) -> bool:
        """Whether what follows the options is another program's command line, which keeps its own options."""
        return any(action.nargs == argparse.REMAINDER for action in self._actions)

    def _refuse_empty(self, arguments: argparse.Namespace) -> None:
        """An empty word is most often a shell variable that is not set: nothing is guessed from it."""
        for action in self._actions:
            given = getattr(arguments, action.dest, None)
            is_own = action.nargs != argparse.REMAINDER
            if given == "" or (is_own and isinstance(given, list) and "" in given):
                name = max(action.option_strings, key=len, default=str(action.metavar))
                raise UsageError(f"{name} is empty", hint="name something, or leave it out")

    @property
    def option_names(self) -> list[str]:
        """All options, such as `--format` and `-n`, in the order of the help."""
        return [name for action in self._actions for name in action.option_strings]

    @property
    def actions(self) -> Sequence[argparse.Action]:
        """Everything that may be typed, in the order of the help."""
        return self._actions


def nearest(word: str, names: Iterable[str]) -> str:
    """`did you mean …?`, or an empty text if nothing is near; two names where both are about as near."""
    near = difflib.get_close_matches(word, list(names), n=2, cutoff=0.6)
    likeness = [difflib.SequenceMatcher(None, name, word).ratio() for name in near]
    meant = [name for name, ratio in zip(near, likeness, strict=True) if ratio > likeness[0] - ABOUT_AS_NEAR]
    return f"did you mean {' or '.join(meant)}?" if meant else ""


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Where to look: `-n`, `-A`, `--context`, `--kubeconfig`, `--demo`."""
    parser.add_argument("-n", "--namespace", metavar="NS", help="this namespace")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces")
    parser.add_argument("--context", metavar="NAME", help="this context of the kubeconfig")
    parser.add_argument("--kubeconfig", metavar="FILE", help="this kubeconfig instead of KUBECONFIG or ~/.kube/config")
    parser.add_argument(
        "--demo",
        nargs="*",
        metavar="SCENARIO",
        help=f"the demo cluster, with all scenarios or these; {DEMO_HINT}",
    )


def add_dx_options(parser: argparse.ArgumentParser) -> None:
    """What Quick Dx takes wherever it is called: a target, a place, `--snapshot`, `--lint`, and what to ignore."""
    parser.add_argument(
        "target",
        nargs="*",
        metavar="KIND/NAME",
        help="what to explain, as deploy/web or deploy web; default: everything",
    )
    add_place_options(parser)
    parser.add_argument("--snapshot", metavar="FILE", help="a saved snapshot instead of a cluster")
    add_lint_options(parser)
    add_model_options(parser, "the analyzers alone")
    add_show_option(parser)
    add_history_option(parser)


def add_lint_options(parser: argparse.ArgumentParser) -> None:
    """What to report besides, and what not: `--lint`, `--ignore`, `--no-ignore`."""
    parser.add_argument(
        "--lint", "--include-lint", dest="include_lint", action="store_true", help="also report what is risky"
    )
    parser.add_argument(
        "--ignore",
        action="append",
        metavar="RULE",
        help=f"ignore what is known, as {EXAMPLE}; keys: {', '.join(KEYS)}; may be given again",
    )
    parser.add_argument("--no-ignore", action="store_true", help="ignore nothing, whatever files and annotations say")


def add_model_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Whom to ask, and how: `--provider`, `--model`, `--pin`, `--anonymize`. `default` is asked without them."""
    parser.add_argument(
        "--provider", metavar="NAME", help=f"ask this one: {', '.join(PROVIDERS)}, auto (default: {default})"
    )
    parser.add_argument("--model", metavar="NAME", help="this model of the provider")
    parser.add_argument("--pin", action="store_true", help="ask nobody else if it fails")
    parser.add_argument(
        "--anonymize",
        action=argparse.BooleanOptionalAction,
        help="hide names of objects, hosts, addresses and images from the model (default: as the settings say)",
    )


def add_show_option(parser: argparse.ArgumentParser) -> None:
    """`--show-payload`."""
    parser.add_argument(
        "--show-payload", action="store_true", help="show the request that would be sent, and to whom; send nothing"
    )


def add_history_option(parser: argparse.ArgumentParser) -> None:
    """`--no-history`."""
    parser.add_argument("--no-history", action="store_true", help="keep nothing of this in the history")


def model_choice(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of `diagnose` that say whom to ask."""
    return {
        "provider": arguments.provider or "",
        "model": arguments.model or "",
        "credential": getattr(arguments, "credential", None),  # of a notebook's session; no option takes one
        "fallback": not arguments.pin,
        "anonymize": arguments.anonymize,
    }


def add_result_options(parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS) -> None:
    """How to show a Diagnosis: `--format`, `--output`, `--verbose`, `--no-color`."""
    parser.add_argument("--format", choices=formats, default="table", help="how to show the result (default: table)")
    parser.add_argument("--output", metavar="FILE", help="write it to a file instead of showing it")
    parser.add_argument("--verbose", action="store_true", help="every finding with all its evidence, and timings")
    parser.add_argument("--no-color", action="store_true", help="no colours, as with NO_COLOR in the environment")


def add_fail_option(parser: argparse.ArgumentParser) -> None:
    """`--fail-on SEVERITY`."""
    choices = [severity.value for severity in Severity]
    parser.add_argument("--fail-on", choices=choices, help="fail (exit code 1) if a finding is this bad or worse")


def is_bad(diagnosis: Diagnosis, arguments: argparse.Namespace) -> bool:
    """Whether a finding is as bad as `--fail-on` says, or worse; never without it."""
    if arguments.fail_on is None:
        return False
    threshold = Severity(arguments.fail_on).rank
    return any(finding.severity.rank >= threshold for finding in diagnosis.findings)


def rendered(diagnosis: Diagnosis, arguments: argparse.Namespace) -> str:
    """The diagnosis as text in the format that the options name; a table is plain text here."""
    if arguments.format == "table":
        return wrapped(outline(diagnosis, is_verbose=arguments.verbose), WIDTH)
    return registry.exporters()[arguments.format].export(diagnosis)


def check(arguments: argparse.Namespace) -> None:
    """Raises UsageError for options that exclude each other, or if the result could not be written."""
    if arguments.namespace is not None and arguments.all_namespaces:
        raise UsageError("-n and -A exclude each other", hint="give one of them")
    if getattr(arguments, "ignore", None) and arguments.no_ignore:
        raise UsageError("--ignore and --no-ignore exclude each other", hint="give one of them")
    ignore_rules(arguments)
    given = [
        name
        for name, value in (
            ("--snapshot", getattr(arguments, "snapshot", None)),
            ("--demo", arguments.demo),
            ("--context", arguments.context),
        )
        if value is not None
    ]
    if arguments.kubeconfig is not None and arguments.context is None:
        given.append("--kubeconfig")
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", hint="choose one place to look")
    if getattr(arguments, "output", None) is not None:
        check_writable(arguments.output)


def ignore_rules(arguments: argparse.Namespace) -> list[IgnoreRule]:
    """The rules that `--ignore` spells. Raises UsageError."""
    given = getattr(arguments, "ignore", None) or ()
    return [rule_of(text, f"--ignore {excerpt(text, 80)!r}") for text in given]


def target_of(arguments: argparse.Namespace) -> str | None:
    """The target as one word, `KIND/NAME`, or None. Raises UsageError for more words than that."""
    words = arguments.target
    if (arrow := next((word for word in words if word.startswith(">")), None)) is not None:
        raise UsageError(f"{excerpt(arrow, 60)!r} is no target", hint="write the result to a file with --output FILE")
    if len(words) > 2 or (len(words) == 2 and "/" in words[0]):
        raise UsageError(f"{excerpt(' '.join(words), 80)!r} is more than one target", hint="ask for one at a time")
    return "/".join(words) or None


def scenarios_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The scenarios named after `--demo`, by spaces or commas. Raises UsageError if one is spelled as a target."""
    names = tuple(name for word in arguments.demo or () for name in word.split(",") if name)
    for name in names:
        if "/" in name:
            raise UsageError(f"{excerpt(name, 60)!r} is no scenario", hint=DEMO_HINT)
    return names


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Source | None]:
    """The cluster, demo or snapshot that the options name, for as long as the block runs; None if they name none.

    The current cluster stays what it was: options count for one call.
    """
    if arguments.snapshot is not None:
        yield kx.load(arguments.snapshot)
    else:
        with opened_live(arguments) as source:
            yield source


@contextmanager
def opened_live(arguments: argparse.Namespace) -> Iterator[kx.Cluster | kx.Demo | None]:
    """The same where a saved snapshot will not do."""
    before = kx.current()
    try:
        if arguments.demo is not None:
            with kx.demo(*scenarios_of(arguments)) as running:
                yield running
        elif arguments.context is not None or arguments.kubeconfig is not None:
            with kx.connect(context=arguments.context, kubeconfig=arguments.kubeconfig) as cluster:
                yield cluster
        else:
            yield None
    finally:
        kx.use(before)


def question(arguments: argparse.Namespace, source: Source | None, listen: Listener = silent) -> dict[str, Any]:
    """The keyword arguments of `diagnose` and `adiagnose` that the options stand for. Raises UsageError."""
    if arguments.pin and not (arguments.provider or arguments.model):
        raise UsageError("--pin does nothing without --provider", hint="name whom to ask, or leave it out")
    if arguments.anonymize and not (arguments.provider or arguments.model):
        what = "--anonymize does nothing without --provider: names are hidden from models, not from you"
        raise UsageError(what, hint="name whom to ask, or leave it out")
    if arguments.show_payload and not (arguments.provider or arguments.model):
        raise UsageError("--show-payload needs --provider: without a model nothing is sent", hint="name whom to ask")
    return {
        "target": target_of(arguments),
        "namespace": arguments.namespace,
        "all_namespaces": arguments.all_namespaces,
        "cluster": source,
        "include_lint": arguments.include_lint,
        "ignore": ignore_rules(arguments),
        "include_ignored": arguments.no_ignore,
        "listen": listen,
        "history": not arguments.no_history,
        **model_choice(arguments),
    }
