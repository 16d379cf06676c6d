"""The push service's side of VAPID: is this request signed by the key it names (RFC 8292)?"""

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.errors import PushInvalid, PushRefused
from notifications.vapid import decode_base64url

MAX_LIFETIME_S = 24 * 3600  # RFC 8292 §2
LEEWAY_S = 60
MAX_HEADER_CHARS = 4096


def check_authorization(header: str, *, audience: str, now: float) -> str:
    """The public key (base64url) that signed an `Authorization: vapid t=…, k=…` value.

    Raises:
        PushRefused: the header is malformed, the signature is not by `k`, the token is meant for another
            audience, has expired, lives longer than 24 hours, or names no contact.
    """
    token, public_key = _parse(header)
    try:
        point = decode_base64url(public_key, "k")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        # Times are compared below with the caller's clock, never with the machine's.
        options = {"require": ["exp", "aud", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims = jwt.decode(token, key, algorithms=["ES256"], audience=audience, options=options)  # type: ignore[arg-type]
    except (PushInvalid, ValueError, jwt.InvalidTokenError) as error:
        raise PushRefused(f"the VAPID token was not accepted ({type(error).__name__})") from error
    expires = claims["exp"]
    if type(expires) is not int or not now - LEEWAY_S < expires <= now + MAX_LIFETIME_S + LEEWAY_S:
        raise PushRefused("the VAPID token has expired or lives too long")
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject.startswith(("mailto:", "https:")):
        raise PushRefused("the VAPID token names no contact")
    return public_key


def _parse(header: str) -> tuple[str, str]:
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "vapid" or len(header) > MAX_HEADER_CHARS:
        raise PushRefused("a vapid Authorization is needed")
    parts: dict[str, str] = {}
    for item in rest.split(","):
        name, _, value = item.strip().partition("=")
        if name in parts:
            raise PushRefused("a vapid parameter is repeated")
        parts[name] = value.strip('"')
    if not parts.get("t") or not parts.get("k"):
        raise PushRefused("the vapid parameters t and k are needed")
    return parts["t"], parts["k"]
