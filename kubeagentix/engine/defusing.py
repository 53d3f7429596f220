"""Foreign text as a model may read it: what could pass for somebody else's words is broken, the rest stays as it is.

A fence alone does not help a model that takes `<|im_start|>` for the beginning of a turn, or reads letters that no
person sees. So what is invisible goes, markup of calls and turns is no markup any more, and a line does not begin like
another speaker's. Ordinary logs, YAML and tables pass unchanged.
"""

from __future__ import annotations

import re

from kubeagentix.report.text import clean_piece

# Soft hyphens, fillers, zero-width and bidirectional characters, variation selectors, tags (which spell hidden ASCII).
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# How models and chat templates write calls, results, turns and thoughts; `<none>` and HTML are none of it.
_TAG = re.compile(
    r"""<(?=[\s/]{0,8}(?:
          [|\uff5c]                                                         # <|im_start|> and kin
        | /?\s?<?/?SYS>
        | (?:[\w.-]{1,30}:)?(?:function|tool|invoke|parameter|result|cluster_data|quickdx|system|assistant|human|user
            |developer|instruction|think|reasoning|answer|approv|start_of_turn|end_of_turn|antml|bos|eos|s)(?![a-rt-z])
        | (?:[\w.-]{1,30}:)?(?:function|tool|system|approv|think|instruct|result|parameter)
    ))""",
    re.IGNORECASE | re.VERBOSE,
)
_BRACKET = re.compile(r"\[(?=/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT)\])")
_SPEAKER = re.compile(r"(?m)^([ \t>#*]{0,40})(?=(?:(?i:human|assistant|system)|User|Developer)\*{0,2}[ \t]?:(?:\s|\Z))")


def visible(text: str) -> tuple[str, int]:
    """`text` without what nobody sees, and how many characters of it hid something; colours and the like do not."""
    if text.isascii():
        return clean_piece(text), 0
    shown, hidden = _INVISIBLE.subn("", text)
    return clean_piece(shown), hidden


def defused(text: str) -> str:
    """Text that `visible` gave, in which nothing is markup or begins like another speaker's words."""
    if "<" in text:
        text = _TAG.sub("&lt;", text)
    if "[" in text:
        text = _BRACKET.sub("[ ", text)
    return _SPEAKER.sub(r"\1· ", text) if ":" in text else text
