"""What `--anonymize` costs: learning a picture's names, hiding a text, restoring a stream. All of it is linear.

python benchmarks/anonymizing.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from kubeagentix.anonymizing.names import Names
from kubeagentix.anonymizing.streams import Restoring
from kubeagentix.anonymizing.texts import learn_text
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of

RUNS = 5
LINE = (
    "Warning BackOff x344, <1m ago: Pod team-{n}/service-{n}-7d9f8c7b6d-x2x4z: dial tcp 10.2.{n}.7:5432 of "
    "db-{n}.team-{n}.svc: connection refused, image registry.example.com/team/service-{n}:1.{n}\n"
)


def picture(pods: int) -> Snapshot:
    """A cluster of so many pods, ten to a Deployment."""
    manifests = []
    for number in range(pods):
        meta = {
            "name": f"service-{number // 10}-{number}",
            "namespace": f"team-{number // 100}",
            "labels": {"app": "x"},
        }
        container = {"name": "main", "image": f"registry.example.com/team/service-{number // 10}:1.2"}
        manifests.append({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}})
    return snapshot_of(*manifests)


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, the median of some runs."""
    taken = []
    for _ in range(RUNS):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def main() -> None:
    """Prints what each step takes, at two sizes."""
    for pods in (1_000, 10_000):
        found = picture(pods)
        print(
            f"learning a picture of {pods:,} pods: {seconds(lambda found=found: Names().learn_snapshot(found)):.3f} s"
        )
    names = Names()
    names.learn_snapshot(picture(10_000))
    for lines in (500, 5_000):
        text = "".join(LINE.format(n=number % 200) for number in range(lines))
        learn = seconds(lambda text=text: learn_text(names, text))
        hide = seconds(lambda text=text: names.hide(text))
        hidden = names.hide(text)
        restore = seconds(lambda hidden=hidden: names.restore(hidden))
        size = f"{len(text) / 1e6:.2f} MB"
        print(f"{size} among {len(names):,} names: learn {learn:.3f} s, hide {hide:.3f} s, restore {restore:.3f} s")
    pieces = [hidden[at : at + 5] for at in range(0, 100_000, 5)]

    def streamed() -> None:
        stream = Restoring(names)
        for piece in pieces:
            stream.feed(piece)

    print(f"restoring a stream: {seconds(streamed) / len(pieces) * 1e6:.1f} us for each delta of 5 characters")


if __name__ == "__main__":
    main()
