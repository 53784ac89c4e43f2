"""A bad line between clients and candor: LISTEN-PORT TARGET-PORT.

Of the posts that arrive, one in four is answered with 500 after candor has taken it in, one in five
with 429 before candor hears of it, and one in seven is taken in and its answer lost. The rest passes as
it is, and so does everything that isn't a post. A browser may read each answer, as it may candor's own.
"""

import http.client
import itertools
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler

listen, target = int(sys.argv[1]), int(sys.argv[2])
numbers = itertools.count(1)
lock = threading.Lock()
KEPT = {"content-type", "retry-after"}
CORS = "access-control-"


class Line(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, *headers):
        origin = self.headers.get("Origin")
        if origin:
            headers = [*headers, ("Access-Control-Allow-Origin", origin),
                       ("Access-Control-Allow-Credentials", "true"),
                       ("Access-Control-Expose-Headers", "Retry-After")]
        self.answer(status, [("Content-Type", "application/json"), *headers], b'{"code":"bad","message":"line"}')

    def ask(self, body=None):
        line = http.client.HTTPConnection("127.0.0.1", target, timeout=30)
        headers = {n: v for n, v in self.headers.items() if n.lower() not in ("host", "connection")}
        line.request(self.command, self.path, body, headers)
        reply = line.getresponse()
        return reply, reply.read()

    def pass_on(self, reply, said):
        is_kept = lambda name: name in KEPT or name.startswith(CORS)
        self.answer(reply.status, [h for h in reply.getheaders() if is_kept(h[0].lower())], said)

    def do_GET(self):
        try:
            self.pass_on(*self.ask())
        except OSError:
            self.refuse(502)

    do_OPTIONS = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            number = next(numbers)
        if number % 5 == 2:
            return self.refuse(429, ("Retry-After", "1"))
        try:
            reply, said = self.ask(body)
        except OSError:
            return self.refuse(502)
        if number % 4 == 3:
            return self.refuse(500)
        if number % 7 == 4:
            self.close_connection = True
            return self.connection.close()
        self.pass_on(reply, said)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", listen), Line).serve_forever()
