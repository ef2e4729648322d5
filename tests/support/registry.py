#!/usr/bin/env python3
"""A registry in memory, as much of it as docker needs to push and pull: tests/registry.py PORT"""
import hashlib
import json
import re
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOBS, MANIFESTS, UPLOADS = {}, {}, {}


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Docker tries TLS first, and goes on without it when the answer to that is HTTP of a kind.
    default_request_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def missing(self, code):
        self.reply(404, json.dumps({"errors": [{"code": code, "message": "unknown"}]}).encode())

    def fetch(self):
        path = self.path.split("?")[0]
        if path in ("/v2", "/v2/"):
            return self.reply(200, b"{}")
        if found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", path):
            known = MANIFESTS.get(found.groups())
            if not known:
                return self.missing("MANIFEST_UNKNOWN")
            kind, data = known
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            return self.reply(200, data, {"Content-Type": kind, "Docker-Content-Digest": digest, "Content-Length": str(len(data))})
        if found := re.fullmatch(r"/v2/(.+)/blobs/(.+)", path):
            data = BLOBS.get(found[2])
            if data is None:
                return self.missing("BLOB_UNKNOWN")
            return self.reply(200, data, {"Docker-Content-Digest": found[2], "Content-Length": str(len(data))})
        return self.missing("UNSUPPORTED")

    do_GET = do_HEAD = fetch

    def do_POST(self):
        name = re.fullmatch(r"/v2/(.+)/blobs/uploads/", self.path.split("?")[0])[1]
        self.body()
        upload = str(uuid.uuid4())
        UPLOADS[upload] = b""
        self.reply(202, headers={"Location": f"/v2/{name}/blobs/uploads/{upload}", "Docker-Upload-UUID": upload, "Range": "0-0"})

    def do_PATCH(self):
        path = self.path.split("?")[0]
        upload = path.rsplit("/", 1)[1]
        UPLOADS[upload] += self.body()
        self.reply(202, headers={"Location": path, "Docker-Upload-UUID": upload, "Range": f"0-{len(UPLOADS[upload]) - 1}"})

    def do_PUT(self):
        path, _, query = self.path.partition("?")
        if found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", path):
            data = self.body()
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            for reference in {found[2], digest}:
                MANIFESTS[found[1], reference] = (self.headers.get("Content-Type"), data)
            return self.reply(201, headers={"Location": path, "Docker-Content-Digest": digest})
        upload = path.rsplit("/", 1)[1]
        data = UPLOADS.pop(upload) + self.body()
        digest = re.search(r"digest=([^&]+)", query)[1].replace("%3A", ":")
        BLOBS[digest] = data
        return self.reply(201, headers={"Location": path, "Docker-Content-Digest": digest})


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Registry).serve_forever()
