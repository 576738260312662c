"""A provider of OpenID Connect on this machine; it accepts everybody under one name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, NAME = "cellstate-test", "A. Made-Up Visitor"


class _Provider(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.key = RSAKey.generate_key(2048, {"kid": "made-up", "use": "sig", "alg": "RS256"})
        self.address = f"http://127.0.0.1:{self.server_port}"
        #: The nonce that a token must repeat, by its code.
        self.nonces: dict[str, str] = {}


class _Answers(BaseHTTPRequestHandler):
    server: _Provider

    def do_GET(self) -> None:
        url, provider = urlsplit(self.path), self.server
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            endpoints = {f"{what}_endpoint": f"{provider.address}/{what}" for what in ("authorization", "token")}
            settings = {"issuer": provider.address, "jwks_uri": f"{provider.address}/keys", **endpoints}
            supported = {"id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["code"]}
            self._answer(settings | supported)
        elif url.path == "/keys":
            self._answer(dict(KeySet([provider.key]).as_dict(private=False)))
        elif url.path == "/authorization" and query["client_id"] == CLIENT:
            code = f"code-{len(provider.nonces)}"
            provider.nonces[code] = query["nonce"]
            self.send_response(302)
            parameters = urlencode({"code": code, "state": query["state"]})
            self.send_header("Location", f"{query['redirect_uri']}?{parameters}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        provider = self.server
        query = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        nonce, now = provider.nonces.pop(query["code"][0]), int(time.time())
        claims = {"iss": provider.address, "aud": CLIENT, "sub": "1", "name": NAME, "nonce": nonce, "iat": now}
        token = jwt.encode({"alg": "RS256", "kid": "made-up"}, claims | {"exp": now + 600}, provider.key)
        self._answer({"access_token": "made-up", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _answer(self, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Print nothing."""


@contextmanager
def provider() -> Iterator[str]:
    """Answer on a free port until the block ends; yields the section ``[auth]`` of a server that uses this provider."""
    with _Provider() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"""
[auth]
redirect_uri = "ADDRESS/oauth2callback"
cookie_secret = "made-up-{"x" * 40}"
client_id = "{CLIENT}"
client_secret = "made-up"
server_metadata_url = "{server.address}/.well-known/openid-configuration"
"""
        server.shutdown()
