"""Hostile suites: ``python -m tests.fuzz.suites --count N`` validates N of them, in this process.

Each is to be refused with exit code 2 and a message that says which file, where in it, and what; or, where only a value
was put into another's place, it may be a suite after all. Never another exception, never a wait. Prints the slowest.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from evalharness.cli.main import main as evalharness

#: Seconds of CPU: a person waits for it.
BOUND_S = 2.0
_PLACE = re.compile(r"suite\.yaml(:\d+:\d+)?|cases\.\w+(:\d+)?")

BASE: dict[str, Any] = {
    "suite": "hostile",
    "description": "what is refused",
    "endpoints": {
        "sim": {"simulator": "default", "model": "sim-mini", "prices": {"input": 0.75, "output": 4.5}},
        "other": {"base_url": "http://127.0.0.1:9/v1", "model": "sim-x", "timeouts_ms": {"total": 1000},
                  "retry": {"max_attempts": 2}, "limits": {"max_concurrency": 4}},
    },
    "request": {"max_output_tokens": 100, "metadata": {"team": "a"}},
    "prompts": {"plain": "{{ question }}", "talk": {"turns": ["{{ question }}", "Are you sure?"]}},
    "sweep": {"axes": {"reasoning.effort": ["none", "low"], "prompt": ["plain", "talk"]},
              "exclude": [{"reasoning.effort": "none", "prompt": "talk"}],
              "baseline": {"reasoning.effort": "none", "prompt": "plain"}},
    "cases": [
        {"id": "a", "vars": {"question": "1 + 1?"}, "expected": "2", "tags": ["easy"], "cluster": "x"},
        {"id": "b", "vars": {"question": "1 + 2?"}, "expected": "3"},
        {"file": "cases.jsonl", "map": {"id": "id", "vars": {"question": "q"}, "expected": "e", "tags": "t"},
         "take": {"n": 2, "seed": 1}},
    ],
    "repeats": 2,
    "graders": [
        {"id": "answer", "type": "numeric", "expected": "{{ expected }}", "tolerance": 0.1},
        {"id": "form", "type": "regex", "pattern": "^[0-9]+$"},
        {"id": "shape", "type": "json_schema", "schema": {"type": "object", "properties": {"a": {"pattern": "^a$"}}}},
        {"id": "all", "type": "all_of", "of": [{"type": "contains", "expected": "1"}, {"type": "limit",
         "metric": "latency_ms", "at_most": 9}]},
    ],
    "load": {"concurrency": 4, "duration_s": 10},
    "budget": {"max_cost_usd": 1.5, "max_calls": 100},
    "slo": {"share_at_least": 0.9, "latency_ms": 100},
    "decision": {"rule": "cheapest_within_margin", "metric": "answer", "margin": 0.05},
    "gates": [{"metric": "answer", "arm": {"reasoning.effort": "low", "prompt": "plain"}, "at_least": 0.5}],
    "tolerate": {"error_share": 0.1},
    "analysis": {"scope": "suite"},
}  # fmt: skip
_ROWS = [{"id": f"r{n}", "q": f"{n} + 1?", "e": str(n + 1), "t": ["easy"]} for n in range(4)]


@dataclass
class Hostile:
    """``files`` by their names below the folder; ``links``: name to target. ``is_certain``: nothing but a refusal will
    do. ``is_placed``: the message has to hold a line."""

    tree: dict[str, Any] = field(default_factory=lambda: deepcopy(BASE))
    text: str | bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    is_certain: bool = True
    is_placed: bool = True

    def write(self, folder: Path) -> Path:
        files = {"cases.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in _ROWS), **self.files}
        for name, content in files.items():
            (folder / name).write_bytes(content)
        for name, target in self.links.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target)
        text = json.dumps(self.tree, indent=1) if self.text is None else self.text
        path = folder / "suite.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return path


# ---------------------------------------------------------------- kinds


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        found += _places(value, (*path, key))
    return found


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _put(made: Hostile, path: tuple[Any, ...], value: Any) -> Hostile:
    _at(made.tree, path[:-1])[path[-1]] = deepcopy(value)
    return made


def _nested(random: Random, depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


#: Of every kind of JSON, and the ends of each kind.
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, -0.0, 1e300, -1e300, 2**53 + 1, 2**63, 10**299, "", " ", "x", "2", "../x"),
    *("{{ x }}", "{% x %}", "${HOME}", "${NOT_THERE}", "\x1b[31m", "\u202e", "\u2028", "x" * 20_000, "/etc/passwd"),
    *([], [[]], [None], [1, "x"], ["x"] * 3_000, {}, {"": 1}, {"x": {}}, {"x" * 5_000: 1}, {"file": "x"}),
    *({"type": "numeric"}, {"id": "a"}, "nan", "1e5", "low", "http://[", "http://x:99999999/", "https://u:p@h", "\x00"),
)  # fmt: skip


def other_value(random: Random) -> Hostile:
    made = Hostile(is_certain=False)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        _put(made, random.choice(_places(made.tree)), random.choice(_VALUES))
    return made


def gone(random: Random) -> Hostile:
    made = Hostile(is_certain=False)
    path = random.choice(_places(made.tree))
    del _at(made.tree, path[:-1])[path[-1]]
    return made


def unknown_key(random: Random) -> Hostile:
    made = Hostile()
    known = ((), ("load",), ("budget",), ("endpoints", "sim"), ("cases", 0), ("decision",), ("gates", 0), ("sweep",))
    _at(made.tree, random.choice(known))[random.choice(("sweeps", "__class__", "x" * 300, "\x1b[2J", "\u202e"))] = 1
    return made


def alias_bomb(random: Random) -> Hostile:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, random.choice((2, 9, 30)))]
    return Hostile(text="\n".join(lines))


def tag(random: Random) -> Hostile:
    call = random.choice(
        ("!!python/object/apply:os.system [id]", "!!binary aGk=", "!x y", "!!set {a}", "!!omap []", "!!timestamp x")
    )
    key = random.choice(list(BASE))
    return Hostile(text=_written_with(key, call))


def _written_with(key: str, yaml: str) -> str:
    """The suite with other text for one of its keys."""
    return "\n".join(f"{name}: {yaml if name == key else json.dumps(value)}" for name, value in BASE.items())


def deep(random: Random) -> Hostile:
    depth = random.choice((51, 60, 1_000, 50_000))
    key = random.choice(list(BASE))
    sign = random.choice((("[", "]"), ("{a: ", "}"), ("[", ""), ("- ", "")))
    return Hostile(text=_written_with(key, ("\n" if sign[0] == "- " else "") + sign[0] * depth + sign[1] * depth))


def large(random: Random) -> Hostile:
    kind = random.randrange(3)
    if kind == 0:
        return Hostile(text=_written_with("description", '"' + "x" * (5 * 2**20) + '"'), is_placed=False)
    if kind == 1:
        return Hostile(text=_written_with("request", "{a: [" + "1," * 100_001 + "]}"))
    return Hostile(text=b"x" * (11 * 2**20), is_placed=False)


def duplicate_key(random: Random) -> Hostile:
    key = random.choice(list(BASE))
    return Hostile(text=_written_with("description", "x") + f"\n{key}: {json.dumps(BASE[key])}")


def bad_text(random: Random) -> Hostile:
    text = bytearray(json.dumps(BASE, indent=1).encode())
    at = random.randrange(len(text))
    text[at:at] = random.choice(
        (
            b"\x00",
            b"\x07",
            b"\x1b[2J",
            b"\xff",
            b"\xc3",
            b"\xed\xa0\x80",
            b"\n---\n",
            b"\n...\n---\n",
            b"\x7f",
            b"\xc2\x80",
        )
    )
    return Hostile(text=bytes(text), is_certain=False, is_placed=False)


def huge_number(random: Random) -> Hostile:
    number = random.choice(("9" * 301, "0x" + "f" * 400, "1e400", ".inf", ".nan", "-.inf", "-" + "9" * 5_000))
    key = random.choice(("repeats", "tolerate", "budget", "load"))
    inner = {"repeats": "", "tolerate": "error_share", "budget": "max_calls", "load": "concurrency"}[key]
    return Hostile(text=_written_with(key, f"{{{inner}: {number}}}" if inner else number))


def huge_plan(random: Random) -> Hostile:
    made = Hostile()
    kind = random.randrange(4)
    if kind == 0:
        made.tree["repeats"] = random.choice((10**9, 10**12, 10**100))
    elif kind == 1:
        made.tree["sweep"] = {"axes": {f"metadata.a{n}": list(range(100)) for n in range(random.choice((4, 12)))}}
        del made.tree["gates"]
    elif kind == 2:
        made.tree["load"] = {"shape": "constant", "rate_per_s": 1e300, "duration_s": 1e300}
        made.is_certain = False
    else:
        made.tree["load"] = {"shape": "steps", "concurrency": list(range(1, 5_000)), "each_s": 1e300}
        made.is_certain = False
    made.is_placed = False
    return made


def outside(random: Random) -> Hostile:
    kind = random.randrange(3)
    name = random.choice(
        (
            *("../secret.jsonl", "/etc/passwd", "/proc/self/environ", "/dev/zero", "link.jsonl", "loop.jsonl", "", "."),
            *("a/../../x.jsonl", "nowhere.jsonl", "x\0.jsonl", "x" * 5_000 + ".jsonl", "folder.jsonl", "~/x.jsonl"),
            "file:///etc/passwd",
        )
    )
    made = Hostile(links={"link.jsonl": "/etc/hostname", "loop.jsonl": "loop.jsonl", "folder.jsonl": "/tmp"})
    if kind == 0:
        made.tree["cases"][2]["file"] = name
    elif kind == 1:
        made.tree["load"] = {"shape": "trace", "file": name}
    else:
        made.tree["prompts"] = {
            "plain": [{"role": "user", "content": [{"type": "input_image", "image_url": "{{ picture | data_url }}"}]}]
        }
        made.tree["sweep"] = {"axes": {"reasoning.effort": ["none", "low"]}}
        del made.tree["gates"]
        made.tree["cases"] = [{"id": "a", "vars": {"picture": name.replace("jsonl", "png")}, "expected": "1"}]
        made.links = {link.replace("jsonl", "png"): target for link, target in made.links.items()}
    return made


def template(random: Random) -> Hostile:
    text = random.choice(
        (
            *(
                "{{ ''.__class__.__mro__ }}",
                "{{ question.__init__.__globals__ }}",
                "{{ question.upper() }}",
                "{{ self }}",
            ),
            *(
                "{% for i in range(10**9) %}x{% endfor %}",
                "{{ 'x' * 10**9 }}",
                "{{ 10 ** 10 ** 10 }}",
                "{{ lipsum() }}",
            ),
            *("{% include 'x' %}", "{% import 'x' as y %}", "{% macro x() %}{% endmacro %}", "{{ cycler.__init__ }}"),
            *("{{ question", "{% if %}", "{{ question|nothing }}", "{{ question is nothing }}", "{{ unknown }}"),
            *("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", "{{ -" * 3 + "1", "{% if 1 %}" * 3_000, "{{ [" * 3_000),
            *("{{ question[0:10**9] ~ " + "question ~ " * 3_000 + "1 }}", "{% set x = 1 %}{{ x.y.z }}", "{{ x or }}"),
            *(
                "{% for a in 'x' * 100000 %}{% for b in 'y' * 100000 %}z{% endfor %}{% endfor %}",
                "{{ '%99999999d' % 1 }}",
            ),
            *("{{ '{:>999999999}'.format(1) }}", "{{ question|center(999999999) }}", "{{ question|indent(99999999) }}"),
            *(
                "x" * 2_000_000 + "{{ unknown }}",
                "{{ dict.__base__ }}",
                "{{ ().__class__ }}",
                "{% raw %} x",
                "{{ request.x }}",
            ),
        )
    )
    made = Hostile()
    if random.random() < 0.6:
        made.tree["prompts"]["plain"] = text
    else:
        made.tree["graders"][0]["expected"] = text
    return made


def pattern(random: Random) -> Hostile:
    text = random.choice(
        (
            *("(?=a)b", r"(a)\1", "(?<!a)b", "(", "[", "a{2,1}", "*", "(?P<a>x", "a{1000}{1000}{1000}", "\\"),
            *("(?>a)", "(?(1)a|b)", "[[:nope:]]", r"\p{Nope}", "(" * 5_000, "((a{1000}){1000}){1000}"),
        )
    )
    made = Hostile()
    if random.random() < 0.6:
        made.tree["graders"][1]["pattern"] = text
    else:
        made.tree["graders"][2]["schema"]["properties"]["a"]["pattern"] = text
    return made


def case_file(random: Random) -> Hostile:
    row = json.dumps(_ROWS[0]).encode()
    deep_line = b'{"id": "a", "q": ' + b"[" * 100_000 + b"]" * 100_000 + b', "e": 1}'
    bad = random.choice(
        (
            *(
                b"{",
                b"[]",
                b"7",
                b'{"id": "a"',
                b'{"id": "\xff"}',
                b"[" * 100_000,
                deep_line,
                b'{"id": 1e999, "q": NaN}',
            ),
            *(
                b'{"id": "a", "q": "x", "e": "1"}\n' * 3,
                b'{"id": null, "q": null}',
                b'{"q": {"a": "x"}}',
                b"\x00" * 1_000,
            ),
            *(b'{"id": "z", "q": 1, "e": ' + b"9" * 5_000 + b"}", b'{"id": "z", "id": "y", "q": "x", "e": 1}'),
            b'{"id": 1e999, "q": NaN}',
            *(
                b'{"id": "' + b"x" * 300 + b'", "q": "x", "e": 1}',
                b"\xef\xbb\xbf\xef\xbb\xbf{}",
                b'{"id": "\\ud800", "q": 1}',
            ),
        )
    )
    if random.random() < 0.01:
        bad = b'{"id": "z", "q": "' + b"x" * (17 * 2**20) + b'", "e": 1}'
    made = Hostile(files={"cases.jsonl": b"\n".join([row, bad, b""])})
    made.tree["cases"][2].pop("take")
    return made


def table_file(random: Random) -> Hostile:
    content = random.choice(
        (
            *(
                b"id,q,e\na,b\n",
                b"id,q,e\na,b,c,d\n",
                b'id,q,e\n"a,b\n',
                b"id,id,q\n1,2,3\n",
                b"",
                b"\n\n\n",
                b"id\n1\n1\n",
            ),
            *(b"id,q,e\n\x00,b,c\n", b"id,q,e\n" + b"x" * 200_000 + b",1,2\n", b"\xff\xfe\n", b"," * 5_000 + b"\n1\n"),
        )
    )
    name = random.choice(("cases.csv", "cases.json", "cases.yaml", "cases.parquet", "cases.txt", "cases"))
    made = Hostile(files={name: content}, is_certain=False, is_placed=False)
    made.tree["cases"] = [{"file": name}]
    return made


KINDS: tuple[Callable[[Random], Hostile], ...] = (
    *(other_value, gone, unknown_key, alias_bomb, tag, deep, duplicate_key, bad_text, huge_number, huge_plan),
    *(outside, template, pattern, case_file, table_file),
)  # fmt: skip
#: How often: one value in another's place has the most ways to go wrong; a large text takes long to make.
_WEIGHTS = {"other_value": 40, "gone": 3, "outside": 6, "template": 8, "pattern": 3, "case_file": 4, "bad_text": 4}


def hostile(random: Random) -> tuple[str, Hostile]:
    """The name of its kind, and the suite."""
    if random.random() < 0.005:
        return large.__name__, large(random)
    (kind,) = random.choices(KINDS, [_WEIGHTS.get(kind.__name__, 1) for kind in KINDS])
    return kind.__name__, kind(random)


# ---------------------------------------------------------------- what becomes of it


@dataclass(frozen=True)
class Told:
    exit_code: int
    text: str
    cpu_s: float


def validated(path: Path) -> Told:
    """``evalharness validate``, in this process. Whatever it raises beside its exit is a defect."""
    out = io.StringIO()
    began_s = time.process_time()
    with redirect_stderr(out), redirect_stdout(out):
        try:
            evalharness(["validate", str(path)])
        except SystemExit as leaving:
            exit_code = leaving.code if isinstance(leaving.code, int) else 1
    return Told(exit_code, out.getvalue(), time.process_time() - began_s)


def complaint(made: Hostile, told: Told) -> str | None:
    """What is wrong with how it was refused, or taken."""
    if told.exit_code not in ((2,) if made.is_certain else (0, 2)):
        return f"exit code {told.exit_code}"
    if told.exit_code == 0:
        return None
    if told.cpu_s > BOUND_S:
        return f"{told.cpu_s:.1f} s of CPU"
    if any(not (sign.isprintable() or sign == "\n") for sign in told.text):
        return "a control character is printed"
    place = _PLACE.search(told.text.partition(": ")[2])
    # What is wrong with the plan, or with a file, as a whole stands in no line.
    is_placed = made.is_placed and "in the suite\n" in told.text and "take asks for" not in told.text
    if is_placed and (place is None or not (place[1] or place[2])):
        return "no line is named"
    if len(told.text) > 60_000:
        return f"{len(told.text)} characters are printed"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.suites", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ended: Counter[str] = Counter()
    slowest: dict[str, tuple[float, int]] = {}
    complaints = 0
    with tempfile.TemporaryDirectory() as name:
        for index in range(options.count):
            folder = Path(name, str(index))
            folder.mkdir()
            kind, made = hostile(Random(options.seed * 10**9 + index))
            told = validated(made.write(folder))
            ended[f"{kind}: {'refused' if told.exit_code == 2 else 'taken'}"] += 1
            if told.exit_code:
                slowest[kind] = max(slowest.get(kind, (0.0, 0)), (told.cpu_s, index))
            if said := complaint(made, told):
                complaints += 1
                print(f"{index} {kind}: {said}\n{told.text[:600]}\n")
            _remove(folder)
    for what, count in sorted(ended.items()):
        print(f"{count:7,} {what}")
    print("slowest, seconds of CPU:", {kind: round(cpu_s, 2) for kind, (cpu_s, _) in sorted(slowest.items())})
    return int(complaints > 0)


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


if __name__ == "__main__":
    sys.exit(main())
