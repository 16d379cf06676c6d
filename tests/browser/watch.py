"""What a browser must not do while people use the app, and what they must not have to read."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebError

LOCAL_SCHEMES = frozenset({"data", "blob", "about"})
MACHINERY = re.compile(
    r"\b(wallets?|gas|tokens?|blockchain|chain|ethereum|crypto\w*|smart contracts?|permits?|nonce|wei|erc-?20|"
    r"eip-?\d+|escrow|on-chain|mint\w*|undefined|null|nan|\[object object\])\b|0x[0-9a-f]{6,}",
    re.IGNORECASE,
)
"""Words of the machinery, and what broken values look like: nobody needs them to buy a cylinder."""

REPORT_VIOLATIONS = """
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  console.error(`CSP ${violatedDirective} ${blockedURI}`))
"""


@dataclass
class Watch:
    """Listens to everything one browser context does. `faults` is empty while the app behaves."""

    origin: str
    faults: list[str] = field(default_factory=list)

    async def listen(self, context: BrowserContext) -> None:
        """Begin: the console, uncaught errors, requests to other origins, violations of the content policy."""
        await context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text} {message.location.get('url', '')}")

    def _error(self, error: WebError) -> None:
        self.faults.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in LOCAL_SCHEMES and f"{address.scheme}://{address.netloc}" != self.origin:
            self.faults.append(f"request to another origin: {request.url}")


async def machinery_words(page: Page) -> list[str]:
    """Words of the machinery in what the page shows at the moment."""
    shown = await page.locator("body").inner_text()
    return [match.group(0) for match in MACHINERY.finditer(shown)]
