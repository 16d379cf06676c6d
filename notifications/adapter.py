"""The marketplace's `PushSender` port over FCM and Web Push, and its `MailSender` port over SMTP or a folder."""

from typing import TYPE_CHECKING

from marketplace.ports import mail
from marketplace.ports import push as port
from notifications.errors import PushError, PushGone, PushInvalid, PushRetryable
from notifications.mail import MailFolder, MailInvalid, MailRetryable, SmtpSender
from notifications.messages import PushMessage
from notifications.web_push import Subscription, WebPushSender

if TYPE_CHECKING:  # firebase-admin takes half a second to import: only who uses FCM pays for it
    from notifications.fcm import FcmSender


class PushAdapter:
    """Sends by the service that the device registered with. A service that is not configured is unavailable."""

    def __init__(self, *, web_push: WebPushSender | None, fcm: "FcmSender | None") -> None:
        self._web_push = web_push
        self._fcm = fcm

    async def send(self, address: port.PushAddress, message: port.PushMessage) -> None:
        """As the port says."""
        try:
            content = PushMessage(message.id, message.title, message.body, message.url, message.topic)
            match address.kind:
                case port.PushKind.WEB_PUSH if self._web_push is not None:
                    device = Subscription(address.endpoint, address.p256dh, address.auth)
                    await self._web_push.send(device, content)
                case port.PushKind.FCM if self._fcm is not None:
                    await self._fcm.send(address.endpoint, content)
                case _:
                    raise port.PushUnavailable(f"{address.kind} is not configured here")
        except PushGone as gone:
            raise port.PushGone(str(gone)) from gone
        except PushRetryable as later:
            raise port.PushUnavailable(str(later), later.retry_after_s) from later
        except PushInvalid as invalid:
            raise port.PushInvalid(str(invalid)) from invalid
        except PushError as refused:
            # Our own credential is refused: no device is at fault, an operator mends it, the message waits.
            raise port.PushUnavailable(str(refused)) from refused


class MailAdapter:
    """Sends by a mail server, or into a folder."""

    def __init__(self, way: SmtpSender | MailFolder) -> None:
        self._way = way

    async def send(self, letter: mail.Letter) -> None:
        """As the port says."""
        try:
            await self._way.send(identity=letter.id, to=letter.to, subject=letter.subject, text=letter.text)
        except MailRetryable as later:
            raise mail.MailUnavailable(str(later)) from later
        except MailInvalid as invalid:
            raise mail.MailRefused(str(invalid)) from invalid
