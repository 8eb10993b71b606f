"""The oddities a decoder notices and answers nevertheless: the closed list, as reports and exports print it."""

from __future__ import annotations

from enum import StrEnum


class Anomaly(StrEnum):
    """Each value means that the answer stands, but something about it was not as the protocol says."""

    #: No delta carried output: ``first_output_ns`` is the first finished part (or the terminal event).
    NO_DELTAS = "no_deltas"
    #: The deltas, put together, are not what the final object says. The final object was taken.
    DELTAS_DIFFER = "deltas_differ"
    #: The terminal event carried no output. It was put together from the events before it.
    FINAL_EMPTY = "final_empty"
    #: The final object's status is not the one its event names. The object's was taken.
    STATUS_DIFFERS = "status_differs"
    #: A whole response object that does not say how it ended; it was taken as completed.
    NO_STATUS = "no_status"
    #: The answer is incomplete, and the service does not say why.
    NO_INCOMPLETE_REASON = "no_incomplete_reason"
    #: A chat answer ended for a reason the protocol does not list; counted as incomplete for that reason.
    UNKNOWN_FINISH_REASON = "unknown_finish_reason"
    #: ``sequence_number`` did not rise by one.
    SEQUENCE = "sequence"
    #: Events after the terminal one; they were ignored.
    EVENT_AFTER_END = "event_after_end"
    #: The connection broke or a clock ran out after the terminal event.
    CUT_AFTER_END = "cut_after_end"
    #: A stream was asked for and a JSON body came: there are no times but headers and latency.
    NOT_STREAMED = "not_streamed"
    #: A stream came though none was asked for.
    STREAMED_UNASKED = "streamed_unasked"
    #: The key of the endpoint stood in an answer. It was taken out of it before anything was kept or graded.
    #: Where it stood in an error alone it was taken out all the same, without this.
    KEY_ECHOED = "key_echoed"
    #: A response of this run had the same id before. The trial's own id tells answers apart.
    REPEATED_ID = "repeated_id"
    #: A kept connection ended without a byte of an answer, and the request was sent once more at once. Both may have
    #: been charged.
    RESENT = "resent"
    #: No usage: every token count and the cost are unknown.
    USAGE_MISSING = "usage_missing"
    #: A token count that is no whole number from 0 to 2^53, or larger than what it is part of; that count is unknown.
    USAGE_INVALID = "usage_invalid"
    #: ``total_tokens`` is not the sum of input and output: all counts are unknown, since any of them may be wrong.
    USAGE_SUM = "usage_sum"
