"""A model hub on this machine: repositories of small files, served as huggingface_hub asks for them.

In a test take the fixture `fake_hub`: what is put there is what the process then finds on "the hub", with a
cache of its own. A child process finds it by `fake_hub.environment`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Repository:
    """Files by revision, and who may read them."""

    revisions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    access: str = "public"  # or "private" (401, as one that is not there), "gated" (401), "refused" (403)

    def commit(self, revision: str) -> str | None:
        """Hash of what a branch, a tag or that hash itself names."""
        hashes = {name: _digest(files) for name, files in self.revisions.items()}
        return hashes.get(revision, revision if revision in hashes.values() else None)

    def files(self, revision: str) -> dict[str, bytes]:
        """Of a revision that is there."""
        commit = self.commit(revision)
        return next(files for files in self.revisions.values() if _digest(files) == commit)


class FakeHub:
    """The server; `requests` are the lines that were asked for, `METHOD /path`.

    Attributes:
        url: what HF_ENDPOINT is to be.
        cache: folder of the cache that goes with it.
        repositories: ORG/NAME → Repository.
        breaks_after: bytes of a file after which the connection is cut, once; None: never.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.breaks_after: int | None = None
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What a child process has to be told."""
        told = {"HF_ENDPOINT": self.url, "HF_HUB_CACHE": str(self.cache), "HF_HUB_OFFLINE": "0"}
        return {**told, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}

    def put(self, name: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Put files in place of what a revision held; gives the commit's hash."""
        repository = self.repositories.setdefault(name, Repository())
        repository.revisions[revision] = dict(files)
        return _digest(files)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _digest(files: dict[str, bytes]) -> str:
    """Forty hexadecimal digits, as of a commit."""
    parts = [f"{name} {hashlib.sha1(data).hexdigest()}" for name, data in sorted(files.items())]
    return hashlib.sha1("\n".join(parts).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    """Answers about repositories (`/api/models/…`) and hands out their files (`/ORG/NAME/resolve/…`)."""

    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        words = path.strip("/").split("/")
        of_api = words[:2] == ["api", "models"]
        name, rest = "/".join(words[2:4] if of_api else words[:2]), words[4:] if of_api else words[2:]
        repository = self.hub.repositories.get(name)
        if repository is None or repository.access == "private":
            self._fail(401 if repository else 404, "RepoNotFound")
            return
        if repository.access != "public":
            self._fail(401 if repository.access == "gated" else 403, "GatedRepo")
            return
        kind, revision = rest[0] if rest else "revision", rest[1] if len(rest) > 1 else "main"
        commit = repository.commit(revision)
        if commit is None:
            self._fail(404, "RevisionNotFound")
            return
        files = repository.files(revision)
        if of_api and kind == "revision":
            self._json({"id": name, "sha": commit, "siblings": [{"rfilename": each} for each in files]})
        elif of_api and kind == "tree":
            self._json([_entry(path, data) for path, data in sorted(files.items())])
        elif kind == "resolve" and "/".join(rest[2:]) in files:
            self._file(files["/".join(rest[2:])], commit)
        else:
            self._fail(404, "EntryNotFound", {"X-Repo-Commit": commit})

    def _file(self, data: bytes, commit: str) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
            **({"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}),
        }
        limit = self.hub.breaks_after
        cut = self.command == "GET" and limit is not None and limit < len(data) - start
        if cut:
            self.hub.breaks_after = None
        self._send(206 if start else 200, data[start:], headers, limit if cut else None)

    def _json(self, content: object) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _fail(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code, **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str], limit: int | None = None) -> None:
        """The whole body, or its first bytes and then nothing."""
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[:limit])
        if limit is not None:
            self.close_connection = True


def _entry(path: str, data: bytes) -> dict[str, Any]:
    """A file as the listing of a repository has it."""
    return {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
