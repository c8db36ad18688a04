"""What keeps the service from running. The CLI shows the text as it is."""

from sqlalchemy.exc import DBAPIError


class CannotRun(Exception):
    """The text is one sentence that names the cause and the next step."""


class NotThere(CannotRun):
    """Something was asked for by a name that nothing has."""


def one_line(error: Exception) -> str:
    """The cause for a log. Of a database's error only what its server says: the rest quotes the
    statement and its values."""
    said = error.orig if isinstance(error, DBAPIError) else error
    return f"{type(error).__name__}: {'; '.join(str(said).splitlines())}"
