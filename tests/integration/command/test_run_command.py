"""The real command over a real socket: what a person does, and what goes wrong."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from evalharness.core.errors import StoreError
from evalharness.store.load import lost_attempts
from tests.support.command import evalharness, exported, started
from tests.support.servers import simulator

SUITE = """
suite: small
endpoints:
  e: {base_url: "BASE", model: sim-mini, api_key_env: SMALL_KEY, prices: {input: 1, output: 10},
      retry: {max_attempts: ATTEMPTS}}
prompts: {plain: "{{ question }} Give only the number."}
sweep:
  axes:
    reasoning.effort: [none, high]
cases:
CASES
repeats: 2
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}"}
load: {concurrency: 4}
EXTRA
"""


def write_suite(folder: Path, base_url: str, *, n: int = 6, attempts: int = 1, extra: str = "") -> Path:
    rows = [
        f'  - {{id: c{i}, vars: {{question: "What is {i + 10} + {i + 20}?"}}, expected: "{2 * i + 30}"}}'
        for i in range(n)
    ]
    text = SUITE.replace("BASE", base_url).replace("CASES", "\n".join(rows)).replace("EXTRA", extra)
    path = folder / "suite.yaml"
    path.write_text(text.replace("ATTEMPTS", str(attempts)), encoding="utf-8")
    return path


KEY = {"SMALL_KEY": "sk-test-0123456789"}


def test_a_run_stores_every_trial_and_writes_the_report(tmp_path: Path) -> None:
    with simulator(arguments=("--api-key", KEY["SMALL_KEY"])) as server:
        suite = write_suite(tmp_path, server.base_url)
        done = evalharness("run", suite, "--json", "--junit", cwd=tmp_path, env=KEY)
    assert done.exit_code == 0, done.stderr
    folder = Path(done.json["folder"])
    names = {path.name for path in (tmp_path / folder).iterdir()}
    assert names == {"run.db", "report.html", "report.json", "summary.md", "junit.xml"}
    assert (tmp_path / "reports" / "index.html").exists()
    rows = exported("latest", cwd=tmp_path)
    assert len(rows) == 24
    assert Counter(row["status"] for row in rows) == {"ok": 24}
    assert all(row["scores"]["answer"]["value"] in (0.0, 1.0) for row in rows)
    assert all(row["timing"]["latency_ms"] >= row["timing"]["ttfo_ms"] > 0 for row in rows)
    assert done.json["simulated"] is True
    assert "SIMULATED" in (tmp_path / folder / "report.html").read_text(encoding="utf-8")


def test_the_key_is_nowhere_in_what_was_written(tmp_path: Path) -> None:
    with simulator(arguments=("--api-key", KEY["SMALL_KEY"])) as server:
        done = evalharness("run", write_suite(tmp_path, server.base_url), cwd=tmp_path, env=KEY)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 4
    assert not any(KEY["SMALL_KEY"].encode() in data for data in (*written, done.stdout.encode(), done.stderr.encode()))


def test_a_missing_key_is_said_before_any_call(tmp_path: Path) -> None:
    done = evalharness("run", write_suite(tmp_path, "http://127.0.0.1:9/v1"), cwd=tmp_path)
    assert done.exit_code == 2
    assert "SMALL_KEY is not set" in done.stderr
    assert not (tmp_path / "reports" / "small").exists() or not list((tmp_path / "reports" / "small").glob("2*"))


def test_a_budget_ends_the_run_with_3_and_a_larger_one_finishes_it(tmp_path: Path) -> None:
    with simulator() as server:
        suite = write_suite(tmp_path, server.base_url, extra="budget: {max_calls: 10}")
        first = evalharness("run", suite, cwd=tmp_path, env=KEY)
        rows = exported("latest", cwd=tmp_path)
        suite.write_text(suite.read_text(encoding="utf-8").replace("max_calls: 10", "max_calls: 100"), encoding="utf-8")
        second = evalharness("run", suite, cwd=tmp_path, env=KEY)
    assert first.exit_code == 3, first.stderr
    counts = Counter(row["status"] for row in rows)
    assert 10 <= counts["ok"] <= 13, "ten and at most those in flight"
    assert {row["pending_reason"] for row in rows if row["status"] == "pending"} == {"budget"}
    assert second.exit_code == 0, second.stderr
    assert Counter(row["status"] for row in exported("latest", cwd=tmp_path)) == {"ok": 24}


def test_an_unfinished_run_is_not_continued_with_another_plan(tmp_path: Path) -> None:
    with simulator() as server:
        suite = write_suite(tmp_path, server.base_url, extra="budget: {max_calls: 4}")
        assert evalharness("run", suite, cwd=tmp_path, env=KEY).exit_code == 3
        suite.write_text(suite.read_text(encoding="utf-8").replace("Give only", "Say only"), encoding="utf-8")
        refused = evalharness("run", suite, cwd=tmp_path, env=KEY)
        fresh = evalharness("run", suite, "--fresh", cwd=tmp_path, env=KEY)
    assert refused.exit_code == 2
    assert "plain" in refused.stderr
    assert "--fresh" in refused.stderr
    assert fresh.exit_code == 3
    assert len(list((tmp_path / "reports" / "small").glob("2*"))) == 2


def test_errors_are_asked_again_on_request_and_only_they(tmp_path: Path) -> None:
    log = tmp_path / "log"
    faults = {"rules": [{"fault": "status;code=500"}]}
    with simulator(faults=faults, folder=tmp_path, truth_log=log) as server:
        suite = write_suite(tmp_path, server.base_url, n=2)
        first = evalharness("run", suite, cwd=tmp_path, env=KEY)
        second = evalharness("run", suite, "--retry-errors", cwd=tmp_path, env=KEY)
        asked = Counter(entry["client_request_id"] for entry in server.log())
    assert (first.exit_code, second.exit_code) == (3, 0), second.stderr
    assert set(asked.values()) == {2}
    assert Counter(row["status"] for row in exported("latest", cwd=tmp_path)) == {"ok": 8}


def test_offline_refuses_an_endpoint_elsewhere(tmp_path: Path) -> None:
    done = evalharness("run", write_suite(tmp_path, "https://gateway.example/v1"), "--offline", cwd=tmp_path, env=KEY)
    assert done.exit_code == 2
    assert "--offline" in done.stderr


def test_every_mistake_of_a_suite_is_reported_with_its_place(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, "http://127.0.0.1:9/v1")
    text = (
        suite.read_text(encoding="utf-8").replace("repeats: 2", "repeets: 2").replace("type: numeric", "type: numerik")
    )
    suite.write_text(text, encoding="utf-8")
    done = evalharness("validate", suite, cwd=tmp_path)
    assert done.exit_code == 2
    assert "repeats" in done.stderr
    assert "numeric" in done.stderr
    assert f"suite.yaml:{1 + text[: text.index('repeets')].count(chr(10))}:1" in done.stderr


def test_the_same_report_comes_from_the_store_years_later(tmp_path: Path) -> None:
    with simulator() as server:
        suite = write_suite(tmp_path, server.base_url)
        folder = tmp_path / evalharness("run", suite, "--json", cwd=tmp_path, env=KEY).json["folder"]
    first = (folder / "report.html").read_bytes()
    suite.unlink()
    done = evalharness("report", folder, cwd=tmp_path, env={"PYTHONHASHSEED": "7"})
    assert done.exit_code == 0, done.stderr
    assert (folder / "report.html").read_bytes() == first


def test_a_fresh_suite_from_init_runs_at_once(tmp_path: Path) -> None:
    assert evalharness("init", "mine", cwd=tmp_path).exit_code == 0
    schema = json.loads((tmp_path / "mine" / "evalharness.schema.json").read_text(encoding="utf-8"))
    assert schema["title"] == "evalharness suite"
    done = evalharness("run", "mine/suite.yaml", "--offline", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1].endswith("report.html")


def test_what_may_change_without_changing_the_plan_is_taken_over_on_resume(tmp_path: Path) -> None:
    faults = {"rules": [{"fault": "status;code=400;attempts=every", "share": 0.3}]}
    with simulator(faults=faults, folder=tmp_path) as server:
        suite = write_suite(tmp_path, server.base_url, extra="budget: {max_calls: 4}\ntolerate: {error_share: 0}")
        assert evalharness("run", suite, cwd=tmp_path, env=KEY).exit_code == 3
        text = suite.read_text(encoding="utf-8")
        text = text.replace("max_calls: 4", "max_calls: 400").replace("error_share: 0", "error_share: 1")
        suite.write_text("description: tolerant\n" + text, encoding="utf-8")
        done = evalharness("run", suite, cwd=tmp_path, env=KEY)
    assert done.exit_code == 0, done.stderr
    assert "error" in {row["status"] for row in exported("latest", cwd=tmp_path)}
    assert "tolerant" in next((tmp_path / "reports").glob("small/2*/report.html")).read_text(encoding="utf-8")
    assert evalharness("verify", "latest", cwd=tmp_path).exit_code == 0


def test_a_killed_run_is_listed_as_killed(tmp_path: Path) -> None:
    faults = {"rules": [{"fault": "stall;where=first;attempts=every"}]}
    with simulator(faults=faults, folder=tmp_path) as server:
        running = started("run", write_suite(tmp_path, server.base_url), cwd=tmp_path, env=KEY)
        while not any(map(in_flight, (tmp_path / "reports").glob("small/2*"))):
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        (alive,) = evalharness("list", "--json", cwd=tmp_path).json["runs"]
        second = evalharness("run", "suite.yaml", cwd=tmp_path, env=KEY)
        running.kill()
        running.communicate()
    assert (alive["state"], alive["exit_code"], alive["n_lost_attempts"]) == ("running", None, 0)
    assert second.exit_code == 5
    assert str(running.pid) in second.stderr
    (killed,) = evalharness("list", "--json", cwd=tmp_path).json["runs"]
    assert (killed["state"], killed["exit_code"], killed["n_lost_attempts"]) == ("killed", None, 4)


def in_flight(folder: Path) -> bool:
    """Whether all four of the suite's calls have been written down."""
    try:
        return len(lost_attempts(folder)) == 4
    except StoreError:
        # The file is made before its tables are.
        return False


def test_calls_in_flight_at_a_kill_are_told_by_whatever_reads_the_run_also_after_it_was_resumed(tmp_path: Path) -> None:
    faults = {"rules": [{"fault": "stall;where=first;ms=4000"}]}
    with simulator(faults=faults, folder=tmp_path) as server:
        suite = write_suite(tmp_path, server.base_url, n=2)
        running = started("run", suite, cwd=tmp_path, env=KEY)
        while not any(map(in_flight, (tmp_path / "reports").glob("small/2*"))):
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        running.kill()
        running.communicate()
        told = [everything_read(tmp_path)]
        resumed = evalharness("run", suite, cwd=tmp_path, env=KEY)
        told.append(everything_read(tmp_path))
    assert resumed.exit_code == 0, resumed.stderr
    assert "4 attempts were in flight when the run was killed" in resumed.stderr
    for texts in told:
        listed, first, second, verified, terminal, markdown, page = texts
        assert "4 attempts in flight then, perhaps charged" in listed
        assert (first + second).count("it may have been charged") == 4
        assert "everything is as it was written" in verified
        for text in (verified, terminal, markdown, page):
            assert "4 attempts were in flight when the run was killed or cut short" in " ".join(text.split())


def everything_read(folder: Path) -> list[str]:
    """What a person is told of the newest run by each command that reads it."""
    commands = (("list",), ("show", "latest", "c0"), ("show", "latest", "c1"), ("verify", "latest"),
                ("report", "latest", "--format", "terminal"), ("report", "latest", "--format", "markdown"),
                ("report", "latest"))  # fmt: skip
    done = [evalharness(*command, cwd=folder) for command in commands]
    assert [each.exit_code for each in done] == [0] * len(commands), [each.stderr for each in done]
    page = next((folder / "reports").glob("small/2*/report.html")).read_text(encoding="utf-8")
    return [each.stdout for each in done[:-1]] + [page]


def test_a_reader_that_leaves_does_not_change_how_the_run_ended(tmp_path: Path) -> None:
    with simulator() as server:
        suite = write_suite(tmp_path, server.base_url, extra="budget: {max_calls: 4}")
        running = started("run", suite, cwd=tmp_path, env=KEY)
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
        running.stderr.close()
        assert running.wait(60) == 3, said
    assert "Traceback" not in said


def test_a_budget_in_dollars_needs_prices(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, "http://127.0.0.1:9/v1")
    text = suite.read_text(encoding="utf-8").replace("prices: {input: 1, output: 10},", "")
    suite.write_text(text, encoding="utf-8")
    done = evalharness("run", suite, "--max-cost", "1", cwd=tmp_path, env=KEY)
    assert done.exit_code == 2
    assert "has no prices" in done.stderr


def test_a_place_that_cannot_be_written_is_said_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for arguments in (("init", "file/x"), ("run", "suite.yaml", "--out", "file")):
        write_suite(tmp_path, "http://127.0.0.1:9/v1")
        done = evalharness(*arguments, cwd=tmp_path, env=KEY)
        assert done.exit_code == 5, done.stderr
        assert "Traceback" not in done.stderr


def test_images_go_out_as_data_urls_and_are_stored_once(tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(b"\x89PNG" + bytes(range(256)) * 800)
    with simulator() as server:
        suite = write_suite(tmp_path, server.base_url, n=2)
        text = suite.read_text(encoding="utf-8")
        prompt = (
            "prompts:\n  seen:\n    - role: user\n      content:\n"
            '        - {type: input_text, text: "{{ question }}"}\n'
            "        - {type: input_image, image_url: \"{{ 'dot.png' | data_url }}\"}\n"
        )
        suite.write_text(text.replace('prompts: {plain: "{{ question }} Give only the number."}\n', prompt), "utf-8")
        done = evalharness("run", suite, cwd=tmp_path, env=KEY)
    assert done.exit_code == 0, done.stderr
    row = exported("latest", cwd=tmp_path)[0]
    assert row["request"]["input"][0]["content"][1]["image_url"].startswith("data:image/png;base64,iVBORw")
    folder = next((tmp_path / "reports").glob("small/2*"))
    assert (folder / "run.db").stat().st_size < 6 * 270_000, "eight trials, four requests, not eight copies"
    assert (folder / "report.html").stat().st_size < 400_000
