"""All v2 methods of the portal, by lower-case name."""

from connectors.bitrix24.portal import (
    bindings,
    crmlists,
    items,
    legacy,
    reference,
    smart,
    talk,
    tasks_v2,
)
from connectors.bitrix24.portal.answers import Answer, Credential, Params
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.state import Portal


def list_methods(_: Portal, __: Params, ___: Credential) -> Answer:
    return Answer(sorted(METHODS))


METHODS: dict[str, Method] = {
    name.lower(): method
    for module in (reference, items, legacy, crmlists, smart, tasks_v2, talk, bindings)
    for name, method in module.METHODS.items()
} | {"methods": Method(list_methods)}
