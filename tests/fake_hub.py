"""A model hub on this machine: repositories of small files, served and taken as huggingface_hub asks for it.

In a test take the fixture `fake_hub`: what is put there is what the process then finds on "the hub", with a
cache of its own. A child process finds it by `fake_hub.environment`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGE = (".safetensors", ".gz")
"""What is kept as a large file, by the ends of names."""


@dataclass
class Repository:
    """Files by revision, and who may read them."""

    revisions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    access: str = "public"  # or "private" (401, as one that is not there), "gated" (401), "refused" (403)
    is_private: bool = False  # as its owner, who has a token, sees it
    author: str = "somebody"  # of the last commit

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
        starts: from which byte on a file was asked for, each time.
        breaks_after: bytes of a file after which the connection is cut, once; None: never.
        writers: token → the names of users and organizations that it may write to.
        objects: large files that were sent, by their SHA-256, until a commit takes them.
        meanwhile: called once before a commit is looked at: what somebody else does in between.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.starts: list[int] = []
        self.breaks_after: int | None = None
        self.writers: dict[str, set[str]] = {}
        self.objects: dict[str, bytes] = {}
        self.meanwhile: Callable[[], object] | None = None
        self.is_closed = False
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
        """Stop serving, on connections that are open as well."""
        self.is_closed = True
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

    def parse_request(self) -> bool:
        if self.hub.is_closed:
            self.close_connection = True
        return not self.hub.is_closed and super().parse_request()

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"POST {path}")
        words = path.strip("/").split("/")
        if path == "/api/repos/create":
            asked = json.loads(body)
            self._create(f"{asked['organization']}/{asked['name']}", asked.get("visibility") == "private")
        elif path == "/api/validate-yaml":
            self._card(json.loads(body)["content"])
        elif path.endswith(".git/info/lfs/objects/batch"):
            if self._may_write("/".join(words[:2])):
                self._batch(json.loads(body))
        elif self._may_write("/".join(words[2:4])):
            repository = self.hub.repositories["/".join(words[2:4])]
            getattr(self, f"_{words[4]}")(repository, words[2:4], "/".join(words[5:]), body)

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append(f"PUT {self.path}")
        self.hub.objects[self.path.rpartition("/")[2]] = data
        self._send(200, b"", {})

    def _may_write(self, name: str) -> bool:
        """Whether the token may write there; where not, that has been answered."""
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        allowed = self.hub.writers.get(token)
        if allowed is None:
            self._send(401, b'{"error": "Invalid username or password."}', {})
        elif name.partition("/")[0] not in allowed:
            self._send(403, b'{"error": "You don\'t have the rights"}', {})
        return allowed is not None and name.partition("/")[0] in allowed

    def _card(self, text: str) -> None:
        """What is wrong with a card's metadata."""
        from huggingface_hub import ModelCard

        data = ModelCard(text, ignore_metadata_errors=False).data
        wrong = [] if data.license else [{"message": "license is missing"}]
        self._send(400 if wrong else 200, json.dumps({"errors": wrong, "warnings": []}).encode(), {})

    def _create(self, name: str, private: bool) -> None:
        if not self._may_write(name):
            return
        there = name in self.hub.repositories
        if not there:
            self.hub.repositories[name] = Repository({"main": {".gitattributes": b""}}, is_private=private)
        url = f"{self.hub.url}/{name}"
        self._send(409 if there else 200, json.dumps({"url": url, "name": name}).encode(), {})

    def _branch(self, repository: Repository, _: list[str], branch: str, _body: bytes) -> None:
        there = branch in repository.revisions
        repository.revisions.setdefault(branch, dict(repository.revisions["main"]))
        self._send(409 if there else 200, b"{}", {})

    def _preupload(self, _: Repository, _name: list[str], _revision: str, body: bytes) -> None:
        modes = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for each in json.loads(body)["files"]
        ]
        self._json({"files": modes})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.hub.url}/upload/{each['oid']}"}}}
            for each in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, repository: Repository, name: list[str], revision: str, body: bytes) -> None:
        if self.hub.meanwhile is not None:
            self.hub.meanwhile()
            self.hub.meanwhile = None
        header, *lines = map(json.loads, body.splitlines())
        if header["value"].get("parentCommit") not in {None, repository.commit(revision)}:
            self._fail(412, "PreconditionFailed")
            return
        files = dict(repository.revisions[revision])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        repository.revisions[revision] = files
        oid = repository.commit(revision)
        url = f"{self.hub.url}/{'/'.join(name)}/commit/{oid}"
        self._json({"commitUrl": url, "commitOid": oid, "hookOutput": ""})

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
            siblings = [{**_entry(each, data), "rfilename": each} for each, data in files.items()]
            told = {"id": name, "sha": commit, "private": repository.is_private, "siblings": siblings}
            self._json(told)
        elif of_api and kind == "commits":
            who: dict[str, Any] = {
                "authors": [{"user": repository.author}],
                "date": "2026-01-01T00:00:00.000Z",
            }
            self._json([{"id": commit, "title": "what was there", "message": "", **who}])
        elif of_api and kind == "tree":
            self._json([_entry(path, data) for path, data in sorted(files.items())])
        elif kind == "resolve" and "/".join(rest[2:]) in files:
            self._file(files["/".join(rest[2:])], commit)
        else:
            self._fail(404, "EntryNotFound", {"X-Repo-Commit": commit})

    def _file(self, data: bytes, commit: str) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.hub.starts.append(start)
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
    oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entry = {"type": "file", "path": path, "size": len(data), "oid": oid, "blobId": oid}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        entry["lfs"]["sha256"] = entry["lfs"]["oid"]
    return entry
