"""A provider of OpenID Connect on this machine, who lets everybody in under one name."""

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
        #: What a token must repeat, by the code that it is given for.
        self.nonces: dict[str, str] = {}


class _Answers(BaseHTTPRequestHandler):
    server: _Provider

    def do_GET(self) -> None:
        url, us = urlsplit(self.path), self.server
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            places = {f"{what}_endpoint": f"{us.address}/{what}" for what in ("authorization", "token")}
            told = {"issuer": us.address, "jwks_uri": f"{us.address}/keys", **places}
            self._tell(
                told | {"id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["code"]}
            )
        elif url.path == "/keys":
            self._tell(dict(KeySet([us.key]).as_dict(private=False)))
        elif url.path == "/authorization" and asked["client_id"] == CLIENT:
            code = f"code-{len(us.nonces)}"
            us.nonces[code] = asked["nonce"]
            self.send_response(302)
            self.send_header(
                "Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            )
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        us = self.server
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        nonce, now = us.nonces.pop(asked["code"][0]), int(time.time())
        claims = {"iss": us.address, "aud": CLIENT, "sub": "1", "name": NAME, "nonce": nonce, "iat": now}
        token = jwt.encode({"alg": "RS256", "kid": "made-up"}, claims | {"exp": now + 600}, us.key)
        self._tell({"access_token": "made-up", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _tell(self, what: dict) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Print nothing."""


@contextmanager
def provider() -> Iterator[str]:
    """Answer on a free port until the block ends; yields the section ``[auth]`` of a server who asks this provider."""
    with _Provider() as us:
        Thread(target=us.serve_forever, daemon=True).start()
        yield f"""
[auth]
redirect_uri = "ADDRESS/oauth2callback"
cookie_secret = "made-up-{"x" * 40}"
client_id = "{CLIENT}"
client_secret = "made-up"
server_metadata_url = "{us.address}/.well-known/openid-configuration"
"""
        us.shutdown()
