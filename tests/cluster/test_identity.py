from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.identity import run_exec_plugin
from kubeagentix.cluster.kubeconfig import Access, resolve
from kubeagentix.errors import KubeconfigError
from tests.cluster.conftest import Issued

SECRET = "s3cret-from-the-plugin"


def kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "lab",
                "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "dev"}}],
                "clusters": [{"name": "lab", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
                "users": [{"name": "dev", "user": user}],
            }
        )
    )
    return path


def plugin(folder: Path, body: str, **spec: Any) -> dict[str, Any]:
    script = folder / "plugin"
    script.write_text(f"#!{sys.executable}\n{body}")
    script.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", **spec}}


def printing(status: dict[str, Any]) -> str:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(json.dumps(answer))})"


def access_of(folder: Path, user: dict[str, Any], **cluster: Any) -> Access:
    return resolve(kubeconfig=kubeconfig(folder, user, **cluster))


def test_an_expired_client_certificate_is_told_with_its_date(tmp_path: Path, issue: Callable[..., Issued]) -> None:
    old = issue("dev", days=-3)
    data = {"client-certificate-data": base64.b64encode(old.certificate.encode()).decode()}
    with pytest.raises(KubeconfigError, match=r"certificate of user 'dev' expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC"):
        connect(kubeconfig=kubeconfig(tmp_path, data))
    certificate, key = old.write(tmp_path, "dev")
    with pytest.raises(KubeconfigError, match=r"expired on"):
        connect(kubeconfig=kubeconfig(tmp_path, {"client-certificate": str(certificate), "client-key": str(key)}))


def test_a_valid_client_certificate_is_accepted(tmp_path: Path, issue: Callable[..., Issued]) -> None:
    certificate, key = issue("dev").write(tmp_path, "dev")
    user = {"client-certificate": certificate.name, "client-key": key.name}
    assert connect(kubeconfig=kubeconfig(tmp_path, user)).context == "lab"


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (
            {"client-certificate": "gone.crt"},
            "the client-certificate of user 'dev' is .*/gone.crt, which does not exist",
        ),
        ({"client-key": "gone.key"}, "the client-key of user 'dev' is .*/gone.key, which does not exist"),
        ({"tokenFile": "gone"}, "the token file of user 'dev' is .*/gone, which does not exist"),
        ({"client-certificate-data": "bm8gUEVN"}, "is no PEM certificate"),
        ({"client-certificate-data": "x"}, "is not base64"),
        ({"exec": {"apiVersion": "v1"}}, "has an exec plugin without a command"),
    ],
)
def test_an_unusable_identity_is_told_before_any_request(tmp_path: Path, user: dict[str, Any], said: str) -> None:
    with pytest.raises(KubeconfigError, match=said):
        connect(kubeconfig=kubeconfig(tmp_path, user))


def test_a_missing_certificate_authority_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"certificate-authority of 'lab' is .*/ca.crt, which does not exist"):
        connect(kubeconfig=kubeconfig(tmp_path, {}, **{"certificate-authority": "ca.crt"}))


def test_a_missing_exec_plugin_is_told_with_its_install_hint(tmp_path: Path) -> None:
    user = {"exec": {"command": "no-such-plugin", "installHint": "Install it\nwith care"}}
    with pytest.raises(KubeconfigError, match=r"'no-such-plugin' .* is not installed .*; Install it with care"):
        connect(kubeconfig=kubeconfig(tmp_path, user))


def test_an_exec_plugin_gives_a_token_that_does_not_show(tmp_path: Path) -> None:
    user = plugin(tmp_path, printing({"token": SECRET, "expirationTimestamp": "2999-01-01T00:00:00Z"}))
    credential = run_exec_plugin(access_of(tmp_path, user))
    assert credential.token == SECRET
    assert credential.expires_at is not None
    assert credential.expires_at.year == 2999
    assert SECRET not in repr(credential)


def test_an_exec_plugin_is_told_its_arguments_environment_and_cluster(tmp_path: Path) -> None:
    body = (
        "import json, os, sys\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "said = [sys.argv[1], os.environ['PROFILE'], info['spec']['cluster']['server'],"
        " info['spec']['cluster']['config']['audience'], info['apiVersion']]\n"
        "print(json.dumps({'kind': 'ExecCredential', 'status': {'token': ' '.join(said)}}))"
    )
    user = plugin(
        tmp_path, body, args=["get-token"], env=[{"name": "PROFILE", "value": "prod"}], provideClusterInfo=True
    )
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "kx"}}]
    credential = run_exec_plugin(access_of(tmp_path, user, extensions=extensions))
    assert credential.token == "get-token prod https://127.0.0.1:1 kx client.authentication.k8s.io/v1"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import sys; sys.exit('please log\\nin first')", "failed with exit code 1: please log in first"),
        (f"print({SECRET!r})", "printed no ExecCredential JSON"),
        ("print('[]')", "printed no ExecCredential JSON"),
        (printing({"clientCertificateData": SECRET}), "gave neither a token nor a certificate with its key"),
        (printing({"token": SECRET, "expirationTimestamp": "soon"}), "printed no ExecCredential JSON"),
    ],
)
def test_a_failing_exec_plugin_is_told_without_what_it_printed(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(KubeconfigError, match=said) as caught:
        run_exec_plugin(access_of(tmp_path, plugin(tmp_path, body)))
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_exec_plugin_that_hangs_is_given_up(tmp_path: Path) -> None:
    user = plugin(tmp_path, "import time; time.sleep(30)")
    with pytest.raises(KubeconfigError, match=r"gave no answer within 0\.2 s"):
        run_exec_plugin(access_of(tmp_path, user), timeout_s=0.2)


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate": "a\0b"},
        {"tokenFile": "a\0b"},
        {"tokenFile": "x" * 300},
        {"exec": {"command": "a\0b"}},
        {"exec": {"command": "./\0"}},
    ],
)
def test_a_name_that_no_file_can_have_is_told_in_one_line(user: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"does not exist|is not installed"):
        connect(kubeconfig=kubeconfig(tmp_path, user))


@pytest.mark.parametrize("printed", ["[" * 5000, '{"status": {"token": "t", "expirationTimestamp": 5}}'])
def test_a_plugin_that_prints_something_else_is_told_in_one_line(printed: str, tmp_path: Path) -> None:
    access = resolve(None, kubeconfig(tmp_path, plugin(tmp_path, f"print({printed!r})")))
    with pytest.raises(KubeconfigError, match="printed no ExecCredential JSON"):
        run_exec_plugin(access)


PARENT = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
file = pathlib.Path(__file__).with_name("child")
file.with_suffix(".new").write_text(str(child.pid))
file.with_suffix(".new").rename(file)
time.sleep(600)
"""


@pytest.mark.parametrize("way", ["told", "late"])
def test_a_plugin_that_somebody_looks_after_ends_with_all_that_it_started(tmp_path: Path, way: str) -> None:
    access, child = access_of(tmp_path, plugin(tmp_path, PARENT)), tmp_path / "child"
    ends: list[Callable[[], None]] = []

    def run() -> None:
        with pytest.raises(KubeconfigError):
            run_exec_plugin(access, timeout_s=600 if way == "told" else 2, begun=ends.append)

    thread = threading.Thread(target=run)
    thread.start()
    _until(child.exists)
    if way == "told":
        ends[0]()
    thread.join()
    _until(lambda: not _runs(int(child.read_text())))
    ends[0]()  # of what has ended there is nothing to end


def test_such_a_plugin_has_no_terminal(tmp_path: Path) -> None:
    body = "import json, os; leads = os.getsid(0) == os.getpid()\n"
    body += "print(json.dumps({'status': {'token': f'leads a session: {leads}'}}))"
    access = access_of(tmp_path, plugin(tmp_path, body))
    assert run_exec_plugin(access, begun=lambda _: None).token == "leads a session: True"
    assert run_exec_plugin(access).token == "leads a session: False"  # it may ask whoever sits there


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
