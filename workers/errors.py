"""What keeps the service from running. The CLI shows the text as it is."""


class CannotRun(Exception):
    """The text is one sentence that names the cause and the next step."""
