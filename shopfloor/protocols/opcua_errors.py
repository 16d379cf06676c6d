"""What can go wrong between us and an OPC UA server, in kinds that call for different people."""

from typing import Final

from asyncua import ua


class MachineError(Exception):
    """Top of the tree: something between us and the machine."""


class MachineOffline(MachineError):
    """No answer within the deadline, or the connection broke: try again later."""


class CredentialsRefused(MachineError):
    """User, password or our certificate is not accepted: a person must change the settings."""


class CertificateRefused(MachineError):
    """The server's certificate is not in our trust folder, or the password would cross a network in the clear."""


class MachineUnsuitable(MachineError):
    """It answers, but has no such job-order receiver or speaks another dialect: waiting will not help."""


class translated:  # noqa: N801 - reads as a word in `with`
    """Turn whatever asyncua lets out into our three kinds."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None or isinstance(error, MachineError) or not isinstance(error, Exception):
            return
        raise classify(error) from error


_REFUSED: Final = (
    ua.uaerrors.BadUserAccessDenied,
    ua.uaerrors.BadIdentityTokenInvalid,
    ua.uaerrors.BadIdentityTokenRejected,
    ua.uaerrors.BadUserSignatureInvalid,
    ua.uaerrors.BadSecurityChecksFailed,
    AssertionError,  # asyncua's answer when the server refuses our certificate
)
_UNTRUSTED: Final = (
    ua.uaerrors.BadCertificateUntrusted,
    ua.uaerrors.BadCertificateInvalid,
    ua.uaerrors.BadCertificateTimeInvalid,
    ua.uaerrors.BadCertificateUriInvalid,
    ua.uaerrors.BadCertificateUseNotAllowed,
)
_UNSUITABLE: Final = (
    ua.uaerrors.BadNoMatch,
    ua.uaerrors.BadNodeIdUnknown,
    ua.uaerrors.BadNodeIdInvalid,
    ua.uaerrors.BadSecurityPolicyRejected,
    ua.uaerrors.BadServiceUnsupported,
    ValueError,
)


def classify(error: Exception) -> MachineError:
    """The kind of whatever asyncua let out."""
    name = type(error).__name__
    if isinstance(error, _UNTRUSTED):
        return CertificateRefused(name)
    if isinstance(error, _REFUSED):
        return CredentialsRefused(name)
    if isinstance(error, _UNSUITABLE):
        return MachineUnsuitable(f"{name}: {error}")
    return MachineOffline(name)
