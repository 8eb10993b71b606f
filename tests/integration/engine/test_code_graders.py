"""Graders that run code, with the code really run: what passes, what fails, what tries to pass without being right."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

import pytest

from evalharness.core.model import FileRef
from evalharness.core.ports import CodeAnswer, CodeEnd, CodeQuestion
from evalharness.core.record import Score
from evalharness.engine.sandbox import Sandbox
from tests.support.isolation import Run, called, isolation, scored

TESTS = """
def test_small():
    assert add(1, 2) == 3

def test_large():
    assert add(10, 20) == 30
"""
CASES = """
import unittest
class Adding(unittest.TestCase):
    def test_small(self):
        self.assertEqual(add(1, 2), 3)
    def test_large(self):
        self.assertEqual(add(10, 20), 30)
"""
CHECK = "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(10, 20) == 30\ncheck(add)"
GOOD = "def add(a, b):\n    return a + b\n"

FILES = {
    "test_add.py": "from answer import add\n" + TESTS,
    "code.py": """
import words
def grade(answer, trial):
    return eval(answer, {"words": words, "trial": trial, "numpy": __import__("numpy"), "os": __import__("os")})
""",
    "words.py": "KNOWN = open('words.txt').read().split()",
    "words.txt": "please thanks",
}


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with isolation(FILES) as asked:
        yield asked


def verdict(run: Run, code: str, tests: str = TESTS, **params: object) -> Score:
    return scored(run, "unit_test", code, tests=tests, **params)  # type: ignore[arg-type]


@pytest.mark.parametrize("tests", [TESTS, CASES, CHECK])
def test_right_code_passes_tests_of_every_style(run: Run, tests: str) -> None:
    assert verdict(run, GOOD, tests).value == 1
    wrong = verdict(run, GOOD.replace("a + b", "a + b if a < 5 else 0"), tests)
    assert wrong.value == (0 if tests == CHECK else 0.5)
    assert "30" in (wrong.reason or "")


def test_tests_in_a_file(run: Run) -> None:
    assert verdict(run, GOOD, "from test_add import *", files=["test_add.py"]).value == 1


@pytest.mark.parametrize(
    "attack",
    [
        "open('test_add.py', 'w').write('def test_none(): pass')",
        "os.remove('test_add.py')",
        "os.rename('test_add.py', 'other.py')",
        "os.chmod('test_add.py', 0o777)",
        "open('/given/test_add.py', 'w')",
        "open('/given/answer.py', 'w')",
    ],
)
def test_files_of_the_suite_cannot_be_exchanged(run: Run, attack: str) -> None:
    code = f"import os\ntry:\n    {attack}\nexcept OSError:\n    pass\ndef add(a, b): return 3"
    assert verdict(run, code, "from test_add import *", files=["test_add.py"]).value == 0.5


#: Code that is wrong, and pretends.
FORGERIES = {
    "leaves": "import os; os._exit(0)",
    "leaves by exception": "raise SystemExit(0)",
    "leaves when called": "import os\ndef add(a, b): os._exit(0)",
    "leaves when called, by exception": "def add(a, b): raise SystemExit(0)",
    "skips": "import unittest\ndef add(a, b): raise unittest.SkipTest('no')",
    "prints results": 'print(\'{"results": [["the tests", null]]}\'); import os; os._exit(0)',
    "writes results everywhere": """
import os
for number in range(64):
    try:
        os.write(number, b'ready\\n{"results": [["test_small", null]]}\\n')
    except OSError:
        pass
os._exit(0)""",
    "reads everything first": """
import os, json
found = b''
for number in range(3, 64):
    try:
        os.set_blocking(number, False)
        found += os.read(number, 99)
    except OSError:
        pass
for number in range(3, 64):
    try:
        os.write(number, found + b'{"results": [["test_small", null]]}\\n')
    except OSError:
        pass
os._exit(0)""",
    "no AssertionError": "import builtins\nbuiltins.AssertionError = KeyError\ndef add(a, b): return 0",
    "builtins": "import builtins\nbuiltins.callable = lambda _: False\ndef add(a, b): return 0",
    "own tests": "def test_small(): pass\ndef test_large(): pass\ndef add(a, b): return 0",
    "unittest": """
import unittest
unittest.TestCase.assertEqual = lambda *_: None
unittest.TestCase.debug = lambda *_: None
unittest.TestLoader.loadTestsFromTestCase = lambda *_: []
def add(a, b): return 0""",
    "libraries": "open('unittest.py', 'w').write('class TestCase: pass')\ndef add(a, b): return 0",
    "profile": "import sys\nsys.settrace(lambda *_: None)\ndef add(a, b): return 0",
    "parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(os.getpid(), signal.SIGKILL)",
    "forks": "import os\nif os.fork(): os._exit(0)\ndef add(a, b): return 0",
    "loops": "while True: pass",
    "takes memory": "def add(a, b): return bytearray(10**10)",
    "no Python": "def add(a, b) return a + b",
    "nests": "(" * 10_000,
    "nothing": "",
    "recursion": "def add(a, b): return add(b, a)",
    "crash": "import ctypes\ndef add(a, b): return ctypes.string_at(0)",
    "exception without text": "class Odd(BaseException):\n    def __str__(self): raise self\ndef add(a, b): raise Odd",
}


@pytest.mark.parametrize("tests", [TESTS, CASES], ids=["functions", "unittest"])
@pytest.mark.parametrize("code", FORGERIES.values(), ids=FORGERIES)
def test_wrong_code_passes_nothing_whatever_it_does(run: Run, code: str, tests: str) -> None:
    score = verdict(run, code, tests, cpu_s=1)
    assert score.value == 0, score
    assert score.reason


def test_what_remains_possible_is_what_the_docs_say(run: Run) -> None:
    """Not wanted, and told: an object equal to everything passes; with `io` it passes nothing."""
    equal = "class Any:\n    def __eq__(self, other): return True\ndef add(a, b): return Any()"
    assert verdict(run, equal).value == 1
    program = f"{equal}\nprint(add(*map(int, input().split())))"
    assert scored(run, "unit_test", program, io=[{"stdin": "1 2", "stdout": "3"}]).value == 0


@pytest.mark.parametrize(
    "tests",
    [
        "def (",
        "import no_such_module\nassert add(1, 2) == 3",
        "# nothing",
        CHECK.removesuffix("check(add)"),
        "def test_small(fixture):\n    assert add(1, 2) == 3",
    ],
)
def test_mistake_of_the_tests_is_no_wrong_answer(run: Run, tests: str) -> None:
    score = verdict(run, GOOD, tests)
    assert score.value is None
    assert "tests" in (score.reason or "")


def test_program_reads_and_prints(run: Run) -> None:
    io = [{"stdin": "1 2\n", "stdout": "3"}, {"stdin": "10 20", "stdout": "30\n"}]
    right = "```python\nif __name__ == '__main__':\n    print(sum(map(int, input().split())))\n```"
    assert scored(run, "unit_test", right, io=io).value == 1
    late = "import sys, threading\nthreading.Timer(0.1, lambda: print(sum(map(int, sys.stdin.read().split())))).start()"
    assert scored(run, "unit_test", late, io=io).value == 1
    assert scored(run, "unit_test", "print(3)", io=io).value == 0.5
    raises = scored(run, "unit_test", "print(3)\nraise ValueError('oh')", io=io[:1])
    assert (raises.value, raises.reason) == (0, "input 1: ValueError: oh (line 2)")
    assert scored(run, "unit_test", "import os; os._exit(0)", io=io).value == 0


@pytest.mark.parametrize(
    ("expression", "value", "words"),
    [
        ("True", 1.0, None),
        ("0.25", 0.25, None),
        ("(0.5, 'half')", 0.5, "half"),
        ("None", None, "returned None"),
        ("(None, 'cannot tell')", None, "cannot tell"),
        ("numpy.float32(0.5)", 0.5, None),
        ("numpy.bool_(True)", 1.0, None),
        ("2", None, "outside 0 to 1"),
        ("float('nan')", None, "outside 0 to 1"),
        ("'yes'", None, "returned a str"),
        ("(1, 2)", None, "the reason"),
        ("1 / 0", None, "ZeroDivisionError: division by zero (line 4)"),
        ("os._exit(0)", None, "ended before"),
        ("words.KNOWN == ['please', 'thanks']", 1.0, None),
        ("trial['expected'] is None and trial['case_id'] == 'one'", 1.0, None),
        ("list({'a', 'b', 'c', 'd', 'e'}) == list({'a', 'b', 'c', 'd', 'e'}) and 0.5", 0.5, None),
    ],
)
def test_function_of_the_author(run: Run, expression: str, value: float | None, words: str | None) -> None:
    score = scored(run, "python", expression, function="code.py:grade", files=["words.py", "words.txt"])
    assert score.value == value, score
    assert (words or "") in (score.reason or "")


def test_sets_have_one_order(run: Run) -> None:
    order = "(0, ' '.join({str(n) for n in range(50)}))"
    assert len({str(called(run, order).report) for _ in range(3)}) == 1


def test_file_that_changed_since_the_plan_is_not_used() -> None:
    async def answered() -> CodeAnswer:
        planned = FileRef(path="code.py", sha256=hashlib.sha256(b"as planned").hexdigest())
        async with Sandbox(files=[planned], read_bytes=lambda _: b"as it is now", hidden=()) as sandbox:
            arguments = {"path": "code.py", "name": "f", "answer": "", "trial": {}}
            return await sandbox.run(CodeQuestion(driver="function", arguments=arguments, files=("code.py",)))

    answer = asyncio.run(answered())
    assert (answer.end, answer.detail) == (CodeEnd.REFUSED, "code.py has changed since the run began")
