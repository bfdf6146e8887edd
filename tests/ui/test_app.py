"""The served app: its public functions, its limits, and that it opens without weights."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import app
from pipelines.config import get_preset
from ui import demo
from ui.backend import Backend

from .conftest import MISSING, free_port, refuse

READY_S = 90  # generous: other tests may share the processors; the bench measures the real figure


def test_a_preset_without_adapters_says_so_on_the_page():
    says = get_preset("full").says
    assert len(says) == 2 and "plain Stable Diffusion 3" in says[0] and "plain LLaVA-NeXT" in says[1]
    page = str(demo.build(Backend(refuse, says=says)).get_config_file())
    assert all(s.replace("'", "&#x27;") in page or s in page for s in says)
    assert not get_preset("mini").says and "says" not in [
        c.elem_id for c in demo.build(Backend(refuse)).blocks.values()
    ]


def test_the_page_needs_no_torch(root: Path) -> None:
    code = (
        "import sys, ui.demo; from ui.backend import Backend;"
        "ui.demo.build(Backend(lambda: None)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_public_functions_have_names_types_and_words() -> None:
    page = demo.build(Backend(refuse))
    public = {f.api_name: f for f in page.fns.values() if f.api_visibility == "public"}
    assert set(public) == {"understand", "plan", "draw", "generate", "read_back", "ask", "reconstruct", "tokens"}
    for block in public.values():
        assert block.fn.__name__ == block.api_name  # the name of the tool of the MCP server
        assert block.fn.__doc__ and "Args:" in block.fn.__doc__ and "return" in block.fn.__annotations__
    assert {f.concurrency_id for n, f in public.items() if n not in ("understand", "ask")} == {"model"}


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    args = app.parse(["--port", "1234", "--host", "0.0.0.0"])
    assert (args.preset, args.host, args.port) == ("mini", "0.0.0.0", 1234)
    with pytest.raises(SystemExit):
        app.parse(["--preset", "none"])
    assert "preset" in capsys.readouterr().err.lower()


def test_the_app_refuses_what_it_should(empty_url: str) -> None:
    with httpx.Client(base_url=empty_url) as client:
        assert client.get("").status_code == 200
        assert client.post("gradio_api/run/plan", json={"data": ["x", 0, 0.5, False, ""]}).status_code == 404
        assert client.get("", headers={"Host": "evil.test"}).status_code == 400
        big = client.post(
            "gradio_api/queue/join", content=b"x" * (5 << 20), headers={"content-type": "application/json"}
        )
        assert big.status_code == 413
        assert client.get("gradio_api/file=http://127.0.0.1/x").status_code == 403
        assert client.get("gradio_api/file=/etc/passwd").status_code in (403, 404)
        assert client.get(f"gradio_api/file={Path(app.__file__).resolve()}").status_code in (403, 404)
        assert client.get("docs").status_code == 404
        assert client.get("").headers["x-content-type-options"] == "nosniff"


def test_a_photograph_may_be_larger_than_any_other_request(empty_url: str) -> None:
    from ui.guard import MAX_BODY, MAX_UPLOAD, Guard

    limit = Guard(None).limit
    assert limit("/gradio_api/upload") == MAX_UPLOAD and limit("/gradio_api/queue/join") == MAX_BODY
    with httpx.Client(base_url=empty_url, timeout=60) as client:
        photo = client.post("gradio_api/upload", files={"files": ("photo.jpg", b"x" * (MAX_BODY + 1), "image/jpeg")})
        assert photo.status_code == 200 and len(photo.json()) == 1


def test_a_flood_is_slowed_down() -> None:
    from ui.guard import REQUESTS, Guard

    requests = Guard(None).requests
    taken = [requests.take("a") for _ in range(int(REQUESTS.burst) * 2)]
    assert sum(taken) < REQUESTS.burst * 1.5 and requests.take("b")


def test_understanding_works_over_the_wire_without_weights(empty_url: str) -> None:
    client = pytest.importorskip("gradio_client").Client(empty_url, ssl_verify=False, verbose=False)
    read = client.predict("A sign that says 'Open'", api_name="/understand")
    assert any(part["text"] == "Open" for part in read["parts"])
    with pytest.raises(Exception, match="checkpoints/none"):
        client.predict(prompt="A sign that says 'Open'", api_name="/plan")


def test_generate_over_the_wire(url: str) -> None:
    client = pytest.importorskip("gradio_client").Client(url, ssl_verify=False, verbose=False)
    pictures, layout = client.predict(prompt="A poster that says 'Hi'", seed=1, images=2, api_name="/generate")
    assert len(pictures) == 2 and pictures[0]["image"].endswith(".png")
    assert any(e["text"] == "Hi" for e in layout["elements"])


@pytest.mark.slow
def test_the_command_serves_the_page_on_the_port_of_the_environment(root: Path, tmp_path: Path) -> None:
    port = free_port()
    env = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "app.py"], cwd=root, env=env, stdout=log, stderr=log)
    try:
        began = time.monotonic()
        while not _up(port) and time.monotonic() - began < READY_S:
            assert server.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.5)
        assert _up(port), (tmp_path / "log").read_text()
    finally:
        server.terminate()
        server.wait(20)


def _up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_missing_is_a_sentence() -> None:
    assert MISSING.endswith(".") and ";" in MISSING
