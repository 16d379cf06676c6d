"""The application server's own key (VAPID, RFC 8292): P-256, ES256."""

import base64
import binascii
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from notifications.errors import PushInvalid

TOKEN_LIFETIME_S = 12 * 3600  # RFC 8292 §2 refuses more than 24 h; half leaves room for a wrong clock
P256_ORDER_BYTES = 32


@dataclass(frozen=True, slots=True)
class VapidKey:
    """A VAPID key pair; `private_key` is 32 bytes in base64url and stays out of `repr`.

    `public_key` is what a browser wants as `applicationServerKey`: the uncompressed point, base64url.
    """

    public_key: str
    private_key: str = field(repr=False)

    def authorization(self, audience: str, subject: str, now: float) -> str:
        """The value of `Authorization` for one push service.

        `audience` is its origin, `subject` a `mailto:` or `https:` contact, `now` a Unix time.
        """
        vapid = Vapid02.from_raw(self.private_key.encode())
        claims = {"aud": audience, "sub": subject, "exp": int(now) + TOKEN_LIFETIME_S}
        return str(vapid.sign(claims)["Authorization"])


def generate_vapid_key() -> VapidKey:
    """A fresh key pair from the operating system's randomness."""
    return _key_pair(ec.generate_private_key(ec.SECP256R1()))


def load_vapid_key(private_key: str) -> VapidKey:
    """The pair of a stored private key (base64url of 32 bytes).

    Raises:
        PushInvalid: it is no P-256 private key.
    """
    raw = decode_base64url(private_key, "VAPID private key")
    if len(raw) != P256_ORDER_BYTES:
        raise PushInvalid("VAPID private key must be 32 bytes")
    try:
        return _key_pair(ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1()))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PushInvalid("VAPID private key is not on P-256") from error


def public_point(key: ec.EllipticCurvePublicKey) -> str:
    """A P-256 public key as the Push API spells it: uncompressed point, base64url without padding."""
    return encode_base64url(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def encode_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str, what: str) -> bytes:
    """The bytes of `text`, refusing anything that is not canonical unpadded or padded base64url.

    Raises:
        PushInvalid: naming `what` and never the value.
    """
    stripped = text.rstrip("=") if isinstance(text, str) else ""
    try:
        raw = base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise PushInvalid(f"{what} is not base64url") from error
    if not raw or encode_base64url(raw) != stripped:
        raise PushInvalid(f"{what} is not canonical base64url")
    return raw


def _key_pair(key: ec.EllipticCurvePrivateKey) -> VapidKey:
    secret = key.private_numbers().private_value.to_bytes(P256_ORDER_BYTES, "big")
    return VapidKey(public_key=public_point(key.public_key()), private_key=encode_base64url(secret))
