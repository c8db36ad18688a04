"""A redirect that means: the account answers under another host name.

The address of a call may hold its secret, so it goes to another host only where the redirect names
the very same call there. A page for maintenance or for signing in has a path of its own.
"""

import httpx

from connectors.errors import ConnectorError, OutcomeUnknown, RateLimited, SentElsewhere
from connectors.hosts import is_loopback

REDIRECTS = (301, 302, 307, 308)


def renamed_to(response: httpx.Response) -> httpx.URL | None:
    """The same call under the account's new host; None when the answer sends to no other host.

    Raises SentElsewhere when it sends to something else there.
    """
    if response.status_code not in REDIRECTS or "Location" not in response.headers:
        return None
    here = response.request.url
    there = here.join(response.headers["Location"])
    if not there.host or there.host == here.host:
        return None
    safe = there.scheme == "https" or is_loopback(there.host)
    if there.path != here.path or there.scheme != here.scheme or not safe:
        raise SentElsewhere(
            f"The tool's address sends calls to {there.host}, to something other than this call; "
            "nothing was sent there."
        )
    return here.copy_with(host=there.host, port=there.port)


def not_the_tool(there: httpx.URL, error: ConnectorError) -> ConnectorError:
    """What the first answer of a new host stands for that is not a good one."""
    if isinstance(error, RateLimited):
        return error
    told = f"The tool's address sends calls to {there.host}, which did not do this one"
    if isinstance(error, OutcomeUnknown):
        return OutcomeUnknown(f"{told} for sure: {error.message}", next_step=error.next_step)
    return SentElsewhere(f"{told}: {error.message}")
