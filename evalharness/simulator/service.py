"""The routes: a request in, a script and the facts for the truth log out. Holds what a service remembers."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalharness.simulator import validation
from evalharness.simulator.ask import Ask, from_chat, from_responses
from evalharness.simulator.behaviour import DrawKey, Reply, reply_to
from evalharness.simulator.byte_effects import bend_script, stream_script
from evalharness.simulator.chat import chat_body, chat_events
from evalharness.simulator.effects import bend_events, bend_reply, error_script, http_date, instead, plain_script
from evalharness.simulator.exchange import Identity, RejectedError, Script, as_utf8, compact
from evalharness.simulator.faults import Asked, Fault, FaultPlan, parse_fault
from evalharness.simulator.http1 import HttpRequest
from evalharness.simulator.problems import find_problem, problem_key
from evalharness.simulator.profile import Profile, ProfileError
from evalharness.simulator.responses import response_body, response_events
from evalharness.simulator.tls import TlsFiles
from evalharness.simulator.truth import declared, declared_for

_MAX_STORED = 1_000
_MAX_COUNTED = 200_000
_CACHEABLE_TOKENS = 1_024
_CACHE_STEP = 128
_CACHED_CHARACTERS = 4_096
_REMEMBERED_BYTES, _N_REMEMBERED = 2**19, 128
_DEFAULT_MODEL = "sim-mini"
_LIMIT_REQUESTS, _LIMIT_TOKENS = 10_000, 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """``port`` 0: any free one. ``unix``: the path of a socket to listen on instead of host and port.

    ``api_key`` None: every key, or none, is accepted. ``tls`` None: plain HTTP.
    """

    profile: Profile
    host: str = "127.0.0.1"
    port: int = 0
    unix: Path | None = None
    tls: TlsFiles | None = None
    seed: int = 1
    faults: FaultPlan = field(default_factory=FaultPlan)
    truth_log: Path | None = None
    api_key: str | None = None
    max_body_bytes: int = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The script of a response and what the truth log says about it. ``takes_slot``: a model has to work for it."""

    script: Script
    facts: Mapping[str, Any] = field(default_factory=dict)
    takes_slot: bool = False


class Service:
    """Everything behind the sockets.

    ``served`` tells what was sent so far. ``look_up`` is called several times while a reply is made, which takes half a
    millisecond: what other streams have to send then need not wait for its end.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        served: Callable[[], dict[str, Any]],
        look_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self._look_up = look_up
        self.profile = settings.profile
        self._served = served
        self._n_asked = 0
        self._attempts: OrderedDict[object, int] = OrderedDict()
        self._repeats: OrderedDict[object, int] = OrderedDict()
        self._stored: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._prefixes: OrderedDict[object, int] = OrderedDict()
        # A run asks the same again and again, and to count the tokens of a long prompt takes milliseconds.
        self._read_again = lru_cache(maxsize=_N_REMEMBERED)(self._read)

    def answer(self, request: HttpRequest) -> Outcome:
        """Never raises for what a client sent."""
        request_id = f"req_{os.urandom(16).hex()}"
        facts = {
            "request_id": request_id,
            "client_request_id": request.headers.get("x-client-request-id"),
            "method": request.method,
            "path": request.path,
        }
        try:
            outcome = self._route(request)
        except RejectedError as rejection:
            outcome = _rejected(rejection)
        except ProfileError as error:
            message = f"This fault cannot be played: {error}"
            outcome = _rejected(RejectedError(status=400, message=message, code="invalid_fault"))
        except Exception as error:
            # A bug here must be an answer that a test can see, as with a real service, and not a hung client.
            outcome = _rejected(RejectedError(status=500, message="The simulator failed.", type="server_error"))
            outcome = replace(outcome, facts={"error": repr(error)})
        script = outcome.script
        if request.path.startswith("/v1"):
            script = self._with_headers(script, request_id)
        return replace(outcome, script=script, facts={**facts, "status": script.status, **outcome.facts})

    def _with_headers(self, script: Script, request_id: str) -> Script:
        if script.status == 0:
            return script
        headers = {
            "date": http_date(datetime.now(UTC).replace(microsecond=0)),
            "x-request-id": request_id,
            "openai-version": "2020-10-01",
            "openai-organization": "org-simulator",
            "openai-processing-ms": str(round(script.head_ms)),
            "x-ratelimit-limit-requests": str(_LIMIT_REQUESTS),
            "x-ratelimit-remaining-requests": str(_LIMIT_REQUESTS - 1),
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-limit-tokens": str(_LIMIT_TOKENS),
            "x-ratelimit-remaining-tokens": str(_LIMIT_TOKENS - 1_000),
            "x-ratelimit-reset-tokens": "6ms",
        }
        return replace(script, headers=headers | dict(script.headers))

    # ------------------------------------------------------------ routes

    def _route(self, request: HttpRequest) -> Outcome:
        if request.path == "/truth":
            return Outcome(script=self._truth(request))
        self._check_key(request)
        where = (request.method, request.path.rstrip("/"))
        if where == ("POST", "/v1/responses"):
            return self._ask(request, chat=False)
        if where == ("POST", "/v1/chat/completions"):
            return self._ask(request, chat=True)
        if where == ("GET", "/v1/models"):
            return Outcome(script=_json_script(self._models()))
        if where[1].startswith("/v1/responses/") and where[1].count("/") == 3:
            found = self._stored_response(request.method, where[1].rpartition("/")[2])
            return Outcome(script=_json_script(found))
        raise RejectedError(status=404, message=f"Invalid URL ({request.method} {request.path})")

    def _check_key(self, request: HttpRequest) -> None:
        wanted, sent = self.settings.api_key, request.headers.get("authorization", "")
        if wanted is None or sent == f"Bearer {wanted}":
            return
        if not sent:
            raise RejectedError(
                status=401,
                message="You didn't provide an API key. You need to provide your API key in an Authorization header "
                "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        raise RejectedError(status=401, message="Incorrect API key provided.", code="invalid_api_key")

    def _models(self) -> dict[str, Any]:
        names = sorted({_DEFAULT_MODEL, *self.profile.ability_by_model})
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in names]
        return {"object": "list", "data": models}

    def _stored_response(self, method: str, response_id: str) -> dict[str, Any]:
        if method not in ("GET", "DELETE") or response_id not in self._stored:
            raise RejectedError(status=404, message=f"Response with id '{response_id}' not found.")
        if method == "DELETE":
            del self._stored[response_id]
            return {"id": response_id, "object": "response", "deleted": True}
        return self._stored[response_id]

    def _truth(self, request: HttpRequest) -> Script:
        model = request.query.get("model", _DEFAULT_MODEL)
        if request.method == "POST":
            found = self._truth_over(validation.parse_body(request.body), model)
        else:
            complexity = request.query.get("complexity")
            found = declared(self.profile, model=model, complexity=float(complexity) if complexity else None)
        return _json_script(found | {"seed": self.settings.seed, "served": self._served()})

    def _truth_over(self, body: Mapping[str, Any], model: str) -> dict[str, Any]:
        prompts = body.get("prompts")
        if not isinstance(prompts, list) or not all(isinstance(prompt, str) for prompt in prompts):
            raise RejectedError(status=400, message='Send {"prompts": ["...", ...]}.', param="prompts")
        return declared_for(
            self.profile, self.settings.seed, model=model, prompts=prompts, request=body.get("request") or {}
        )

    # ------------------------------------------------------------ answers

    def _ask(self, request: HttpRequest, *, chat: bool) -> Outcome:
        self._n_asked += 1
        read = self._read_again if len(request.body) <= _REMEMBERED_BYTES else self._read
        ask = read(request.body, chat)
        self._look_up()
        self._check_previous(ask.body)
        key = self._draw_key(request, ask)
        fault = self._fault(request, ask, key)
        facts = {"model": ask.model, "effort": ask.effort, "draw": key.draw, "attempt": key.attempt}
        facts["fault"] = None if fault is None else fault.name
        script = None if fault is None else instead(fault, datetime.now(UTC))
        if script is not None:
            return Outcome(script=script, facts=facts)
        reply = bend_reply(reply_to(ask, self.profile, key), fault)
        self._look_up()
        facts |= {
            "problem": reply.problem_key,
            "right": reply.right,
            "reasoning_tokens": reply.reasoning_tokens,
            "output_tokens": reply.output_tokens,
        }
        return Outcome(script=self._script(ask, reply, fault, chat=chat), facts=facts, takes_slot=True)

    def _read(self, raw: bytes, chat: bool) -> Ask:
        body = validation.parse_body(raw)
        (validation.check_chat if chat else validation.check_responses)(body, self.profile)
        ask = from_chat(body) if chat else from_responses(body)
        validation.check_context(ask, self.profile)
        return ask

    def _check_previous(self, body: Mapping[str, Any]) -> None:
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self._stored:
            raise RejectedError(
                status=400,
                message=f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )

    def _draw_key(self, request: HttpRequest, ask: Ask) -> DrawKey:
        """TRIAL.TURN of ``RUN.TRIAL.TURN``; without the header a counter for the same question."""
        sent = request.headers.get("x-client-request-id")
        if sent:
            attempt = _count(self._attempts, sent)
            return DrawKey(seed=self.settings.seed, draw=".".join(sent.split(".")[-2:]), attempt=attempt)
        n_asked = _count(self._repeats, (ask.model, ask.effort, problem_key(ask.question)))
        return DrawKey(seed=self.settings.seed, draw=f"#{n_asked}")

    def _fault(self, request: HttpRequest, ask: Ask, key: DrawKey) -> Fault | None:
        header = request.headers.get("x-sim-fault")
        if header:
            fault = parse_fault(header)
            return fault if fault.hits(key.attempt) else None
        if not self.settings.faults.rules:
            return None
        problem = find_problem(ask.question)
        asked = Asked(
            seed=key.seed,
            draw=key.draw,
            problem=problem.key if problem is not None else problem_key(ask.question),
            attempt=key.attempt,
            ordinal=self._n_asked,
            model=ask.model,
            effort=self.profile.effort(ask.effort),
            question=ask.question,
        )
        return self.settings.faults.choose(asked)

    def _script(self, ask: Ask, reply: Reply, fault: Fault | None, *, chat: bool) -> Script:
        is_new = fault is None or fault.name != "repeated_id"
        who = Identity(token=os.urandom(24).hex() if is_new else "0" * 48, created_at=int(time.time()))
        cached = self._cached_tokens(ask)
        body = (chat_body if chat else response_body)(ask, reply, who, cached)
        if not chat and ask.body.get("store") is not False:
            self._store(body)
        if not ask.stream:
            return bend_script(_json_script(body, at_ms=reply.schedule.end_ms), fault)
        quirks = self.profile.quirks
        events = chat_events(ask, reply, who, cached) if chat else response_events(ask, reply, who, body, quirks)
        self._look_up()
        headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        script = stream_script(bend_events(events, fault), reply.schedule.head_ms, headers, fault)
        self._look_up()
        return script

    def _store(self, response: dict[str, Any]) -> None:
        self._stored[response["id"]] = response
        if len(self._stored) > _MAX_STORED:
            self._stored.popitem(last=False)

    def _cached_tokens(self, ask: Ask) -> int:
        """A long prompt whose beginning was seen before is served from the prompt cache, in steps of 128 tokens."""
        if ask.input_tokens < _CACHEABLE_TOKENS:
            return 0
        prefix = problem_key(ask.model + (ask.instructions + ask.question)[:_CACHED_CHARACTERS])
        if _count(self._prefixes, prefix) > 1:
            return ask.input_tokens // _CACHE_STEP * _CACHE_STEP
        return 0


def _count(counts: OrderedDict[object, int], key: object) -> int:
    """How often ``key`` has come by now; who was not seen for very long is forgotten, so that memory stays bounded."""
    counts[key] = counts.pop(key, 0) + 1
    if len(counts) > _MAX_COUNTED:
        counts.popitem(last=False)
    return counts[key]


def _rejected(rejection: RejectedError) -> Outcome:
    return Outcome(script=error_script(rejection, {}), facts={"error": rejection.code})


def _json_script(body: Any, *, at_ms: float = 0.0) -> Script:
    return plain_script(200, as_utf8(compact(body)), {"content-type": "application/json"}, at_ms=at_ms)
