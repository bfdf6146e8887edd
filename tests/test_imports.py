"""Imports go down only: app -> ui -> pipelines -> pipelines.models; training and evaluation only import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("app", "ui", "pipelines", "training", "evaluation", "tests")
ALLOWED = {
    "app": {"ui", "pipelines"},
    "ui": {"ui", "pipelines"},
    "pipelines": {"pipelines"},
    "pipelines.models": {"pipelines.models", "pipelines.images"},
    "training": {"training", "pipelines"},
    "evaluation": {"evaluation", "pipelines", "training.data"},  # held-out prompts and truths are synthesised
}
TORCH_FREE = ("torch", "torchvision", "diffusers", "transformers", "accelerate", "peft", "safetensors")
LIGHT_MODULES = ("pipelines", "pipelines.types", "pipelines.errors", "pipelines.colours", "pipelines.vlad.settings")


def sources(*tops: str) -> list[Path]:
    """The Python files of the named packages and modules."""
    files = [f for top in tops for f in (ROOT / top).rglob("*.py")]
    return sorted(files + [ROOT / f"{top}.py" for top in tops if (ROOT / f"{top}.py").is_file()])


def module_of(path: Path) -> str:
    """ui/demo.py -> "ui.demo"."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions; relative imports made absolute."""
    here = module_of(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names)


def within(module: str, packages: set[str] | tuple[str, ...]) -> bool:
    return any(module == p or module.startswith(p + ".") for p in packages)


def layer_of(module: str) -> str:
    return "pipelines.models" if within(module, ("pipelines.models",)) else module.split(".")[0]


@pytest.mark.parametrize("path", sources(*OURS[:-1]), ids=module_of)
def test_no_import_runs_upward(path: Path) -> None:
    layer = layer_of(module_of(path))
    upward = [m for m in imports_of(path) if within(m, OURS) and not within(m, ALLOWED[layer])]
    assert not upward, f"{module_of(path)} must not import {upward}"


@pytest.mark.parametrize("path", [*sources("ui"), ROOT / "pipelines" / "types.py"], ids=module_of)
def test_no_torch_in_the_interface(path: Path) -> None:
    heavy = [m for m in imports_of(path) if within(m, TORCH_FREE)]
    assert not heavy, f"{module_of(path)} must not import {heavy}"


def test_light_modules_load_no_torch() -> None:
    code = f"import sys, {', '.join(LIGHT_MODULES)}; sys.exit('torch' in sys.modules or 'gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_only_the_registry_loads_pretrained_models() -> None:
    callers = {
        module_of(path)
        for path in sources("app", "ui", "pipelines")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "from_pretrained"
    }
    assert callers <= {"pipelines.registry"}


@pytest.mark.parametrize("path", sources("app", "ui", "pipelines"), ids=module_of)
def test_nothing_that_runs_code_out_of_files(path: Path) -> None:
    """No pickles, no eval: but for files of weights that the hub or a wheel has in no other form, read without code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
    assert not [m for m in imports_of(path) if within(m, modules)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in ("eval", "exec", "compile", "os.system", "torch.jit.load", "np.load", "numpy.load"), called
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        assert given.get("allow_pickle") in (None, "False") and given.get("trust_remote_code") in (None, "False")
        assert given.get("shell") in (None, "False") and given.get("weights_only") in (None, "True")
        if called == "torch.load":
            readers = ("pipelines.vlsa.quality", "pipelines.convert_vq")
            assert module_of(path) in readers and given.get("weights_only") == "True"
        if called.endswith(".from_pretrained") and "okenizer" not in called and "AutoConfig" not in called:
            safe = "SAFELY" in ast.unparse(node) or ast.unparse(node.args[0]) == "None"
            assert safe or called == "auto.from_pretrained", ast.unparse(node)


def test_only_images_knows_the_pixel_range() -> None:
    """Besides `pipelines.images` only the layout stage scales by it: single colours, not pictures."""
    users = {
        module_of(path)
        for path in sources(*OURS[:-1])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == 127.5
    }
    assert users <= {"pipelines.images", "pipelines.vlad.slots", "training.tlg"}
