"""What can go wrong with a tool, named by what the caller does next.

    ConnectorError
    ├── TryLater             again later, nothing is wrong with us
    │   ├── RateLimited      the tool says how long to wait; it did not do the call
    │   └── Unavailable      the tool is down, slow or unreachable; safe to read again
    │       └── SentElsewhere  its address sends calls to a host that is not known to be the tool
    ├── OutcomeUnknown       a write whose answer was lost: look the key up before repeating
    ├── ConnectionBroken     pause the connection and tell its admin
    │   ├── AuthFailed       the credentials are wrong, expired or revoked
    │   └── NotPermitted     the credentials are good but may not do this
    ├── RecordRefused        mark this record and go on with the next
    │   ├── Rejected         the tool refuses the content
    │   └── NotFound         the record is not there (any more)
    ├── BadResponse          the tool changed under us: stop the run, keep what is saved
    └── NoProgress           reading does not get on: stop the run, it would never end

Every error says who can repair it and the one step to take. No text holds an address with a
secret, a request body or a token: what leaves a connector went through `connectors.redaction`.
"""


class ConnectorError(Exception):
    """`message` is one sentence naming the cause; `next_step` is one sentence in the imperative."""

    who = "admin"
    next_step = "Try again."

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if next_step is not None:
            self.next_step = next_step

    @property
    def kind(self) -> str:
        """The class of this tree that it is, or is a kind of: connectors may have finer ones."""
        return next(each.__name__ for each in type(self).__mro__ if each.__module__ == __name__)


class TryLater(ConnectorError):
    who = "nobody"
    next_step = (
        "Wait: a scheduled run tries again by itself; without a schedule, run it again later."
    )


class RateLimited(TryLater):
    """`retry_after` in seconds, as the tool said or as its documentation computes it.

    `of_account` is False where one method is blocked and the account's other calls go on, and
    `of_all_calls` is True where a call with a budget of its own met the account's limit.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float,
        of_account: bool = True,
        of_all_calls: bool = False,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.retry_after = retry_after
        self.of_account = of_account
        self.of_all_calls = of_all_calls


class Unavailable(TryLater):
    pass


class SentElsewhere(Unavailable):
    who = "admin"
    next_step = (
        "Open the tool's address in a browser: if the account has a new address, connect it again "
        "with that one, else wait until the tool is back."
    )


class OutcomeUnknown(ConnectorError):
    who = "nobody"
    next_step = "Wait: the write is looked up in the tool by its key before it is repeated."


class ConnectionBroken(ConnectorError):
    pass


class AuthFailed(ConnectionBroken):
    next_step = "Make a new key in the tool and connect again with it."


class NotPermitted(ConnectionBroken):
    next_step = "Give the key the missing right in the tool, then run a check."


class RecordRefused(ConnectorError):
    who = "editor"


class Rejected(RecordRefused):
    next_step = "Correct the record here or the rule in the tool, then retry it."


class NotFound(RecordRefused):
    next_step = "Decide whether the record was deleted on purpose in the tool."


class BadResponse(ConnectorError):
    who = "developer"
    next_step = "Report it: the tool answers in a form this version does not know."


class NoProgress(ConnectorError):
    who = "developer"
    next_step = "Report it: reading this stream stands still, and trying again would not help."
