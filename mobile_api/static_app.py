"""Serves the built app: hashed files for ever, the rest asked for anew, and index.html for the app's own addresses."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from mobile_api.strict_json import storable

BUILT = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
ASK_ANEW = "no-cache"
TYPES = {".webmanifest": "application/manifest+json", ".js": "text/javascript", ".svg": "image/svg+xml"}
NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Lot Size One</title></head>
<body><h1>The app is not built</h1>
<p>This is the marketplace's interface, and it is running. The app that people use is a separate build:
install Node, then run <code>npm ci</code> and <code>npm run build</code> in <code>mobile_app/</code>,
and load this page again.</p>
<p>For programs: <a href="/openapi.json">the description of the interface</a>.</p></body></html>
"""


class StaticApp:
    """An ASGI app for every address that is no route of the interface. `directory` may be built later."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files = StaticFiles(directory=directory, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; raises HTTPException 404 and 405, which become problems."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        path = scope["path"].lstrip("/")
        if path.split("/")[0] == "v1" or not storable(path):
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = await self._response(request, path)
        await response(scope, receive, send)

    async def _response(self, request: Request, path: str) -> Response:
        if not (self._directory / "index.html").is_file():
            if path:
                raise HTTPException(404)
            return HTMLResponse(NOT_BUILT, headers={"Cache-Control": ASK_ANEW})
        try:
            response = await self._files.get_response(path or "index.html", request.scope)
        except HTTPException as error:
            # A file that is missing is missing; an address of the app is the app's.
            if error.status_code != 404 or "." in path.rsplit("/", maxsplit=1)[-1]:
                raise
            path = "index.html"
            response = await self._files.get_response(path, request.scope)
        response.headers["Cache-Control"] = FOREVER if path.startswith("assets/") else ASK_ANEW
        known = TYPES.get(Path(path).suffix)
        if known is not None:
            response.headers["Content-Type"] = known
        return response
