"""How programs say that a setting is missing, wrong, or not what it looks like. One tuple of patterns per failure."""

from __future__ import annotations

from typing import Final

_VARIABLE = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"  # with an underscore: words in capitals are not variables
_ENVIRONMENT = r"(?i:env(?:ironment)?(?: ?var(?:iable)?s?)?)\b"
_ABSENT = (
    r"(?i:not (?:set|found|defined|provided|specified|present|configured)|missing|required|mandatory|undefined|unset"
    r"|empty|(?:must|has to|have to|needs to|should) be (?:set|specified|provided|defined)"
    r"|(?:must|can|should) ?not be (?:empty|null|blank))"
)
_DEMANDED = (
    r"(?i:missing|required?|requires|expected|undefined|unset|no value for|not found|set the|please (?:set|provide)"
    r"|must (?:set|specify|provide|define)|needs? to (?:set|specify))"
)

MISSING_VARIABLE: Final = (
    r"(?i)environment variable not found: (\w+)",
    rf"KeyError: ['\"]({_VARIABLE})['\"]",
    r"os\.environ[^\n]*\n(?:[^\n]*\n)*?KeyError: ['\"](\w+)['\"]",
    (
        rf"{_ENVIRONMENT}:? *(?i:named |called )?[\"'`$({{]*((?!var)[A-Za-z]\w{{2,}})[\"'`)}}]*"
        rf",? *(?i:is |was |are )?{_ABSENT}"
    ),
    rf"{_DEMANDED}(?i: a| the| required| mandatory)* {_ENVIRONMENT}[^\w\n]*(?i:named |called )?([A-Z]\w{{2,}})",
    (
        rf"\b({_VARIABLE})\b[\"'`)}}\]]*(?: {_ENVIRONMENT}| setting| value| option| parameter)?"
        r"(?: (?:for|in) [a-z ]{1,40}?)?"
        rf"[ :]*(?i:(?:is|was|has|are)(?: been)? )?{_ABSENT}"
    ),
    (
        rf"{_DEMANDED}(?i: setting| variable| value| key| option| config(?:uration)?| parameter| for| of)*"
        rf"[: ]+[\"'`$({{]*({_VARIABLE})\b"
    ),
    rf"(?i:\b([A-Za-z]\w{{2,}}) {_ENVIRONMENT} (?:is |was )?){_ABSENT}",
    r"\b([A-Za-z_]\w*): (?:parameter (?:null or )?not set|unbound variable)",
    rf"(?i:specify|set|provide|define)\b[^\n]{{0,60}}{_ENVIRONMENT}:?\s*\n[\s*-]*({_VARIABLE})",
    r"required key (\w+) missing value",
    r"Could not resolve placeholder '([^']+)'",
    r"UndefinedValueError: (\w+) not found",
    r"validation errors? for \w*(?:Settings|Config)\w*\n(\w+)\n +[Ff]ield required",
)
# A Service named `redis` makes the kubelet set REDIS_PORT=tcp://…, which a program that reads REDIS_PORT takes for its
# own setting. Source: https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
SERVICE_LINK: Final = (
    (
        r"(?i:invalid literal for int\(\)|NumberFormatException|strconv\.\w+: parsing|ParseIntError|invalid port"
        r"|not a (?:valid )?(?:number|port|integer)|(?:cannot|could not|unable to|failed to) (?:parse|convert|cast)"
        r"|must be an? (?:number|integer)|invalid value|bad argument|malformed)[^\n]{0,120}?(tcp://[\d.]+:\d+)"
    ),
    r"(tcp://[\d.]+:\d+)['\"]? is not a (?:valid )?(?:number|port|integer)",
)
MISSING_KEY: Final = (
    r"No configuration setting found for key '([^']+)'|Missing required configuration \"([^\"]+)\"",
    r"The config property ([\w.-]+) is required but it could not be found",
    (
        r"(?i)\b(?:required|mandatory) (?:config(?:uration)? |settings? )?"
        r"(?:key|property|field|option|parameter|setting)s? "
        r"[\"'`\[]*([\w.-]+)[\"'`\]]* (?:is |was |are )?(?:missing|not (?:set|found|present|specified))"
    ),
    r"(?i)\bmissing (?:required |mandatory )?(?:config(?:uration)? )?(?:key|property|field)s?:? [\"'`\[]*([\w.-]+)",
    r"(?i)\bkey [\"'`]([\w.-]+)[\"'`] (?:is |was )?(?:missing|not found|does not exist) (?:in|from) [^\n]{0,20}config",
    r"Value cannot be null\. \(Parameter '(\w*[cC]onnection[sS]tring)'\)",
)
# A setting of another type than the program takes: what is named is the setting, and not its value.
SETTING_MISTYPED: Final = (
    r"(?i)\bparsing environment variable \"?(\w+)\"?: |\binvalid value for (?:env(?:ironment)? )?variable \"?(\w+)",
    r"\bassigning ([A-Z]\w*) to \w+: converting '|\bparse error on field \"(\w+)\" of type \"",  # envconfig, env
    (
        rf"\b([A-Z][A-Z0-9_]{{3,}})\b[\"'`]?(?: {_ENVIRONMENT})? (?i:must be|should be|is not) (?i:an? )?"
        r"(?i:valid )?(?i:number|integer|int\b|port|boolean|bool\b|duration|ur[il]\b)"
    ),
    r"Failed to bind properties under '([\w.-]+)' to|\boptions\.(\w+) should be >= 0 and < 65536",  # Spring, Node.js
    r"validation errors? for \w*(?:Settings|Config)\w*\n(\w+)\n +(?:value is not|Input should be) a",  # pydantic
    r"\binvalid (?:boolean )?value \"[^\"\n]*\" for flag (-[\w.-]+)",
    r"\binvalid argument \"[^\"\n]*\" for \"([^\"\n]+)\" flag",
    r"\bargument (-[\w/, -]{1,60}): invalid \w+ value: |\bInvalid value for '(-[^'\n]+)': ",  # argparse, click
)
# The same without the setting's name: what is named is the value.
VALUE_MISTYPED: Final = (
    r"strconv\.\w+: parsing \"([^\"\n]{1,80})\": ",
    r"\btime: (?:invalid|missing unit in|unknown unit \"[^\"]*\" in) duration \"([^\"\n]{1,80})\"",
    r"invalid literal for int\(\) with base \d+: '([^'\n]{1,80})'|could not convert string to float: '([^'\n]{1,80})'",
    r"NumberFormatException: For input string: \"([^\"\n]{1,80})\"|invalid value for Integer\(\): \"([^\"\n]{1,80})\"",
)
LICENSE_INVALID: Final = (
    r"(?i)\blicen[sc]e (?:key |file )?(?:has |is |was )?(?:expired|invalid|missing|not valid|not found|revoked)\b",
    r"(?i)\b(?:invalid|expired|missing|no valid) licen[sc]e\b|\blicense_expired\b",
    r"(?i)security_exception[^\n]{0,80}non-compliant",
)
CONFIG_INVALID: Final = (
    r"FATAL CONFIG FILE ERROR[^\n]*\n[^\n]*\n>>> '([^'\n]+)'",
    r"(?i)unknown directive \"[^\"]+\" in (\S+)",
    r"(?<!\S)(\S{1,120}:\d+) - Error during parsing: ",
    r"\[emerg\][^\n]* in (/\S+:\d+)|\bparsing \[([^\]]+:\d+)\]",
    (
        r"(?i)(?:error|fail(?:ed|ure)?|could not|couldn't|cannot|can't|unable)(?: to| when| while| in)?(?: \w+)? "
        r"(?:pars|load|read|unmarshal|decod|deserializ)\w*[^\n]{0,40}"
        r"\b(?:config(?:uration)?|settings|ya?ml|json|toml|ini|xml)\b"
    ),
    r"(?i)\b(?:invalid|bad|malformed|broken|illegal) (?:config(?:uration)?|settings?)\b|FATAL CONFIG FILE ERROR",
    r"(?i)\bconfig(?:uration)?(?: file)?[^\n]{0,80} (?:is )?(?:invalid|malformed|has errors?|test failed)\b",
    r"\byaml: (?:line \d+|unmarshal errors|mapping values|found )|mapping values are not allowed",
    r"\byaml\.\w+\.(?:Scanner|Parser|Constructor)Error|\btoml: |T(?:oml|OML)DecodeError",
    r"\bjson: cannot unmarshal\b|invalid character '.{1,8}' (?:looking for|after)|unexpected end of JSON input",
    r"\bJSONDecodeError\b|in JSON at position|JsonParseException|is not valid JSON",
    (
        r"(?i)\b(?:unknown|unrecogni[sz]ed|invalid|illegal) (?:shorthand )?(?:flag|option|argument|variable)s?\b"
        r"(?:[:= ]+(?:-- )?['\"]?([\w-][\w=.-]*))?"
    ),
    r"flag provided but not defined: (\S+)|(?i:required flag\(?s?\)? [^\n]{0,120} not set)",
    r"(?i)unrecognized configuration parameter|bad directive|\b(?:toml|ya?ml|json) (?:pars\w+|syntax) error",
    r"(?i)\bmissing script: \"?([\w:.-]+)|\bFailed to configure an? \w+",
    r"\b(?:ConfigurationError|ImproperlyConfigured|ConfigException|InvalidConfigurationException)\b",
)
