"""The page's server: for one person on this machine. It listens at 127.0.0.1 and nowhere else.

A page from elsewhere could send requests here, too, or point its own name at this address: so the Host header must name
this machine, and what is sent must say with a header of its own that it comes from the page. Both are refused else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from torch import nn

from registry import ZooError
from zoo.demo.work import BYTES, answer

HERE = Path(__file__).parent / "page"
FILES = {"/": "page.html", "/page.js": "page.js", "/style.css": "style.css"}
NAMES = ("127.0.0.1", "localhost")
FROM_PAGE = "x-plate-bytes"  # also how long the first of the two pictures is
MOST_WAITING = 8
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Next = Callable[[Request], Awaitable[Response]]


class RefusedError(ZooError):
    """A request that is refused, with its status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class Desk:
    """One computation at a time; the others wait in turn."""

    def __init__(self, networks: Mapping[str, nn.Module]):
        self.networks, self.turn, self.waiting = networks, asyncio.Lock(), 0

    def list(self, _: Request) -> Response:
        return JSONResponse({"networks": list(self.networks), "waiting": self.waiting})

    async def predict(self, request: Request) -> Response:
        plate, photo = await _pictures(request)
        if self.waiting >= MOST_WAITING:
            raise RefusedError(f"{self.waiting} others are waiting; try again in a moment", 503)
        self.waiting += 1
        try:
            async with self.turn:
                name = request.query_params.get("network", "")
                found = await run_in_threadpool(partial(answer, self.networks, name, plate, photo))
        finally:
            self.waiting -= 1
        return JSONResponse(found)


async def _pictures(request: Request) -> tuple[bytes, bytes]:
    """Plate and photo, which come one behind the other; the plate may be empty."""
    said = request.headers.get(FROM_PAGE, "")
    if not (said.isascii() and said.isdigit() and len(said) < 12):
        raise RefusedError("only the page may call this: the header X-Plate-Bytes is missing", 400)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BYTES:
            raise RefusedError(f"both pictures together have more than {BYTES:,} bytes; give smaller ones", 413)
    first = int(said)
    if first >= len(body):
        raise RefusedError("no photo given; drop one, or take it with the camera", 400)
    return bytes(body[:first]), bytes(body[first:])


def app(networks: Mapping[str, nn.Module], port: int) -> Starlette:
    """networks: by the names that the page shows."""
    desk = Desk(networks)
    hosts = {f"{name}:{port}" for name in NAMES}

    def file(request: Request) -> Response:
        return FileResponse(HERE / FILES[request.url.path])  # one of three, never a path from outside

    routes = [
        *(Route(path, file) for path in FILES),
        Route("/networks", desk.list),
        Route("/predict", desk.predict, methods=["POST"]),
    ]

    async def guard(request: Request, call_next: Next) -> Response:
        origin = request.headers.get("origin")
        if request.headers.get("host") not in hosts or (origin and origin.removeprefix("http://") not in hosts):
            response: Response = JSONResponse({"error": "this page is only for this machine"}, 403)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=guard)]
    return Starlette(
        routes=routes, middleware=middleware, exception_handlers={ZooError: _refusal, ClientDisconnect: _gone}
    )


def _refusal(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, getattr(error, "status", 400))


def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)
