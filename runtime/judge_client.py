"""Asks the model judges: in threads of their own, so that no gate ever waits for one.

The client is the official `openai` package, an optional extra (`pip install agentwatch[judge]`), for any endpoint that
speaks that API.  The key is read from the environment when it is needed, and told to nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from functools import partial

import msgspec

from runtime.core import Core, log
from runtime.live import LiveRun
from runtime.policy.judge_model import Answer, Question, Verdict, judged, read_answer
from store.events import Kind
from store.records import Json
from store.states import GOING

AT_ONCE = 4
"""Questions of a home that are out at a time."""

CHARS_PER_TOKEN = 4
"""A guess, where an endpoint does not say what it used."""


class Said(msgspec.Struct, frozen=True):
    """What came back from the endpoint."""

    answer: Answer
    input_tokens: int = 0
    output_tokens: int = 0


class JudgeClient:
    """Takes questions from the rules of live runs, and journals what the models say."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._asking: set[str] = set()

    def tick(self) -> None:
        """Ask what is due, of as many runs at a time as may be."""
        for live in list(self._core.lives.values()):
            if len(self._asking) >= AT_ONCE:
                return
            if live.run in self._asking or self._core.run(live).status not in GOING:
                continue
            question = live.judge.question()
            if question is not None:
                self._ask(live, question)

    def _ask(self, live: LiveRun, question: Question) -> None:
        self._asking.add(live.run)
        key = live.launch.env.get(question.section.key_env) or os.environ.get(question.section.key_env) or ""
        loop, done = asyncio.get_running_loop(), partial(self._answered, live.run, question)

        def work() -> None:
            said = ask(question, key)
            with contextlib.suppress(RuntimeError):  # The runtime has ended meanwhile.
                loop.call_soon_threadsafe(done, said)

        # A daemon: a runtime that leaves waits for no answer.
        threading.Thread(target=work, name="agentwatch-judge", daemon=True).start()

    def _answered(self, run: str, question: Question, said: Said) -> None:
        self._asking.discard(run)
        body = judged(question, said.answer, said.input_tokens, said.output_tokens)
        live = self._core.lives.get(run)
        if live is not None:
            self._core.record(live, Kind.JUDGED, body)
        elif run in self._core.journal.runs:
            self._core.record_home(Kind.JUDGED, body, run)


def ask(question: Question, key: str) -> Said:
    """Put a question to its endpoint.  Every failure is an answer, too."""
    try:
        return _ask(question, key)
    except ImportError:
        return _failed("the package openai is not installed: pip install 'agentwatch[judge]'", key)
    except Exception as error:  # Whatever an endpoint does must not end a thread silently.
        log.info("the model judge failed: %s", type(error).__name__)
        return _failed(f"{type(error).__name__}: {error}", key)


def _ask(question: Question, key: str) -> Said:
    import openai

    section = question.section
    # Retries are ruled in one place: a question that failed is asked again with the next reason to ask.
    with openai.OpenAI(
        base_url=section.base_url, api_key=key or "none", timeout=section.timeout_s, max_retries=0
    ) as client:
        completion = client.chat.completions.create(
            model=section.model or "",
            messages=[
                {"role": "system", "content": question.messages[0]["content"]},
                {"role": "user", "content": question.messages[1]["content"]},
            ],
        )
    text = (completion.choices[0].message.content if completion.choices else "") or ""
    used, asked_chars = completion.usage, sum(len(message["content"]) for message in question.messages)
    return Said(
        read_answer(text, question.steps),
        used.prompt_tokens if used else asked_chars // CHARS_PER_TOKEN,
        used.completion_tokens if used else len(text) // CHARS_PER_TOKEN,
    )


def _failed(why: Json, key: str) -> Said:
    told = " ".join(str(why).split())
    return Said(Answer(Verdict.FAILED, (told.replace(key, "•••") if key else told)[:300]))
