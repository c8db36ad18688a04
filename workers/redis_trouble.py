"""What is said of a Redis that cannot be used: where it is, and which setting names it."""

from urllib.parse import urlsplit

from config.settings import Settings

PORT = 6379


def redis_trouble(settings: Settings, error: Exception) -> str:
    """The cause and the next step, without the password that the address may hold."""
    said = " ".join(str(error).splitlines()).rstrip(".") or type(error).__name__
    if settings.redis_url is None:
        return (
            f"The Redis of the running service, at {settings.redis_socket}, cannot be used: {said}."
            " End retro run and start it again; retro doctor looks over the installation."
        )
    return (
        f"The Redis at {_address(settings.redis_url)} cannot be used: {said}. Start it, or correct "
        "RETRO_REDIS_URL, which names it."
    )


def _address(url: str) -> str:
    where = urlsplit(url)
    if where.scheme == "unix":
        return where.path
    return f"{where.hostname or 'localhost'}:{where.port or PORT}"
