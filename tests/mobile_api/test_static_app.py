"""The built app is served by the API: no second server, no second origin."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from mobile_api.errors import install
from mobile_api.middleware import SafeResponses
from mobile_api.static_app import StaticApp
from tests.mobile_api.world import client_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built app of four files."""
    built = tmp_path / "static"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html><title>the app</title>")
    (built / "assets" / "index-4f3a.js").write_text("export {}")
    (built / "manifest.webmanifest").write_text("{}")
    (built / "sw.js").write_text("self")
    (tmp_path / "secret.txt").write_text("secret")
    return built


def serve(folder: Path) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(SafeResponses)
    install(app)
    app.router.default = StaticApp(folder)
    return client_of(app)


async def test_files_and_the_apps_own_addresses(folder: Path) -> None:
    async with serve(folder) as client:
        for path in ("/", "/index.html", "/orders/ord_1", "/products"):
            page = await client.get(path)
            assert (page.status_code, "the app" in page.text) == (200, True)
            assert page.headers["cache-control"] == "no-cache"
        script = await client.get("/assets/index-4f3a.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-type"].startswith("text/javascript")
        manifest = await client.get("/manifest.webmanifest")
        assert manifest.headers["content-type"] == "application/manifest+json"
        assert (await client.get("/sw.js")).headers["cache-control"] == "no-cache"
        assert (await client.head("/")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/old-1111.js",
        "/favicon.ico",
        "/v1/unknown",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/a%00b",
        "/%ff.txt",
    ],
)
async def test_what_is_missing_is_missing(folder: Path, path: str) -> None:
    async with serve(folder) as client:
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "secret" not in answer.text


async def test_nothing_can_be_posted_to_the_app(folder: Path) -> None:
    async with serve(folder) as client:
        answer = await client.post("/orders")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_without_a_build_the_page_says_what_to_do(tmp_path: Path) -> None:
    async with serve(tmp_path / "static") as client:
        page = await client.get("/")
        assert page.status_code == 200
        assert "npm run build" in page.text
        assert "<script" not in page.text
        assert (await client.get("/assets/index.js")).status_code == 404
        (tmp_path / "static").mkdir()
        (tmp_path / "static" / "index.html").write_text("built since")
        assert (await client.get("/")).text == "built since"


async def test_a_long_name_is_missing_and_no_fault(folder: Path) -> None:
    async with serve(folder) as client:
        assert (await client.get("/" + "a" * 5_000)).status_code in (200, 404)
        assert (await client.get("/" + "a" * 5_000 + ".js")).status_code == 404
