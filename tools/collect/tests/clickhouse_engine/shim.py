"""Serves the HTTP interface of ClickHouse out of chdb, which is its engine of today in a process.

It has no users, and no settings but those of inserts: python shim.py DATA PORT_FILE.
"""

import http.server
import os
import re
import sys
import tempfile
import urllib.parse

from chdb import session

CODINGS = {None: "none", "gzip": "gzip", "lz4": "lz4"}
FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*$")


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = urllib.parse.urlsplit(self.path).query
        settings = dict(urllib.parse.parse_qsl(query))
        statement = settings.pop("query", None)
        settings.pop("wait_end_of_query", None)
        try:
            if statement is None:
                answer = execute(body.decode())
            else:
                answer = insert(statement, settings, body, self.headers["Content-Encoding"])
        except RuntimeError as error:
            code = re.match(r"Code: (\d+)", str(error))
            headers = [("X-ClickHouse-Exception-Code", code.group(1) if code else "1000")]
            return self.answer(500, str(error).encode(), headers)
        self.answer(200, answer, [])

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def execute(statement):
    wanted = FORMAT.search(statement)
    plain = statement[: wanted.start()] if wanted else statement
    return ENGINE.query(plain, wanted.group(1) if wanted else "TabSeparated").bytes() or b""


def insert(statement, settings, body, coding):
    wanted = FORMAT.search(statement)
    pairs = ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        return execute_insert(
            f"{statement[: wanted.start()]} FROM INFILE {quoted(file.name)} COMPRESSION "
            f"'{CODINGS[coding]}' {'SETTINGS ' + pairs if pairs else ''} FORMAT {wanted.group(1)}"
        )


def execute_insert(statement):
    ENGINE.query(statement)
    return b""


if __name__ == "__main__":
    ENGINE = session.Session(sys.argv[1])
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    with open(sys.argv[2] + ".new", "w") as file:
        file.write(str(server.server_port))
    os.rename(sys.argv[2] + ".new", sys.argv[2])
    server.serve_forever()
