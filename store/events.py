"""The vocabulary of the journal: every kind of event, with the fields of its body.

Bodies of kinds that an agent sends hold the agent's own message (`docs/PROTOCOL.md`), its `t` field included.
A field marked `?` may be absent or null.  Unknown fields are kept.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What happened."""

    # --- said by the supervisor about a run
    CREATED = "run.created"
    """agent, goal, command [str], cwd, restart (int: times it may be started again), limits {budget: number},
    forked_from?, by (who)"""
    STATUS = "run.status"
    """from, to, cause (a few words), reason?, why?, evidence?, held?, parks_at?, frozen?, due_at?, waits_for?,
    dependency?, checkpoint? (of `starting`, and of `stopping` where a new attempt follows: the number of the one that
    it is to begin from)"""
    ATTEMPT_STARTED = "attempt.started"
    """pid, process_started (as the system counts it), checkpoint (number or null), adopted? (bool)"""
    ATTEMPT_ENDED = "attempt.ended"
    """exit_code?, signal? (name), log_tail [str], known (bool: False where nobody could see how it ended)"""
    LINGERS = "run.lingers"
    """The agent is done, and processes of the run go on.  why, waits_for, left (how many)"""
    PAUSE_ASKED = "pause.asked"
    """by (who or rule name), reason, waits_for?, why?, evidence?"""
    PAUSE_WITHDRAWN = "pause.withdrawn"
    """by"""
    HELD = "gate.held"
    """A call waits at the gate.  id?, tool?, args?, why, until? (epoch seconds), dependency?, question?
    (true: a person must say whether it is on record already), behind? (id of the action with the same key whose end it
    waits for: time passes for the run meanwhile)"""
    REFUSED = "gate.refused"
    """A call was refused, and did not happen.  id, tool, args, reason"""
    REPLAYED = "gate.replayed"
    """A call was answered from the record.  id, tool, args, of (id of the recorded action), result"""
    RULING = "ruling"
    """rule (a section of the policy; `processes`: some cannot be ended; `clock`: the wall clock jumped), level (observe
    | warn | steer | pause | stop), reason?, summary, note?, evidence, signature?, by_s? (of `clock`: the seconds by
    which it went ahead; they do not count)"""
    ADVICE = "advice"
    """A note for the model was delivered.  note, by"""
    DOUBT = "action.doubt"
    """An intent was left open by a process that is gone.  id, tool, args, began_at"""
    RESOLVED = "action.resolved"
    """A person answered a doubt.  id, outcome (done | retry), result?"""
    COMMAND = "command"
    """An operator's request was dealt with.  command (id), kind, who, applied (bool), message, note? (for the model)"""
    GRANTED = "budget.granted"
    """An operator raised limits at a resume.  limits {budget: new limit}, by"""
    ACCEPTED = "repetition.accepted"
    """An operator said that a repetition is fine for the rest of the run.  signature, by"""

    JUDGED = "judged"
    """A model was asked whether the run comes closer to its goal.  verdict (closer | not_closer | unclear | failed),
    why, steps [int] (those that it cites), through (steps begun when it was asked), seq (newest event that it was
    shown), model, input_tokens, output_tokens, cost_usd"""

    # --- said by the agent
    HELLO = "agent.hello"
    """pid, sdk, goal (in the agent's words; counts where the run was given none)"""
    STEP_BEGIN = "step.begin"
    """n (1-based), name"""
    STEP_END = "step.end"
    """n, ok (bool), error?"""
    TASK = "task"
    """name"""
    USAGE = "usage"
    """input_tokens, output_tokens, cached_tokens, cost_usd, model?"""
    PROGRESS = "progress"
    """label, done?, of?"""
    ACTION_BEGIN = "action.begin"
    """The intent.  id, tool, args, key?, dependency?, idempotent, poll, timeout_s?, retry_of?, check_hint?,
    parent?, step, note? (the advice that went with the verdict)"""
    ACTION_END = "action.end"
    """id, ok, result?, error? {type, message, happened?}, duration_s?, tool, step"""
    ACTION_WITHDRAWN = "action.withdraw"
    """id"""
    CHECKPOINT = "checkpoint"
    """number, step, label?, size_bytes, digest, covers?"""
    COMPLETE = "complete"
    """result?, child? (true: not the main process said it)"""
    FAIL = "fail"
    """message, type?, child?"""
    OUTPUT = "output"
    """The agent wrote to its log (observed at most once a second).  bytes, line (the last one)"""

    # --- said of the whole home (run is empty)
    RUNTIME_STARTED = "runtime.started"
    """pid, version"""
    RUNTIME_STOPPED = "runtime.stopped"
    """why"""
    BREAKER = "breaker"
    """name, state (closed | open | half-open), why, until (epoch seconds), failed and calls (of the window), held"""
    POLICY = "policy"
    """version (counts up), digest, source, accepted (bool), message"""


OF_THE_AGENT = frozenset(
    {
        Kind.HELLO,
        Kind.STEP_BEGIN,
        Kind.STEP_END,
        Kind.TASK,
        Kind.USAGE,
        Kind.PROGRESS,
        Kind.ACTION_BEGIN,
        Kind.ACTION_END,
        Kind.ACTION_WITHDRAWN,
        Kind.CHECKPOINT,
        Kind.COMPLETE,
        Kind.FAIL,
        Kind.OUTPUT,
    }
)
"""Signs of life: what only the agent itself can cause."""
