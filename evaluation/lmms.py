"""VLSA on the public benchmarks, by lmms-eval: its tasks and its scores, our answers.

    python -m evaluation.lmms --preset full --tasks textvqa_val,pope,mme --out runs/lmms

Needs lmms-eval and whatever its tasks fetch. A task of one's own is a YAML file in a folder given with `--include`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from lmms_eval import evaluator
from lmms_eval.api.model import lmms
from lmms_eval.tasks import TaskManager

from pipelines import load_vlsa
from pipelines.errors import UserError
from pipelines.vlsa.settings import LIMITS
from pipelines.vlsa.types import Message


class VlsaModel(lmms):
    """`VlsaPipeline` as lmms-eval asks a model: question and image in, text out.

    A sample with several images is asked about the last one, which is what a chat does. Settings that a task asks for
    are taken as far as they exist here: the number of tokens, within the limits of a chat, and the temperature.

    Args:
        vlsa: the pipeline.
    """

    def __init__(self, vlsa: Any) -> None:
        super().__init__()
        self.vlsa = vlsa

    def generate_until(self, requests: list[Any]) -> list[str]:
        """One answer for each request; a sample that the pipeline refuses is answered with nothing."""
        return [self._answer(*request.args) for request in requests]

    def _answer(self, question: str, how: dict[str, Any], visual: Any, doc: Any, task: str, split: str) -> str:
        images = visual(self.task_dict[task][split][doc])
        settings = {
            "max_tokens": min(int(how.get("max_new_tokens", 64)), int(LIMITS["max_tokens"][1])),
            "temperature": float(how.get("temperature") or 0.0),
        }
        try:
            message = Message("user", question.replace("<image>", "").strip(), self.vlsa.view(images[-1]))
            *_, last = self.vlsa.chat([message], **settings)
        except (UserError, IndexError):
            return ""
        text = last.text
        for end in how.get("until") or []:
            text = text.split(end)[0] if end.strip() else text
        return text.strip()

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        raise NotImplementedError("VLSA writes answers; choose tasks whose output_type is generate_until.")

    def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
        raise NotImplementedError("Several rounds are not asked of VLSA; choose tasks with one question each.")


def run(vlsa: Any, tasks: list[str], include: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """Scores of lmms-eval by task.

    Args:
        include: a folder with tasks of one's own. limit: samples of each task; None = all.
    """
    manager = TaskManager(include_path=include)
    found = evaluator.simple_evaluate(
        model=VlsaModel(vlsa), tasks=tasks, task_manager=manager, limit=limit, log_samples=False, bootstrap_iters=0,
        cli_args=argparse.Namespace(process_with_media=True, output_path=None),
    )  # fmt: skip
    return dict(found["results"])


def main() -> None:
    p = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    p.add_argument("--preset", default="full")
    p.add_argument("--tasks", required=True, help="names of lmms-eval's tasks, divided by commas")
    p.add_argument("--include", help="folder with further tasks")
    p.add_argument("--limit", type=int, help="samples of each task")
    p.add_argument("--out", type=Path, required=True, help="folder for results.json")
    args = p.parse_args()
    found = run(load_vlsa(args.preset), args.tasks.split(","), args.include, args.limit)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.json").write_text(json.dumps(found, indent=1, default=str) + "\n")
    print(json.dumps(found, indent=1, default=str))


if __name__ == "__main__":
    main()
