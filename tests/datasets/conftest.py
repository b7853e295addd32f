"""A server on this machine that gives files away, well and badly."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Answers(BaseHTTPRequestHandler):
    """What is answered depends on the folder that is asked for."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        _, kind, name = self.path.split("/")
        self.server.asked.append(self.path)
        if kind == "404":
            self.send_error(404)
        elif kind == "moved":
            self.send_response(302)
            self.send_header("Location", f"/good/{name}")
            self.end_headers()
        elif kind == "silent":
            self.server.over.wait(10)
        else:
            content = self.server.files[name]
            body = {
                "wrong": bytes(len(content)),
                "short": content[:-7],
                "long": content + b"more",
                "endless": content,
            }.get(kind, content)
            self.send_response(200)
            if kind in ("good", "wrong", "cut"):
                self.send_header("Content-Length", str(len(body)))
            if kind == "announced":
                self.send_header("Content-Length", "99999999999")
            self.end_headers()
            if kind == "cut":
                self.wfile.write(body[: len(body) // 2])
            elif kind == "slow":
                for byte in body:
                    if self.server.over.wait(0.05):
                        return
                    self.wfile.write(bytes([byte]))
            else:
                self.send(body)
                while kind == "endless" and not self.server.over.is_set():
                    self.send(body)

    def send(self, body):
        try:
            self.wfile.write(body)
        except OSError:  # the other side has heard enough
            self.server.over.set()


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    server.asked, server.files, server.over = [], {}, threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.at = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()
