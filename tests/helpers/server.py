"""A web server on 127.0.0.1 that goes wrong in the ways that download servers go wrong."""

import contextlib
import gzip
import select
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = dict  # see Handler.do_GET for what may be in it


@dataclass
class Server:
    """`files` by path; `faults` are used up one a request; `seen` is what was asked for.

    A fault may hold: cut (bytes sent before the connection breaks), chunked (the body comes in chunks),
    length (False: no Content-Length), status, page (a web page instead), redirect (an address), stall
    (silence after the head), release (an event to wait for after `cut` bytes), shift (a 206 begins that
    much later than asked), slice (a 206 holds that much and no more), gzip (the body is packed, as a header
    says), endless (chunks without end), drip ("head" or "body": a byte now and then, without end).
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    tag: str | None = '"1"'
    ranges: bool = True
    closing: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving(tls=None):
    """A running `Server`; with `tls`, an ssl context, over https."""
    server = Server()
    handler = type("Bound", (Handler,), {"server_state": server})
    http = Quiet(("127.0.0.1", 0), handler)
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    server.port = http.server_address[1]
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.closing.set()
        http.shutdown()
        http.server_close()


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that go away are what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: Server

    def log_message(self, *_):
        pass

    def do_GET(self):
        state = self.server_state
        state.seen.append((self.path, self.headers.get("Range")))
        fault = state.faults.pop(0) if state.faults else {}
        body = state.files.get(self.path.partition("?")[0])
        if "redirect" in fault:
            return self._plain(302, b"", location=fault["redirect"])
        if body is None or "status" in fault or "page" in fault:
            return self._plain(fault.get("status", 200 if "page" in fault else 404), b"<title>Error</title>")
        begin = self._begin()
        if begin:
            begin += fault.get("shift", 0)
            body = body if "slice" not in fault else body[: begin + fault["slice"]]
        with contextlib.suppress(OSError):
            if "gzip" in fault:
                body = body[:begin] + gzip.compress(body[begin:])
            if fault.get("drip") == "head":
                self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            self._head(body, begin, fault)
            if fault.get("drip") == "body":
                self._drip(b"")
            self._body(body[begin:], fault)
        return None

    def _drip(self, head):
        self.wfile.write(head)
        while not self.server_state.closing.wait(0.02):
            self.wfile.write(b"x")
            self.wfile.flush()

    def _plain(self, status, body, location=None):
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _begin(self):
        state, asked = self.server_state, self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, state.tag)
        if not asked or not state.ranges or not same:
            return 0
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def _head(self, body, begin, fault):
        state = self.server_state
        self.send_response(206 if begin else 200)
        if body.startswith(b"<"):
            self.send_header("Content-Type", "text/html; charset=utf-8")
        else:
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Disposition", 'attachment; filename="faces.zip"')
        if state.tag:
            self.send_header("ETag", state.tag)
        if begin:
            whole = len(state.files[self.path.partition("?")[0]])
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{whole}")
        if "gzip" in fault:
            self.send_header("Content-Encoding", "gzip")
        if fault.get("chunked") or "endless" in fault:
            self.send_header("Transfer-Encoding", "chunked")
        elif fault.get("length", True):
            self.send_header("Content-Length", str(len(body) - begin))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def _body(self, rest, fault):
        cut = fault.get("cut", len(rest))
        while "endless" in fault:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(rest), rest))
        if fault.get("chunked"):
            self.wfile.write(b"%x\r\n%b" % (len(rest), rest[:cut]))
        else:
            self.wfile.write(rest[:cut])
        self.wfile.flush()
        if fault.get("stall"):
            self.server_state.closing.wait(30)
        if "release" in fault:
            fault["release"].wait(60)
            self.wfile.write(rest[cut:])
        if cut < len(rest) or not fault.get("length", True):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


# ---- a Google Drive of our own --------------------------------------------------------------------

# One line each, as Google's are, and as gdown reads them.
CONFIRM = (
    b"<html><head><title>Google Drive - Virus scan warning</title></head><body>"
    b'<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    b'<input type="hidden" name="id" value="classfile"><input type="hidden" name="export" value="download">'
    b'<input type="hidden" name="confirm" value="t"></form></body></html>'
)
QUOTA = (
    b"<html><head><title>Google Drive - Quota exceeded</title></head><body>"
    b'<p class="uc-error-caption">Sorry, you can&#39;t view or download this file at this time.</p>'
    b'<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p>'
    b"</body></html>"
)
HOSTS = ("drive.google.com", "drive.usercontent.google.com", "docs.google.com")


@contextlib.contextmanager
def proxying(to):
    """An https proxy that leads every connection to the TLS `Server` `to`; yields its address."""

    class Proxy(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_CONNECT(self):
            with socket.create_connection(("127.0.0.1", to.port)) as upstream:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                with contextlib.suppress(OSError):
                    _pump(self.connection, upstream)

    http = Quiet(("127.0.0.1", 0), Proxy)
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()


def _pump(a, b):
    while True:
        for source in select.select([a, b], [], [])[0]:
            data = source.recv(1 << 16)
            if not data:
                return
            (b if source is a else a).sendall(data)


@contextlib.contextmanager
def google_drive(folder):
    """A `Server` that answers as Google's hosts do, and the environment that leads requests to it."""
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    with serving(context) as drive, proxying(drive) as proxy:
        yield drive, {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1",
                      "REQUESTS_CA_BUNDLE": str(folder / "authority.pem")}  # fmt: skip
