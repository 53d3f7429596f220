"""A planted corpus: texts that hold a credential, by kind, with what of each must not be seen anywhere.

The values are made up here; their forms are those of gitleaks (github.com/gitleaks/gitleaks), of RFC 7515, 7616, 6265
and of the files and command lines of the programs that take them. They are put together at run time, so that no scanner
finds a key in this file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import string
from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """`text` holds `values`, none of which may be seen in what comes out."""

    kind: str
    text: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return self.kind


def drawn(seed: str, count: int, letters: str = string.ascii_letters + string.digits) -> str:
    """`count` letters that look drawn, always the same for the same `seed`, with a digit among them."""
    out, block = "", seed
    while len(out) < count:
        block = hashlib.sha256(block.encode()).hexdigest()
        out += "".join(letters[int(block[at : at + 2], 16) % len(letters)] for at in range(0, 64, 2))
    return out[:count]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


HEX, UPPER, LOWER = "0123456789abcdef", string.ascii_uppercase + string.digits, string.ascii_lowercase + string.digits
BASE32 = string.ascii_uppercase + "234567"
JWT = ".".join(b64(part).rstrip("=") for part in ('{"alg":"HS256"}', '{"sub":"admin","n":1}', drawn("jwt", 32)))

TOKENS = {
    "jwt": JWT,
    "aws access key": "AKIA" + drawn("aws", 16, BASE32),
    "aws temporary key": "ASIA" + drawn("aws2", 16, BASE32),
    "aws bedrock": "ABSK" + drawn("bedrock", 110),
    "alibaba": "LTAI" + drawn("ali", 20),
    "google api key": "AIza" + drawn("gcp", 35),
    "google oauth": "ya29." + drawn("ya", 60),
    "google client secret": "GOCSPX-" + drawn("gocspx", 28),
    "google refresh token": "1//0" + drawn("refresh", 60),
    "azure client secret": drawn("az", 3) + "8Q~" + drawn("az2", 34),
    "github": "ghp_" + drawn("ghp", 36),
    "github oauth": "gho_" + drawn("gho", 36),
    "github app": "ghs_" + drawn("ghs", 36),
    "github refresh": "ghr_" + drawn("ghr", 36),
    "github fine-grained": "github_pat_" + drawn("pat", 82),
    "gitlab": "glpat-" + drawn("glpat", 20),
    "gitlab routable": "glpat-" + drawn("glpat2", 30) + ".0" + drawn("x", 8, LOWER),
    "gitlab deploy": "gldt-" + drawn("gldt", 20),
    "gitlab runner": "glrt-" + drawn("glrt", 20),
    "gitlab job": "glcbt-64_" + drawn("glcbt", 20),
    "gitlab registration": "GR1348941" + drawn("gr", 20),
    "slack bot": "xoxb-123456789012-" + drawn("xoxb", 24),
    "slack user": "xoxp-123456789012-" + drawn("xoxp", 24),
    "slack app": "xapp-1-A0123-456-" + drawn("xapp", 40, HEX),
    "stripe": "sk_live_" + drawn("stripe", 24),
    "stripe restricted": "rk_live_" + drawn("rk", 24),
    "stripe webhook": "whsec_" + drawn("whsec", 32),
    "npm": "npm_" + drawn("npm", 36),
    "docker": "dckr_pat_" + drawn("dckr", 27),
    "vault service": "hvs." + drawn("hvs", 90),
    "vault batch": "hvb." + drawn("hvb", 140),
    "vault old": "s." + drawn("vaultold7", 24),
    "sendgrid": "SG." + drawn("sg", 22) + "." + drawn("sg2", 43),
    "twilio": "SK" + drawn("twilio", 32, HEX),
    "hugging face": "hf_" + drawn("hf", 34),
    "openai": "sk-proj-" + drawn("openai", 74),
    "openai old": "sk-" + drawn("o1", 20) + "T3BlbkFJ" + drawn("o2", 20),
    "anthropic": "sk-ant-api03-" + drawn("ant", 93) + "AA",
    "groq": "gsk_" + drawn("groq", 52),
    "perplexity": "pplx-" + drawn("pplx", 48),
    "replicate": "r8_" + drawn("r8", 37),
    "digitalocean": "dop_v1_" + drawn("do", 64, HEX),
    "shopify": "shpat_" + drawn("shop", 32, HEX),
    "grafana": "glsa_" + drawn("glsa", 32) + "_" + drawn("g", 8, HEX),
    "grafana cloud": "glc_" + drawn("glc", 60),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + drawn("pypi", 80),
    "rubygems": "rubygems_" + drawn("gem", 48, HEX),
    "linear": "lin_api_" + drawn("lin", 40),
    "notion": "ntn_12345678901" + drawn("ntn", 35),
    "postman": "PMAK-" + drawn("pm", 24, HEX) + "-" + drawn("pm2", 34, HEX),
    "pulumi": "pul-" + drawn("pul", 40, HEX),
    "databricks": "dapi" + drawn("dapi", 32, HEX),
    "doppler": "dp.pt." + drawn("dp", 43),
    "dynatrace": "dt0c01." + drawn("dt", 24, UPPER) + "." + drawn("dt2", 64, UPPER),
    "heroku": "HRKU-AA" + drawn("hrku", 58),
    "new relic": "NRAK-" + drawn("nrak", 27, UPPER),
    "openshift": "sha256~" + drawn("oc", 43),
    "planetscale": "pscale_tkn_" + drawn("ps", 43),
    "sentry": "sntryu_" + drawn("sn", 64, HEX),
    "atlassian": "ATATT3" + drawn("at", 186),
    "bitbucket": "ATBB" + drawn("atbb", 32),
    "age": "AGE-SECRET-KEY-1" + drawn("age", 58, UPPER),
    "brevo": "xkeysib-" + drawn("xk", 64, HEX) + "-" + drawn("xk2", 16),
    "terraform cloud": drawn("tf", 14) + ".atlasv1." + drawn("tf2", 67),
    "mailgun": "key-" + drawn("mg", 32, HEX),
    "octopus": "API-" + drawn("oct", 26, UPPER),
    "square": "sq0atp-" + drawn("sq", 22),
    "airtable": "pat" + drawn("air", 14) + "." + drawn("air2", 64, HEX),
    "bcrypt": "$2y$10$" + drawn("bcrypt", 53),
    "apr1": "$apr1$" + drawn("apr", 8) + "$" + drawn("apr2", 22),
    "sha512 crypt": "$6$" + drawn("cr", 12) + "$" + drawn("cr2", 86),
    "argon2": "$argon2id$v=19$m=65536,t=3,p=4$" + drawn("argon", 22) + "$" + drawn("argon2", 43),
}

P = "hunter2-Zq7x"  # a password with a mark
W = "swordfishes"  # one that could be a word
KEY = drawn("secret key of aws", 38) + "/+"
LINES = [drawn(f"pem{n}", 64) for n in range(3)]
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(LINES) + "\n-----END RSA PRIVATE KEY-----"
LONG = b64("the line that begins a file\npassword=" + P + "\n" + "and goes on\n" * 12)
DOCKER = json.dumps({"auths": {"r.example": {"username": "u", "password": P, "auth": b64(f"u:{P}")}}})
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db"},
    "data": {"pin": b64("4711-Zq7x"), "plain": b64(W)},
}
SECRET_JSON = json.dumps(SECRET, separators=(",", ":"))
HIDDEN = (b64("4711-Zq7x"), b64(W))
ACCOUNT = drawn("azure account", 86) + "=="


def _all() -> list[Planted]:
    found = [Planted("form", f"saw {token} in a request", (token,)) for token in TOKENS.values()]
    found += [Planted("form, glued", f'{{"seen":"{token}"}}', (token,)) for token in TOKENS.values()]

    def plant(kind: str, *values: str, **texts: str) -> None:
        found.extend(Planted(f"{kind}, {name}", text, values or (P,)) for name, text in texts.items())

    plant(
        "named",
        equals=f"DB_PASSWORD={P}",
        words=f"connecting with password={P} to db",
        upper=f"PASSWORD: {P}",
        blanks=f"password = {P}",
        tabs=f"password:\t\t{P}",
        nbsp=f"password:\u00a0{P}",
        wide=f"password\uff1a{P}",
        dots=f"spring.datasource.password={P}",
        camel=f"clientSecret={P}",
        flat=f"dbpassword={P}",
        tail=f"PASSWORD_PROD={P}",
        number=f"TOKEN_2={P}",
        arrow=f"'password' => '{P}'",
        walrus=f'password := "{P}"',
        single=f"{{'apiKey': '{P}'}}",
        double=f'{{"user": "app", "password": "{P}"}}',
        backtick=f"password=`{P}`",
        bytes=f"password=b'{P}'",
        cut=f'{{"password":"{P}',
        exported=f"export PGPASSWORD={P}",
        quoted=f'env MYSQL_ROOT_PASSWORD="{P}"',
        query=f"/login?user=x&api_key={P}&page=2",
        percent=f"redirect=%3Fpassword%3D{P}",
        map=f"map[password:{P} user:app]",
        golang=f"{{Password:{P} User:app}}",
        colour=f"\x1b[36mpassword=\x1b[0m{P}",
        crlf=f"password={P}\r\nuser=app\r\n",
        zero=f"pass\u200bword={P}",
        list=f"args: [--db-password={P}, --v=2]",
        xml=f"<password>{P}</password>",
        property=f'<property name="javax.persistence.jdbc.password" value="{P}"/>',
        nuget=f'<add key="ClearTextPassword" value="{P}" />',
        prose=f"the password is {P}, as ever",
        sql=f"CREATE USER app WITH PASSWORD '{P}'",
        mysql=f"CREATE USER app IDENTIFIED BY '{P}'",
        redis=f"requirepass {P}",
        escaped=json.dumps(json.dumps({"password": P, "n": 1})),
        twice=json.dumps(json.dumps({"a": json.dumps({"password": P})})),
        unicode_equals=f"https://x/?password\\u003d{P}",
        dash=f"--token={P}",
        helm=f"--set auth.password={P}",
        toml=f'secret_key = "{P}"',
        ini=f"[db]\npassword = {P}\nhost = x",
        psk=f"psk={P}",
        session=f"session_token: {P}",
        masked_tail=f"password=[MASKED-1]{P}",
    )
    plant(
        "named word",
        W,
        yaml=f"db:\n  password: {W}\n",
        json=f'{{"password":"{W}"}}',
        equals=f"password={W}",
        env=f"A_TOKEN={W}",
    )
    plant(
        "passphrase",
        "correct horse battery",
        quoted='passphrase: "correct horse battery"',
        yaml="password: correct horse battery\n",
        json='{"passphrase": "correct horse battery"}',
    )
    plant(
        "pair",
        yaml=f"- name: DB_PASSWORD\n  value: {P}\n",
        indented=f"  - name: STRIPE_API_KEY\n    value: '{P}'",
        reversed=f"- value: {P}\n  name: DB_PASSWORD\n",
        json=f'{{"name":"DB_PASSWORD","value":"{P}"}}',
        spaced=f'{{ "name" : "DB_PASSWORD" , "value" : "{P}" }}',
        json_reversed=f'{{"value":"{P}","name":"DB_PASSWORD"}}',
        escaped=json.dumps(json.dumps([{"name": "DB_PASSWORD", "value": P}])),
        key=f'{{"key":"db.password","value":"{P}"}}',
        aws=f'{{"Name":"DB_PASSWORD","Value":"{P}"}}',
        described=f"    Environment:\n      DB_PASSWORD:   {P}\n      MODE:          fast\n",
        multi=f'  {{\n    "name": "DB_PASSWORD",\n    "value": "{P}"\n  }}',
        word=f"- name: API_TOKEN\n  value: {P}",
    )
    plant(
        "argument",
        shell=f"run --password {P} --v 2",
        items=f'["--password","{P}"]',
        spaced=f'["--password", "{P}"]',
        yaml=f"args:\n- --db-password\n- {P}\n",
        quoted=f'args:\n- "--db-password"\n- "{P}"\n',
        mysql=f"mysql -uroot -p{P} -e 'select 1'",
        mysql_items=f'["mysql","-uroot","-p{P}"]',
        sshpass=f"sshpass -p {P} ssh host",
        redis=f"redis-cli -h x -a {P} ping",
        curl=f"curl -u admin:{P} https://x/",
        curl_quoted=f"curl --user 'admin:{P}' https://x/",
        docker=f"docker login -u x -p {P} r.example",
        mongo=f"mongosh --host x -u root -p {P}",
        ldap=f"ldapsearch -x -D cn=admin -w {P}",
        openssl=f"openssl rsa -passin pass:{P}",
        oracle=f"sqlplus scott/{P}@//db:1521/x",
        oracle_jdbc=f"jdbc:oracle:thin:scott/{P}@db:1521:x",
        htpasswd=f"htpasswd -nb admin {P}",
        wget=f"wget --http-password={P} x",
    )
    plant(
        "address",
        postgres=f"postgres://app:{P}@db.shop:5432/orders",
        amqp=f"amqp://:{P}@mq/",
        mongo=f"mongodb+srv://app:{P}@cluster0.example/?retryWrites=true",
        redis=f"rediss://default:{P}@cache:6379/0",
        proxy=f"HTTPS_PROXY=http://user:{P}@proxy:3128",
        git=f"fatal: unable to access 'https://bot:{P}@git.example/x.git/'",
        go=f"app:{P}@tcp(db:3306)/orders",
        unix=f"app:{P}@unix(/run/mysqld.sock)/orders",
        bare=f"connect to app:{P}@db.example:5432/orders",
        jdbc=f"jdbc:postgresql://db/orders?user=app&password={P}",
        jdbc_server=f"jdbc:sqlserver://db;databaseName=x;user=sa;password={P};encrypt=true",
        odbc=f"Server=db;Database=x;User Id=sa;Password={P};",
        at="postgres://app:" + P + "@extra@db/orders",
        json=f'{{"url":"postgres://app:{P}@db/orders"}}',
        libpq=f"host=db user=app password={P} dbname=orders",
        percent=f"postgres%3A%2F%2Fapp@db%3Fpassword%3D{P}",
    )
    plant("address", "p%40ss%2Fw0rd", percent="postgres://app:p%40ss%2Fw0rd@db/orders")
    plant("address", "3x4mpl3t0k3n3x4mpl3t0k3n", user="https://3x4mpl3t0k3n3x4mpl3t0k3n@git.example/x.git")
    signature = drawn("sas", 40) + "%3D"
    plant("azure", signature, sas=f"https://a.blob.core.windows.net/c?sp=r&sv=2021-06-08&sr=c&sig={signature}")
    plant(
        "azure",
        ACCOUNT,
        storage=f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={ACCOUNT};EndpointSuffix=core.windows.net",
        bus=f"Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={ACCOUNT}",
        json=json.dumps({"accountKey": ACCOUNT}),
    )
    plant(
        "aws",
        KEY,
        env=f"AWS_SECRET_ACCESS_KEY={KEY}",
        file=f"[default]\naws_secret_access_key = {KEY}\n",
        json=f'{{"SecretAccessKey":"{KEY}"}}',
        session=f"AWS_SESSION_TOKEN={KEY}",
        camel=f"secretAccessKey: {KEY}",
    )
    plant(
        "aws",
        drawn("sig4", 64, HEX),
        presigned=f"https://b.s3.amazonaws.com/o?X-Amz-Signature={drawn('sig4', 64, HEX)}",
    )
    plant(
        "header",
        bearer=f"Authorization: Bearer {P}{P}",
        lower=f"authorization: bearer {P}{P}",
        token=f"Authorization: token {P}",
        raw=f"Authorization: {P}",
        curl=f"> curl -H 'X-Api-Key: {P}' https://x",
        vault=f"X-Vault-Token: {P}",
        gitlab=f"PRIVATE-TOKEN: {P}",
        json=f'{{"headers":{{"X-Auth-Token":"{P}"}}}}',
        golang=f"map[Accept:[*/*] X-Api-Key:[{P}]]",
        python=f"{{'Authorization': 'Bearer {P}{P}'}}",
        cookie=f"Cookie: theme=dark; session={P}",
        set_cookie=f"Set-Cookie: sid={P}; Path=/; HttpOnly",
        digest=f'Authorization: Digest username="u", response={P}',
    )
    basic = b64("app:" + P)
    plant("header", basic, basic=f"authorization: basic {basic}", proxy=f"Proxy-Authorization: Basic {basic}")
    plant(
        "pem",
        *LINES,
        plain=f"loaded key:\n{PEM}\ndone",
        escaped=json.dumps({"key": PEM}),
        yaml="tls.key: |\n" + "\n".join(f"  {line}" for line in PEM.split("\n")),
        cut=PEM[:180] if len(PEM) > 180 else PEM,
        openssh=PEM.replace("RSA", "OPENSSH"),
        pkcs8=PEM.replace("RSA ", ""),
        gcp=json.dumps({"type": "service_account", "private_key": PEM, "private_key_id": "x"}),
    )
    plant("pem", b64(PEM), b64(PEM)[:60], base64=f"key: {b64(PEM)}", kubeconfig=f"    client-key-data: {b64(PEM)}\n")
    plant(
        "base64",
        LONG[:60],
        LONG[60:120],
        text=f"cloudInit: {LONG}",
        wrapped="\n".join(LONG[at : at + 76] for at in range(0, len(LONG), 76)),
    )
    plant("base64", b64(f"password={P}"), text=f"userData: {b64(f'password={P}')}")
    plant("base64", b64(b64(f"password={P}")), twice=f"x: {b64(b64(f'password={P}'))}")
    plant("docker", P, b64(f"u:{P}"), json=DOCKER, escaped=json.dumps(DOCKER))
    plant("docker", b64(DOCKER), data=f".dockerconfigjson: {b64(DOCKER)}")
    plant(
        "kubeconfig",
        P,
        token=f"users:\n- name: me\n  user:\n    token: {P}\n",
        json=f'{{"user":{{"token":"{P}"}}}}',
        password=f"    username: me\n    password: {P}\n",
        block=f"kubeconfig: |\n  users:\n  - user: {{token: {P}}}\n",
        bootstrap=f"kubeadm join x:6443 --token {P}",
    )
    plant(
        "block",
        P,
        literal=f"password: |\n  {P}\nnext: 1\n",
        folded=f"api_token: >-\n    {P}\n    {P}x\nnext: 1\n",
        netrc=f"machine git.example login bot password {P}",
        netrc_lines=f"machine git.example\n  login bot\n  password {P}\n",
        npmrc=f"//registry.npmjs.org/:_authToken={P}",
        pypirc=f"[pypi]\nusername = __token__\npassword = {P}\n",
    )
    plant(
        "secret",
        *HIDDEN,
        yaml=f"kind: Secret\ndata:\n  pin: {HIDDEN[0]}\n  plain: {HIDDEN[1]}\nmetadata:\n  name: x\n",
        sorted=f"apiVersion: v1\ndata:\n  pin: {HIDDEN[0]}\n  plain: {HIDDEN[1]}\nkind: Secret\n",
        json=SECRET_JSON,
        spaced=json.dumps(SECRET, indent=2),
        annotation=json.dumps({"kubectl.kubernetes.io/last-applied-configuration": SECRET_JSON}),
        template=f"template: |\n  kind: Secret\n  data:\n    pin: {HIDDEN[0]}\n    plain: {HIDDEN[1]}\n",
    )
    plant(
        "secret", "blue-moon", "plain words", string='kind: Secret\nstringData:\n  a: blue-moon\n  b: "plain words"\n'
    )
    return found


PLANTED = _all()


# Kubeconfigs that are no YAML, most of them at the password, which is hunter2-pw.
TORN_AT_A_PASSWORD = tuple(
    f"a: &hunter2-pw x\nusers: [{{name: a, user: {{password: {value}}}}}]\nb: [}}\n"
    for value in (
        "*hunter2-pw",
        "!hunter2-pw",
        "\thunter2-pw: x",
        '"\\qhunter2-pw"',
        "&hunter2-pw",
        "hunter2-pw\x01",
        "@hunter2-pw",
    )
)
