"""What is kept of a Corefile."""

from __future__ import annotations

from kubeagentix.cluster.corefiles import read_corefile
from kubeagentix.domain.storage import NameRefusal

USUAL = """
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop  # the usual guard
    reload
    loadbalance
}
"""


def test_the_usual_one() -> None:
    facts = read_corefile(USUAL)
    assert facts.kubernetes_zones == ("cluster.local", "in-addr.arpa", "ip6.arpa")
    assert facts.forwards == ("/etc/resolv.conf",)
    assert facts.directives[-3:] == ("loop", "reload", "loadbalance")
    assert (facts.refusals, facts.rewrites) == ((), {})


def test_templates_that_answer_with_an_error_and_rewritten_names() -> None:
    facts = read_corefile(
        r"""
example.org cluster.local:53 {
    template ANY ANY {
        match "^redis\.cache\."
        rcode NXDOMAIN
    }
    template IN A test. {
        rcode NOERROR
        answer "{{ .Name }} 60 IN A 10.0.0.1"
    }
    template IN AAAA . {
        rcode SERVFAIL
    }
    rewrite name exact db.data.svc.cluster.local. db.old.svc.cluster.local
    rewrite stop name api.example.org api.example.com
    rewrite name regex (.*)\.x {1}.y
    kubernetes
}
"""
    )
    assert facts.refusals == (
        NameRefusal(zones=("example.org", "cluster.local"), patterns=(r'"^redis\.cache\."',), code="NXDOMAIN"),
        NameRefusal(zones=(".",), code="SERVFAIL"),
    )
    assert facts.rewrites["db.data.svc.cluster.local"] == "db.old.svc.cluster.local"
    assert facts.rewrites["api.example.org"] == "api.example.com"
    assert facts.kubernetes_zones == ("example.org", "cluster.local")


def test_what_is_no_corefile_gives_no_facts_and_no_error() -> None:
    for text in ("", "}}}", "{", "a b c\n{\n}", "{" * 1000, "template {\n template\n}\n"):
        assert read_corefile(text).kubernetes_zones == ()
