"""Who is at the command line."""

import os
import pwd

from sync.store.audit import Hand
from workers.clock import machine_now


def this_hand() -> Hand:
    """By the account of the operating system, not by what the environment claims."""
    try:
        who = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container runs under a number that has no name
        who = f"uid {os.getuid()}"
    return Hand(who, machine_now())
