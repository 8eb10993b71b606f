"""What runs the code inside the walls: a function that grades, tests of an answer, an answer that is a program.

A driver does what may fail because of others' code after ``ready()``, and returns its report: ``value`` and ``reason``
of a function, ``results`` (name, None or what went wrong) of tests, or one of

- ``failed``: the answer's code went wrong;
- ``broken``: the suite's code did, so that nothing can be said of the answer.

Code under test shares this process with the tests, as it does in any test runner: it can change what they see. What it
cannot do without knowing this file is to leave early and pass: a report counts only with the token that ``ready``
returned, and the token comes after the answer's code has been loaded.
"""

from __future__ import annotations

import ast
import builtins
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

Report = dict[str, Any]
Ready = Callable[[], None]

_ANSWER, _TESTS = "<answer>", "<tests>"
#: Statements that run nothing of the answer.
_ONLY_NAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def grade_with_function(arguments: dict[str, Any], ready: Ready) -> Report:
    path, name = Path(arguments["path"]), arguments["name"]
    sys.path.append(str(path.parent.resolve()))
    ready()
    try:
        module = _module(path.stem, path.read_text(encoding="utf-8"), path.name)
        function = getattr(module, name)
        returned = function(arguments["answer"], arguments["trial"])
    except BaseException as problem:
        return {"broken": _told(problem, path.name)}
    value, reason = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
    value = value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
    if value is not None and not isinstance(value, bool | int | float):
        return {
            "broken": f"{name} returned {_kind(returned)}: true, false, a number from 0 to 1 or None, or (it, reason)"
        }
    if reason is not None and not isinstance(reason, str):
        return {"broken": f"{name} returned {_kind(reason)} as the reason, which is text"}
    return {"value": value if value is None else float(value), "reason": None if reason is None else reason[:500]}


def run_program(arguments: dict[str, Any], ready: Ready) -> Report:
    """The answer's code as a program: what it printed is what counts."""
    ready()
    report: Report = {}
    try:
        _module("__main__", arguments["code"], _ANSWER)
    except SystemExit as left:
        if left.code not in (None, 0, False):
            report = {"failed": f"the program ended with {str(left.code)[:200]}"}
    except BaseException as problem:
        report = {"failed": _told(problem, _ANSWER)}
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    try:
        sys.stdout.flush()
    except BaseException as problem:
        report = {"failed": _told(problem, _ANSWER)}
    return report


def run_tests(arguments: dict[str, Any], ready: Ready) -> Report:
    """Tests over the names of the answer's code, which is also the module ``answer``."""
    source = arguments["tests"]
    try:
        tree = ast.parse(source, _TESTS)
        tests = compile(tree, _TESTS, "exec")
    except Exception as problem:
        return {"broken": f"the tests cannot be read: {_told(problem, _TESTS)}"}
    untouched = dict(vars(builtins))
    try:
        answer = _module("answer", arguments["code"], _ANSWER)
    except BaseException as problem:
        ready()
        return {"failed": f"the answer's code: {_told(problem, _ANSWER)}"}
    ready()
    present = vars(builtins)
    present.clear()
    present.update(untouched)
    for name in [name for name in sys.modules if name.split(".")[0] == "unittest"]:
        del sys.modules[name]  # the answer may have changed it: the tests get their own
    names = {name: value for name, value in vars(answer).items() if not name.startswith("__")}
    space = {**names, "__name__": "tests", "__file__": _TESTS}
    try:
        exec(tests, space)
    except BaseException as problem:
        if isinstance(problem, ImportError) and _is_raised_by(problem, _TESTS):
            return {"broken": f"the tests: {_told(problem, _TESTS, source)}"}
        return {"results": [["the tests", _told(problem, _TESTS, source)]]}
    own = {name: value for name, value in space.items() if names.get(name) is not value}
    collected = list(_collected(own))
    if not collected and all(isinstance(statement, _ONLY_NAMES) for statement in tree.body):
        return {"broken": "the tests test nothing: no function is called test_…, and none is called"}
    for name, test in collected:
        if isinstance(test, FunctionType) and test.__code__.co_argcount > len(test.__defaults__ or ()):
            return {"broken": f"the tests: {name} takes arguments, and nobody gives it any"}
    return {"results": [[name, _outcome(test, source)] for name, test in collected] or [["the tests", None]]}


def _collected(own: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Functions called test_… and methods of unittest's cases, in their order."""
    cases = getattr(sys.modules.get("unittest"), "TestCase", ())
    for name, value in own.items():
        if isinstance(value, type) and issubclass(value, cases):
            suite: Any = sys.modules["unittest"].defaultTestLoader.loadTestsFromTestCase(value)
            for case in suite:
                yield f"{name}.{case._testMethodName}", case.debug
        elif name.startswith("test_") and callable(value) and not isinstance(value, type):
            yield name, value


def _outcome(test: Callable[[], object], source: str) -> str | None:
    try:
        test()
    except BaseException as problem:
        return _told(problem, _TESTS, source)
    return None


def _module(name: str, source: str, file: str) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    exec(compile(source, file, "exec"), vars(module))
    return module


def _is_raised_by(problem: BaseException, file: str) -> bool:
    frames = [frame.filename for frame in traceback.extract_tb(problem.__traceback__)]
    return _ANSWER not in frames and file in frames


def _told(problem: BaseException, file: str, source: str = "") -> str:
    """``ValueError: … (line 3)``; of an assertion without words its line, where the source is known."""
    try:
        lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == file]
        number = problem.lineno if isinstance(problem, SyntaxError) else lines[-1] if lines else None
        text = str(problem.msg if isinstance(problem, SyntaxError) else problem)[:300]
        if not text and number and source:
            text = source.splitlines()[number - 1].strip()[:300]
        name = "out of memory" if isinstance(problem, MemoryError) else type(problem).__name__
        return (f"{name}: {text}" if text else name) + (f" (line {number})" if number else "")
    except Exception:  # an exception whose text cannot be had
        return "an exception that cannot be shown"


def _kind(value: object) -> str:
    return f"a {type(value).__name__}" if isinstance(value, str | tuple) else f"`{type(value).__name__}`"


DRIVERS = {"function": grade_with_function, "tests": run_tests, "program": run_program}
