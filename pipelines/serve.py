"""The pipelines as replicas behind Ray Serve, on one machine or many, and what speaks to them as if they were here.

    python -m pipelines.serve --replicas 2      serves until interrupted; RAY_ADDRESS joins a cluster that is there
    RAY_ADDRESS=auto python app.py              the page, with its work done by those replicas

Ray Serve queues the requests, deals them out and starts a replica again that died. Answers of the chat that meet in one
replica are decoded together. A request whose replica dies begins again on another one, and what was reported before is
not reported twice: the same seed gives the same reports. Objects travel as Ray sends them, pickled, so a cluster must
be reached by nobody else.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pipelines.config import ROOT, get_preset
from pipelines.errors import NotServed, UserError
from pipelines.vlsa.settings import TOGETHER

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
NAMES = ("vlad", "vlsa")  # of the applications
TRIES = 4  # replicas that a request may meet
PAUSE_S = 1.0  # before the next of them
REACHED_S = 5.0  # longest that the address of a cluster may take to answer
END = object()


@dataclass(frozen=True)
class Refusal:
    """What a pipeline would not do, on its way back."""

    error: UserError


class Replica:
    """One pipeline in a process of its own.

    Args:
        which: 0 for VLAD, 1 for VLSA. preset: its weights. threads: of torch; 0 = as many as it takes. bits: of the
        language model of `full`.
    """

    def __init__(self, which: int, preset: str, threads: int = 0, bits: int = 16) -> None:
        import torch

        from pipelines import load, load_vlsa

        if threads:
            torch.set_num_threads(threads)
        self.pipeline: Any = load(preset) if which == 0 else load_vlsa(preset, language_bits=bits)
        self.pipeline.preload()

    def _do(self, name: str, args: tuple[Any, ...], how: dict[str, Any]) -> Any:
        if name == "rows":
            return self.pipeline.cache.stats()
        if name == "who":
            return os.getpid()
        return getattr(self.pipeline, name)(*args, **how)

    async def once(self, name: str, args: tuple[Any, ...], how: dict[str, Any]) -> Any:
        """What a method of the pipeline returns, or a Refusal; "rows" of its cache, and "who" this process is."""
        try:
            return await asyncio.to_thread(self._do, name, args, how)
        except UserError as e:
            return Refusal(e)

    async def reports(self, name: str, args: tuple[Any, ...], how: dict[str, Any]) -> AsyncGenerator[Any, None]:
        """What a generator of the pipeline yields; a Refusal is the last one."""
        stream = getattr(self.pipeline, name)(*args, **how)
        step: asyncio.Future[Any] | None = None
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(_next, stream))
                report = await asyncio.shield(step)
                if report is END:
                    return
                yield report
                if isinstance(report, Refusal):
                    return
        finally:  # whoever left: the step that is being computed cannot be broken off, what follows it can
            if step is not None:
                await asyncio.wait([step])
            stream.close()


def _next(stream: Iterator[Any]) -> Any:
    try:
        return next(stream, END)
    except UserError as e:
        return Refusal(e)


# -- serving ----------------------------------------------------------------------------------------------------------


def begin(address: str | None = None, **more: Any) -> None:
    """Join a Ray cluster, or start one on this machine.

    Args:
        address: "auto" or host:port of a cluster; None starts one on this machine.

    Raises:
        NotServed: Ray is not installed, or there is no cluster at that address.
    """
    try:
        import ray
    except ImportError as e:
        raise NotServed("Replicas need Ray Serve; run pip install -r requirements-serve.txt.") from e
    if ray.is_initialized():
        return
    nothing = NotServed(
        f"There is no Ray cluster at {address or 'this machine'}; start python -m pipelines.serve first."
    )
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit():  # Ray itself would ask for half a minute, and then end the process
        try:
            socket.create_connection((host, int(port)), REACHED_S).close()
        except OSError as e:
            raise nothing from e
    where: dict[str, Any] = {"address": address} if address else {"_node_ip_address": "127.0.0.1"}
    if not address:
        where |= {"include_dashboard": False}
    variables = {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    try:
        ray.init(
            **where, runtime_env={"env_vars": variables}, log_to_driver=False, logging_level=logging.ERROR, **more,
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as e:
        raise nothing from e


def serve(
    preset: str = "mini", replicas: int = 2, threads: int = 0, bits: int = 16, which: Sequence[int] = (0, 1),
    gpus: float = 0.0,
) -> None:  # fmt: skip
    """Run `replicas` of each pipeline on the cluster that `begin` joined; returns when they are there.

    Args:
        which: 0 for VLAD, 1 for VLSA. gpus: that each replica takes, perhaps a part of one.

    Raises:
        NotServed: they could not be started.
    """
    from ray import serve as ray_serve

    get_preset(preset)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    ray_serve.start(http_options={"location": "NoServer"})
    for k in which:
        made = ray_serve.deployment(
            name=NAMES[k], num_replicas=replicas, max_ongoing_requests=(1, TOGETHER)[k],
            health_check_period_s=5, graceful_shutdown_timeout_s=20,
            ray_actor_options={"num_cpus": 0 if gpus else threads or 1, "num_gpus": gpus},
        )(Replica)  # fmt: skip
        try:
            ray_serve.run(made.bind(k, preset, threads, bits), name=NAMES[k], route_prefix=None)
        except RuntimeError as e:
            raise NotServed(f"The replicas of {NAMES[k]} did not start; Ray's log has the cause.") from e


# -- asking -----------------------------------------------------------------------------------------------------------


class Remote:
    """A pipeline behind Ray Serve. It has the methods of the pipeline that the page uses.

    Args:
        which: 0 for VLAD, 1 for VLSA.

    Raises:
        NotServed: nothing of that name is served.
    """

    def __init__(self, which: int) -> None:
        from ray import serve as ray_serve
        from ray.serve.exceptions import RayServeException

        try:
            self._handle = ray_serve.get_app_handle(NAMES[which])
        except (RayServeException, ValueError) as e:
            raise NotServed(f"No replica of {NAMES[which]} is served; start python -m pipelines.serve first.") from e
        self.cache = self  # the page asks it for `stats`

    def stats(self) -> list[Any]:
        """What the cache of one replica holds; nothing while none answers."""
        try:
            return list(self._once("rows"))
        except NotServed:
            return []

    def who(self) -> int:
        """The process that answered."""
        return int(self._once("who"))

    def _once(self, name: str, *args: Any, **how: Any) -> Any:
        return _opened(_again(lambda: self._handle.once.remote(name, args, how).result()))

    def _reports(self, name: str, *args: Any, **how: Any) -> Iterator[Any]:
        """Reports, each once, whatever happens to the replica that makes them."""
        handle, told, tries = self._handle.options(stream=True), 0, 0
        while True:
            response: Any = handle.reports.remote(name, args, how)
            try:
                for k, report in enumerate(response):
                    if k < told:
                        continue
                    told += 1
                    yield _opened(report)
                return
            except Exception as e:
                tries += 1
                _wait_or_raise(e, tries)
            finally:
                response.cancel()

    # VLAD

    def plan(self, prompt: str, **how: Any) -> Any:
        return self._once("plan", prompt, **how)

    def draft(self, layout: Any) -> Any:
        return self._once("draft", layout)

    def stream(self, layout: Any, **how: Any) -> Iterator[Any]:
        return self._reports("stream", layout, **how)

    def read_back(self, layout: Any, images: Sequence[Image.Image]) -> Any:
        return self._once("read_back", layout, images)

    # VLSA

    def chat(self, messages: Sequence[Any], **how: Any) -> Iterator[Any]:
        return self._reports("chat", messages, **how)

    def reconstruct(self, view: Any, **how: Any) -> Iterator[Any]:
        return self._reports("reconstruct", view, **how)

    def predict(self, view: Any) -> Iterator[Any]:
        return self._reports("predict", view)

    def tokens(self, view: Any) -> Any:
        return self._once("tokens", view)

    def pixels(self, view: Any, vertex: tuple[int, int] = (0, 0)) -> Any:
        return self._once("pixels", view, vertex)

    def decode(self, index: np.ndarray) -> Any:
        return self._once("decode", index)


def replicas() -> int:
    """How many replicas of a pipeline there are, at least 1."""
    from ray import serve as ray_serve

    found = ray_serve.status().applications
    counts = [sum(sum(d.replica_states.values()) for d in a.deployments.values()) for a in found.values()]
    return max([1, *counts])


def _again(ask: Callable[[], Any]) -> Any:
    tries = 0
    while True:
        try:
            return ask()
        except Exception as e:
            tries += 1
            _wait_or_raise(e, tries)


def _wait_or_raise(e: Exception, tries: int) -> None:
    """After a replica that died a moment's rest; every other error goes on, and so does that of the last try."""
    from ray.exceptions import RayActorError
    from ray.serve.exceptions import DeploymentUnavailableError

    if not isinstance(e, (RayActorError, DeploymentUnavailableError)):
        raise e
    if tries >= TRIES:
        raise NotServed("The replicas died one after another; see Ray's log, and try again in a minute.") from e
    time.sleep(PAUSE_S)


def _opened(result: Any) -> Any:
    """Raises UserError where a pipeline refused."""
    if isinstance(result, Refusal):
        raise result.error
    return result


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m pipelines.serve", description="Serve the pipelines as replicas.")
    p.add_argument("--preset", default="mini")
    p.add_argument("--replicas", type=int, default=2, help="of each pipeline (default: 2)")
    p.add_argument("--threads", type=int, default=0, help="of each replica (default: as torch takes them)")
    p.add_argument("--gpus", type=float, default=0.0, help="of each replica, perhaps a part of one (default: none)")
    p.add_argument("--language-bits", type=int, choices=(16, 4), default=16)
    args = p.parse_args()
    try:
        address = os.environ.get("RAY_ADDRESS")
        room = {} if address else {"num_cpus": 2 * args.replicas * (args.threads or 1) + 1}  # more than there may be
        begin(address, **room)
        serve(args.preset, args.replicas, args.threads, args.language_bits, gpus=args.gpus)
    except UserError as e:
        print(e, file=sys.stderr)
        raise SystemExit(1) from None
    print(
        f"{args.replicas} replicas of each pipeline are served; RAY_ADDRESS=auto python app.py asks them.", flush=True
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
