"""One HTTP connection pool to an endpoint. The key is sent in a header, and is used nowhere else."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from m1flow.endpoints.event_stream import whole_body
from m1flow.endpoints.protocol import Broken, Passing, Silent, redact
from m1flow.study.settings.endpoints import EndpointSettings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CONNECT_SECONDS = 30.0
_IDLE_SECONDS = 3.0
"""Seconds after which idle connections are not used again: servers close them, some after 5 s."""


class EndpointHttp:
    """Sends requests to ``{url}/chat/completions``. Must be made and used within one event loop."""

    def __init__(self, settings: EndpointSettings, key: str | None):
        """Take `endpoints.<name>` of the config and the key; nothing is connected yet."""
        self._url = settings.url.rstrip("/") + "/chat/completions"
        self._key = key
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=proxy_for(self._url),
        )

    async def post(self, body: bytes, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; return status, headers and whole body of the response.

        Raises:
            Silent: no response came in time.
            Broken: a response of status 200 was cut short.
            Passing: the request failed and can't have been billed.
        """
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)
        status = None
        # The text of aiohttp's errors may hold parts of requests and responses: only their class is reported.
        try:
            async with self._session.post(self._url, data=body, timeout=limit, allow_redirects=False) as response:
                status = response.status
                if status == 200 and response.content_type == "text/event-stream":
                    return status, response.headers, await whole_body(response.content)
                return status, response.headers, await response.read()
        except Broken as error:
            raise Broken(redact(str(error), self._key)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise Passing(f"no connection: {redact(reason, self._key)}") from None
        except TimeoutError:
            raise Silent(f"no complete response within {seconds:.0f} s") from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError) as error:
            kind = type(error).__name__
            if status is None:
                raise Silent(f"the connection broke: {kind}") from None
            raise (Broken if status == 200 else Passing)(f"a response cut short: status {status}, {kind}") from None

    async def close(self) -> None:
        """Disconnect."""
        await self._session.close()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment sets for a URL (http_proxy, https_proxy, no_proxy); None for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)
