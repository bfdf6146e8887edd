"""A password: what it keeps shut, and how fast it can be tried."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipelines.errors import BadSetting
from ui.backend import Backend
from ui.guard import LOG_IN, TOO_MANY_LOGINS
from ui.login import credentials

from .conftest import refuse, serve

USER, PASSWORD = "ann", "correct horse battery"


@pytest.fixture()
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """An app without weights that asks for a name and a password."""
    monkeypatch.setenv("VLAD_USER", USER)
    monkeypatch.setenv("VLAD_PASSWORD", PASSWORD)
    for address in serve(Backend(refuse)):
        with httpx.Client(base_url=address, trust_env=False) as client:
            yield client


def test_nothing_is_open_before_the_login_and_everything_after_it(locked: httpx.Client) -> None:
    shut = ("config", "gradio_api/info", "gradio_api/openapi.json", "gradio_api/queue/status", "gradio_api/heartbeat/x")
    for path in (*shut, "gradio_api/queue/data?session_hash=s", "gradio_api/file=/tmp/gradio/x", "gradio_api/mcp/"):
        answer = locked.get(path)
        assert answer.status_code == 401, path
        assert answer.json().get("detail") == LOG_IN or "Not authenticated" in answer.text
    for path in ("queue/join", "call/plan", "upload", "cancel", "reset", "component_server", "mcp/"):
        assert locked.post(f"gradio_api/{path}", json={}).status_code == 401, path
    assert '"auth_required":true' in locked.get("").text and '"components":[]' in locked.get("").text
    forged = {"Cookie": "access-token-unsecure-x=1; access-token-x=1"}
    assert locked.post("gradio_api/cancel", json={}, headers=forged).status_code == 401
    assert locked.post("login", data={"username": USER, "password": PASSWORD}).json() == {"success": True}
    assert "dependencies" in locked.get("config").json()
    left = {"session_hash": "s", "fn_index": 1, "event_id": "e"}
    assert locked.post("gradio_api/cancel", json=left).status_code == 200
    assert locked.get("gradio_api/mcp/").status_code == 404  # there is none: its clients could not log in


def test_a_program_can_log_in(locked: httpx.Client) -> None:
    api = pytest.importorskip("gradio_client")
    with pytest.raises(Exception, match="(?i)auth|credentials|401"):
        api.Client(str(locked.base_url), ssl_verify=False, verbose=False)
    client = api.Client(str(locked.base_url), auth=(USER, PASSWORD), ssl_verify=False, verbose=False)
    assert client.predict("A sign that says 'Open'", api_name="/understand")["parts"]


def test_passwords_cannot_be_tried_quickly(locked: httpx.Client) -> None:
    answers = [locked.post("login", data={"username": USER, "password": f"guess {k}"}) for k in range(14)]
    assert [a.status_code for a in answers[:10]] == [400] * 10
    assert answers[-1].status_code == 429 and answers[-1].json() == {"detail": TOO_MANY_LOGINS}
    assert answers[-1].headers["retry-after"] == "10"
    assert locked.post("login", data={"username": USER, "password": PASSWORD}).status_code == 429


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"VLAD_USER": "ann", "VLAD_PASSWORD": "short"}, "fewer than 12 characters"),
        ({"VLAD_USER": "ann"}, "set both"),
        ({"VLAD_PASSWORD": PASSWORD}, "set both"),
    ],
)
def test_a_weak_or_half_password_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(BadSetting, match=said) as refused:
        credentials(environment)
    assert environment.get("VLAD_PASSWORD", "-") not in str(refused.value)


def test_without_either_everybody_may_come_in() -> None:
    assert credentials({}) is None and credentials({"VLAD_USER": " ", "VLAD_PASSWORD": ""}) is None
    assert credentials({"VLAD_USER": USER, "VLAD_PASSWORD": PASSWORD}) == (USER, PASSWORD)


def test_the_app_does_not_start_with_a_weak_password(root: Path) -> None:
    environment = {**os.environ, "VLAD_USER": "ann", "VLAD_PASSWORD": "short"}
    done = subprocess.run([sys.executable, "app.py"], cwd=root, env=environment, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "fewer than 12 characters" in last and "Traceback" not in done.stderr
