"""A hub of our own on this machine, with which the real client of huggingface_hub talks."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class Hub:
    """Repositories with one commit each.

    Attributes:
        files: repository -> path -> content. commits: repository -> its one commit. gated: repositories for which a
        token is needed that is in `readers`. asked: every path that was asked for. stop_at: path whose content ends in
        the middle, once.
    """

    files: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    stop_at: str = ""
    url: str = ""

    def add(self, repository: str, commit: str, files: Mapping[str, bytes] | Path) -> None:
        if isinstance(files, Path):
            files = {p.relative_to(files).as_posix(): p.read_bytes() for p in files.rglob("*") if p.is_file()}
        self.files[repository], self.commits[repository] = files, commit


class Answers(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.asked.append(path)
        parts = path.removeprefix("api/models/").split("/")
        repository, rest = "/".join(parts[:2]), parts[2:]
        if repository not in self.hub.files:
            return self.refuse(401, "RepoNotFound")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not path.startswith("api/") and repository in self.hub.gated and token not in self.hub.readers:
            return self.refuse(403 if token else 401, "GatedRepo")  # its list of files is public
        commit, files = self.hub.commits[repository], self.hub.files[repository]
        if len(rest) > 1 and rest[1] not in (commit, "main"):
            return self.refuse(404, "RevisionNotFound")
        if path.startswith("api/"):
            return self.send(json.dumps(self.listed(repository, commit, files, rest)).encode(), {})
        name = "/".join(rest[2:])
        if name not in files:
            return self.refuse(404, "EntryNotFound")
        tag = hashlib.sha256(files[name]).hexdigest()
        self.send(files[name], {"ETag": f'"{tag}"', "X-Repo-Commit": commit}, name)

    def listed(self, repository: str, commit: str, files: Mapping[str, bytes], rest: list[str]) -> Any:
        if rest[:1] == ["tree"]:
            return [
                {"type": "file", "path": n, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                for n, c in files.items()
            ]
        return {"id": repository, "modelId": repository, "sha": commit, "private": False, "downloads": 0, "likes": 0,
                "tags": [], "siblings": [{"rfilename": n} for n in files]}  # fmt: skip

    def send(self, content: bytes, headers: Mapping[str, str], name: str = "") -> None:
        self.send_response(200)
        for key, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if name and name == self.hub.stop_at:
            self.hub.stop_at = ""
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub at an address of its own."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnAnswers", (Answers,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def point_at(hub: Hub, cache: Path, patch: pytest.MonkeyPatch) -> None:
    """Have huggingface_hub talk to `hub`, keep what it fetches in `cache`, and know no token."""
    from huggingface_hub import constants

    patch.setattr(constants, "ENDPOINT", hub.url)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    patch.setattr(constants, "HF_HUB_CACHE", str(cache))
    patch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    patch.delenv("HF_TOKEN", raising=False)
    patch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
