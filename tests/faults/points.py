"""Points at which a process may die: found in the ports' Protocols, in every commit and in all that leaves the process.

Nothing is listed by hand. A method that joins a Protocol of `marketplace.ports` tomorrow is a point tomorrow, in
whatever class implements it; a new table is another commit; a new remote procedure call is another point.
"""

import functools
import importlib
import inspect
import os
import pkgutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from contracts.rpc import BatchingRpc, Rpc
from marketplace import ports

ADAPTERS = ("contracts", "marketplace.persistence", "matchmaking", "notifications", "shopfloor", "bootstrap")
"""The packages whose classes implement ports; the fakes that ship are no part of a running worker."""
WRITES = ("insert into ", "update ", "delete from ")


class Points:
    """Counts every point that this process passes, and dies at the ones it is told to.

    `deaths` maps a point to the number of the passage at which the process ends; its name goes to `last_words` first.
    """

    def __init__(self, deaths: dict[str, int], last_words: Path) -> None:
        self.seen: Counter[str] = Counter()
        self._deaths = deaths
        self._last_words = last_words

    def reach(self, name: str) -> None:
        """One passage. Perhaps this does not return: SIGKILL, as the kernel does when memory runs out."""
        self.seen[name] += 1
        if self._deaths.get(name) == self.seen[name]:
            with self._last_words.open("a", encoding="utf-8") as file:
                file.write(f"{os.getpid()}\t{name}\n")
            os.kill(os.getpid(), signal.SIGKILL)


def port_protocols() -> list[type]:
    """Every Protocol of `marketplace.ports`, and the one behind which the chain's node is."""
    modules = [
        importlib.import_module(f"{ports.__name__}.{found.name}")
        for found in pkgutil.iter_modules(ports.__path__)
        if not found.ispkg
    ]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and getattr(value, "_is_protocol", False) and value.__module__ == module.__name__
    }
    return [*sorted(found, key=lambda one: one.__name__), Rpc, BatchingRpc]


def calls_of(protocol: type) -> dict[str, Callable[..., Any]]:
    """What one waits for when one calls the port."""
    return {name: call for name, call in vars(protocol).items() if inspect.iscoroutinefunction(call)}


@functools.cache
def implementations(protocol: type) -> list[type]:
    """The loaded classes of our adapters that answer every call of the Protocol, argument for argument.

    Looked for once: a nursery does it for all its children.
    """
    wanted = calls_of(protocol)
    return [
        one for one in _adapters() if wanted and all(_same(getattr(one, name, None), wanted[name]) for name in wanted)
    ]


def _adapters() -> Iterator[type]:
    for name, module in sorted(sys.modules.items()):
        if module is not None and any(name == one or name.startswith(one + ".") for one in ADAPTERS):
            for value in list(vars(module).values()):
                if inspect.isclass(value) and value.__module__ == name and not getattr(value, "_is_protocol", False):
                    yield value


def _same(found: Any, wanted: Callable[..., Any]) -> bool:
    found = inspect.unwrap(found) if callable(found) else found
    if not inspect.iscoroutinefunction(found):
        return False
    # An argument that would hide a module's name carries an underscore (PEP 8).
    names = [[each.rstrip("_") for each in inspect.signature(one).parameters] for one in (found, wanted)]
    return names[0][: len(names[1])] == names[1]


def install(points: Points) -> list[str]:
    """Put a point before and after every call, commit and request of this process; gives the ports that were found."""
    covered = []
    for protocol in port_protocols():
        for implementation in implementations(protocol):
            covered.append(f"{protocol.__name__}={implementation.__name__}")
            for name in calls_of(protocol):
                _around_call(points, implementation, name)
    _around_commits(points)
    _around_requests(points)
    return covered


def _around_call(points: Points, owner: type, name: str) -> None:
    found = getattr(owner, name)
    if getattr(found, "is_point", False):
        return

    @functools.wraps(found)
    async def call(self: Any, *values: Any, **named: Any) -> Any:
        point = f"{owner.__name__}.{name}{_question(name, values)}"
        points.reach(f"before {point}")
        answer = await found(self, *values, **named)
        points.reach(f"after {point}")
        return answer

    call.is_point = True  # type: ignore[attr-defined]
    setattr(owner, name, call)


def _question(name: str, values: Sequence[Any]) -> str:
    """A node has one door and many questions: each method is a point of its own."""
    if name == "call" and values:
        return f"({values[0]})"
    if name == "batch" and values:
        return f"({'+'.join(sorted({method for method, _ in values[0]}))})"
    return ""


def _around_commits(points: Points) -> None:
    """A commit is named by the tables that the transaction wrote; one that wrote nothing is no point."""
    written: dict[int, set[str]] = {}

    def note(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        begin = statement.lstrip()[:200].lower()
        for verb in WRITES:
            if begin.startswith(verb):
                table = begin.removeprefix(verb).split()[0].strip('"')
                written.setdefault(id(connection), set()).add(table)

    def before(connection: Connection) -> None:
        if tables := written.get(id(connection)):
            points.reach(f"before commit({_named(tables)})")

    def forget(connection: Connection) -> None:
        written.pop(id(connection), None)

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", before)
    event.listen(Engine, "rollback", forget)
    _after_commits(points, written)


def _after_commits(points: Points, written: dict[int, set[str]]) -> None:
    done = Connection._commit_impl

    def commit(self: Connection) -> None:
        done(self)
        if tables := written.pop(id(self), None):
            points.reach(f"after commit({_named(tables)})")

    Connection._commit_impl = commit  # type: ignore[method-assign]


def _named(tables: set[str]) -> str:
    return "+".join(sorted(tables))


def _around_requests(points: Points) -> None:
    """Whatever is asked over HTTP: registries and push services. The first part of a path says what is asked."""
    ask = httpx.AsyncHTTPTransport.handle_async_request

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        point = f"{request.method} /{request.url.path.strip('/').split('/')[0]}"
        points.reach(f"before {point}")
        answer = await ask(self, request)
        points.reach(f"after {point}")
        return answer

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]
