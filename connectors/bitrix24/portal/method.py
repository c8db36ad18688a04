"""A REST method of the portal: what it needs and what runs."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.bitrix24.portal.answers import Answer, Credential, Params
from connectors.bitrix24.portal.state import Portal

Run = Callable[[Portal, Params, Credential], Answer]


@dataclass(frozen=True)
class Method:
    """`positional` names the parameters of methods that also take a plain list."""

    run: Run
    scope: str | None = None
    needs_app: bool = False
    refuses_webhook: bool = False
    needs_admin: bool = False
    positional: tuple[str, ...] = ()
