"""What wraps every answer: security headers, HEAD as GET without a body, the limit on request bodies."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import problem
from service.api.settings import PREFIX, ServeSettings, is_loopback

PAGE_POLICY = ("default-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; "
               "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": PAGE_POLICY,
}


class TooLargeError(HTTPException):
    """A request body longer than allowed; an HTTPException, because the framework hides any other kind."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(413, f"the body is longer than {most_bytes} bytes")


class Guard:
    """ASGI middleware with the three duties named above, and the refusal of foreign Host names for changes."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET"} if head else scope

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await problem(*refusal)(inner, receive, guarded)
            return
        await self.app(inner, self._counted(receive), guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, kind and detail when a request is refused by its headers alone."""
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self.settings.max_body_bytes:
            return 413, "too-large", f"the body is longer than {self.settings.max_body_bytes} bytes"
        if headers.get("content-encoding", "identity") != "identity":
            return 415, "unsupported-media-type", "compressed request bodies are not taken"
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        if not self._known_host(headers.get("host", "")):  # a foreign page that made its name point here
            return 403, "not-allowed", "runs are started under this server's own name only; see --public-url"
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if (scope["method"], scope["path"]) == ("POST", f"{PREFIX}/runs") and kind != "application/json":
            return 415, "unsupported-media-type", "send application/json"
        return None

    def _known_host(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        public = self.settings.public_url
        return (not is_loopback(self.settings.host) or is_loopback(name)
                or (public is not None and f"//{host}" in public))

    def _counted(self, receive: Receive) -> Receive:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.settings.max_body_bytes:
                raise TooLargeError(self.settings.max_body_bytes)
            return message
        return counted
