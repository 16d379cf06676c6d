"""Servers of these tests: an ASGI application on a free loopback port, and a stand-in for FCM's HTTP v1 API."""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

START_DEADLINE_S = 10.0


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve `app` in a thread; gives its origin. The port is bound before the server starts."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_DEADLINE_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started, "the test server did not start"
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=START_DEADLINE_S)
        listener.close()


class FakeFcm:
    """Answers `messages:send` as FCM documents it, and remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.faults: deque[tuple[int, str, dict[str, str]]] = deque()
        self.dead: set[str] = set()
        self.malformed: set[str] = set()
        self.app = Starlette(routes=[Route("/send", self._send, methods=["POST"])])

    async def _send(self, request: Request) -> JSONResponse:
        body = json.loads(await request.body())
        if self.faults:
            status, name, headers = self.faults.popleft()
            return _error(status, name, "", headers)
        token = body["message"]["token"]
        if token in self.dead:
            return _error(404, "NOT_FOUND", "UNREGISTERED")
        if token in self.malformed:
            return _error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        if not body.get("validate_only"):
            self.sent.append(body["message"])
        return JSONResponse({"name": f"projects/demo/messages/{len(self.sent)}"})


def _error(status: int, name: str, code: str, headers: dict[str, str] | None = None) -> JSONResponse:
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    body = {"error": {"code": status, "message": "refused", "status": name, "details": details}}
    return JSONResponse(body, status, headers=headers)
