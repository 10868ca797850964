"""Digest authentication of SIP requests (RFC 2617 with qop=auth or none, MD5: what phones and Asterisk use)."""

import hashlib
import re
from dataclasses import dataclass

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who a phone says it is."""

    username: str
    password: str


def authorization(credentials: Credentials, challenge: str, *, method: str, uri: str, client_nonce: str) -> str:
    """Answer a challenge.

    Args:
        credentials: the phone's.
        challenge: the value of WWW-Authenticate or Proxy-Authenticate.
        method: of the request that was challenged.
        uri: of that request, as on its request line.
        client_nonce: any fresh word.

    Returns:
        The value of Authorization or Proxy-Authorization.
    """
    asked = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(challenge)}
    realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
    secret = _md5(f"{credentials.username}:{realm}:{credentials.password}")
    target = _md5(f"{method}:{uri}")
    fields = [("username", credentials.username), ("realm", realm), ("nonce", nonce), ("uri", uri)]
    words = [f'{name}="{value}"' for name, value in fields]
    if "auth" in asked.get("qop", "").split(","):
        proof = _md5(f"{secret}:{nonce}:00000001:{client_nonce}:auth:{target}")
        words += ["qop=auth", "nc=00000001", f'cnonce="{client_nonce}"']
    else:
        proof = _md5(f"{secret}:{nonce}:{target}")
    words += [f'response="{proof}"', "algorithm=MD5"]
    if "opaque" in asked:
        words.append(f'opaque="{asked["opaque"]}"')
    return "Digest " + ", ".join(words)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
