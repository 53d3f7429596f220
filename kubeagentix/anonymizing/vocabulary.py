"""What stays readable: names that every cluster has, and words that mean something else than the name they are also.

A Deployment may be called `web`, a namespace `error`. Such a name is hidden where it stands as a name (after its
kind, in `namespace/name`, in a cell of a table, as the value of a field), and not where it is a word of a sentence:
to hide every "error" would leave the model nothing to go by, and the word alone gives nobody away. All other names
are hidden wherever they stand.
"""

from __future__ import annotations

import re
from functools import cache

from kubeagentix.domain.resources import KINDS

# Of Kubernetes itself, of its usual parts, and of everybody's images: they carry meaning, and are the same everywhere.
_KEPT_TEXT = """
default kube-system kube-public kube-node-lease kubernetes kube-dns coredns kube-proxy kube-apiserver kube-scheduler
kube-controller-manager etcd metrics-server kube-root-ca.crt kubelet kubectl kubeadm cluster-admin system-cluster-
critical system-node-critical default-scheduler cluster.local local-path-provisioner kindnet flannel calico cilium
aws-node kubernetes.default kubernetes.default.svc default/kubernetes kubernetes-dashboard control-plane docker.io
registry.k8s.io k8s.gcr.io quay.io gcr.io ghcr.io mcr.microsoft.com public.ecr.aws registry-1.docker.io
index.docker.io auth.docker.io kubernetes.io k8s.io x-k8s.io cert-manager.io istio.io argoproj.io fluxcd.io helm.sh
monitoring.coreos.com gatekeeper.sh projectcalico.org cilium.io traefik.io knative.dev openshift.io crossplane.io
github.com golang.org python.org nodejs.org openssl.org prometheus.io opentelemetry.io letsencrypt.org godoc.org
reactjs.org json-schema.org w3.org apache.org
"""
KEPT = frozenset(_KEPT_TEXT.split())
# Domains under which every name is a public one.
KEPT_DOMAINS = ("kubernetes.io", "k8s.io", "x-k8s.io", "cert-manager.io", "istio.io", "coreos.com", "argoproj.io")
# Repositories of images that anybody may pull and everybody knows. Source: hub.docker.com, "Docker Official Images"
_PUBLIC_TEXT = """
alpine busybox caddy cassandra centos consul debian elasticsearch fedora golang grafana haproxy httpd influxdb jenkins
kafka kong mariadb memcached mongo mysql nats nginx node openjdk php postgres prometheus python rabbitmq redis
registry ruby rust telegraf tomcat traefik ubuntu vault zookeeper
"""
PUBLIC_IMAGES = frozenset(_PUBLIC_TEXT.split())
PUBLIC_REGISTRIES = ("registry.k8s.io/", "k8s.gcr.io/", "docker.io/kindest/")

# Words of Kubernetes, of logs and of English, which objects are also named after.
_ORDINARY_TEXT = """
a about above abs accept accepted access account action active add added address addresses admin admission affinity
after again age agent alert alias all allow allowed already also always amd64 an and annotated annotation annotations
answers any api apis app application applications apply apps arch are arg args argument arguments arm64 as asks at
attempt auth authentication authorization auto autoscaling available aws back backed backend backends backs backup bad
balance base bash basic batch be became because becomes been before begin being below best beta between bin binding
block body boot both bound branch break bridge broken broker bucket buffer bug build builder built bus but by byte
bytes ca cache call called can canary cannot cap capacity case cause caused cd cert certificate certificates change
changed changes channel check checked checks child ci cidr class cleanup clear cli client clients clock close closed
cloud cluster cm cmd code collect collector column command commands common complete completed component compute
condition conditions conf config configuration connect connected connection connections console consumer container
containers content context continue control controller cookie copy core cores could count counter counts cpu crash
crashed crashes crashing crashloop create created creating credentials cri critical cron cronjob current custom daemon
dashboard data database date day db dead debug default delay delete deleted deleting denied deny deploy deployed
deployment deployments depth desired destination detail detected dev device diff dir directory disable disabled disk
dns do docker does domain done down driver drop due dump duration each echo edge edit eight else empty enable enabled
end endpoint endpoints ends enforced enforces engine ensure enter entry env environment error errors etc event events
ever every evicted evicting example exceeded exceeding exceeds exec executor exist exists exit exits expected expired
export exporter exposed exposes external extra f fail failed failing fails failure fallback false fast fatal feature
field file files filter find finished first five fix flag for forbidden format found four from front frontend full
function gateway gauge general generic get gib gid git global go gone good got grace green group grpc gzip had handle
handler hard has hash have he head header headers health healthy help hence here high histogram history hit home host
hostname hosts hour how html http https i id identity idle if image images import in info ingress init inner input
inside instance instances int interface internal into invalid io ip ips is issue it item items its java job jobs join
js json just keep kernel key keys kib kill killed killing kind kube label labelled labels lacking lacks large last
latest lead leader least left length less let level life like limit limits line lines linux list listen listener
listens live liveness lives ll load loading local lock log logged logger logging login logs long looks loop low
machine made main make manager manifest many map mark mask master match max may me mean media memory message messages
metadata method metric metrics mib migrate migration millicores min minute missing mode model module monitor
monitoring more most mount mounted mounting mountpath mounts move much multi must my name named names namespace
namespaces naming native need needs network never new next nine no node nodes none normal not nothing notice
notification notifications now null number object objects of off ok old on once one only open operation operations
operator option options or order os other our out outer output over own owner package page panic parse parser part
pass password path pause peer pending per period permission phase ping pipeline place plain plan platform please
plugin pod pods point policies policy poll pool port portal ports post postgres pre preview previous primary print
private probe probes problem process processes processor prod producer product production profile profiles progress
project prometheus proxy public pull pulled pulling pulls push put python query queue quota quotas r ran rate ratio
raw reach reachable reached read reader readiness reads ready reason received recent reconnect record records red
redis referring refers refused region registry reload remote remove replica replicas report request requested requests
require required reset resource resources response rest restart restarted restarting restarts result results resume
retries retry return revision right role roles rollback rollout root route routed router routes routing row rule rules
run runner running runs runtime s same sample save scale scaled scaler schedulable scheduled scheduler scheduling
schema scope script search second seconds secret secrets section security see seems seen select selecting selector
selects send sent server servers service services session sessions set sets settings setup seven severity shared shell
short shortly should show showed shows shutdown sidecar signal similar simple since single site six size sizes slow
small so socket some source space spec stage staging stale standard start started starting starts startup state
statement static stats status step still stop stopped stops storage store stream string strong subject subpath subset
success such summary support sync system systems t table tag taint taints target task tasks tcp team tells template
ten term terminated terminating test tested testing tests text than that the their them then there these they thing
this thread three threshold through tier time timeout times title tls to token told toleration tolerations too tool
tools top topic total trace tracing traffic transaction tree tries trigger true try ttl two type types udp ui uid
unable unavailable unbound under unhealthy unit unknown unreachable unschedulable until up update updated upgrade
upload upstream uptime url use used user users uses v v1 v2 v3 val valid validate validation value values version via
view virtual volume volumes wait waiting waits wanted wants warn warning was watch way we web webhook were what when
where which while who whole why width will window with within without work worker workers working workload would write
writer writes wrong x yaml year yes yet you your zone
"""
_ORDINARY = frozenset(_ORDINARY_TEXT.split())
MIN_CHARS = 3  # shorter names are all over a text
_LETTER = re.compile(r"[^\W\d_]")


@cache
def _kind_words() -> frozenset[str]:
    return frozenset(word for kind in KINDS.values() for word in (kind.name.lower(), kind.plural, *kind.short_names))


def is_ordinary(name: str) -> bool:
    """Whether a name is also a word, a number or too short to be told from anything else."""
    lowered = name.lower()
    return len(name) < MIN_CHARS or lowered in _ORDINARY or not _LETTER.search(name) or lowered in _kind_words()


# What is before a name: its kind (`namespace shop`, `deploy/web`), a field (`name: web`, `"pod": "web"`), a flag.
_BEFORE_TEXT = """
namespace ns pod po deployment deploy statefulset sts daemonset ds replicaset rs cronjob cj job service svc ingress
ing configmap cm secret serviceaccount sa node container volume workload persistentvolumeclaim pvc claim storageclass
cluster context host hostname user image role app rolebinding instance component tier team owner name nodename
servicename serviceaccountname claimname secretname object target k8s-app part-of release env environment stage
--namespace --context -n --cluster
"""
_BEFORE = frozenset(_BEFORE_TEXT.split()) | _kind_words()
_PRECEDING = re.compile(r"(?:(-{0,2}[A-Za-z][\w-]*)[\"']?(?: ?[:=][ \t]*|[ ]|/)|[\w-]/|://)[\"'`]?\Z")
_QUOTED = re.compile(r"(?<![\w=:])[\"'`]\Z|\[\Z")
_AFTER = re.compile(
    r"\.svc\b|/[a-z0-9]|\([0-9a-f]{8}-|:\d{2,5}\b|-\d{1,4}(?![\w.-])"
    r"|-[bcdfghjklmnpqrstvwxz2456789]{5,10}(?:-[bcdfghjklmnpqrstvwxz2456789]{5})?(?![\w-])"  # what is made from it
)
_CELL_BEFORE = re.compile(r"(?:\A|\n|[ ]{2}|\t)\Z")
_CELL_AFTER = re.compile(r"[ ]{2}|\t|\s*\n|\s*\Z|:\s*\n")
BACK, AHEAD = 40, 32  # characters around a name that are looked at


def stands_as_name(text: str, start: int, end: int) -> bool:
    """Whether an ordinary word at this place of a text is the name of something."""
    before, after = text[max(0, start - BACK) : start], text[end : end + AHEAD]
    preceding = _PRECEDING.search(before)
    if _AFTER.match(after) or (preceding is not None and _is_naming(preceding)):
        return True
    if _QUOTED.search(before) and after[:1] == before[-1:].replace("[", "]") and after[1:2] != ":":
        return True
    return _is_cell(text, start, before, after)


def _is_naming(preceding: re.Match[str]) -> bool:
    word = (preceding[1] or "").lower()
    if not word or word in _BEFORE or word.removesuffix("s") in _BEFORE or preceding[0].endswith("/"):
        return True
    return word.endswith("name") and (":" in preceding[0] or "=" in preceding[0])  # storageClassName: standard


def _is_cell(text: str, start: int, before: str, after: str) -> bool:
    """Whether it fills a cell of a table of at least two columns."""
    if not (_CELL_BEFORE.search(before) and _CELL_AFTER.match(after)):
        return False
    is_first = start == 0 or text[start - 1] == "\n"
    return not is_first or after.startswith(("  ", "\t"))
