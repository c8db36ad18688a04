"""Fills a new Tryton database for a trial: a company, two employees, opportunities, and a key.

Only the standard library is used, and only what any client of Tryton may call. Writes the key of a
user application to the file `key`.
"""

import argparse
import base64
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

GROUPS = ("Sales", "Sale Opportunity", "Project Administration")
EMPLOYEES = (("Nadia Exemple", "nadia@example.com"), ("Léo Exemple", "leo@example.com"))
CLIENTS = ("Exemple Nord", "Exemple Sud", "Exemple Est")
# Title, amount, and the buttons that are pressed one after another.
OPPORTUNITIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Contract for the north", "12500.00", ()),
    ("Contract for the south", "8000.50", ("opportunity",)),
    ("Second site", "4200.00", ("opportunity", "convert")),
    ("Trial", "900.00", ("lost",)),
    ("Renewal", "15000.00", ("opportunity", "lost")),
    ("Asked again", "300.00", ("opportunity", "lead")),
)
Ids = list[int]


class Tryton:
    """`login` and `password` are those of a user who may do what is called."""

    def __init__(self, server: str, database: str, login: str, password: str) -> None:
        self._url = f"{server}/{database}/rpc/"
        self._sign = ""
        self.context: dict[str, Any] = {}
        user, session, _ = self._call("common.db.login", [login, {"password": password}, "en"])
        signed = f"{login}:{user}:{session}".encode()
        self._sign = f"Session {base64.b64encode(signed).decode()}"

    def __call__(self, method: str, *params: Any) -> Any:
        """A method of a model, such as `party.party.create`."""
        return self._call(f"model.{method}", [*params, self.context])

    def _call(self, method: str, params: list[Any]) -> Any:
        body = {"id": 0, "method": method, "params": params}
        heads = {"Content-Type": "application/json", "Authorization": self._sign}
        request = urllib.request.Request(  # noqa: S310 - the address is the caller's
            self._url, json.dumps(body).encode(), heads
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            told = json.load(answer)
        if "error" in told:
            raise SystemExit(f"Tryton refuses {method}: {told['error'][:2]}")
        return told["result"]


def company(tryton: Tryton) -> int:
    """Made by the administrator, who then works in it."""
    currency, *_ = tryton(
        "currency.currency.create",
        [{"name": "Euro", "symbol": "€", "code": "EUR", "digits": 2, "rounding": decimal("0.01")}],
    )
    (party,) = tryton("party.party.create", [{"name": "Exemple SARL"}])
    values = {"party": party, "currency": currency, "timezone": "Europe/Paris"}
    (made,) = tryton("company.company.create", [values])
    tryton("res.user.write", [1], {"companies": [["add", [made]]], "company": made})
    tryton.context = {"company": made}
    return int(made)


def employees(tryton: Tryton, of: int) -> Ids:
    made: Ids = []
    for name, email in EMPLOYEES:
        reached = [["create", [{"type": "email", "value": email}]]]
        (party,) = tryton("party.party.create", [{"name": name, "contact_mechanisms": reached}])
        made += tryton("company.employee.create", [{"party": party, "company": of}])
    return made


def key(tryton: Tryton, of: int, staff: Ids, login: str, password: str) -> str:
    """Of a user who may read sales and write tasks, and nothing else."""
    groups = tryton("res.group.search", [["name", "in", list(GROUPS)]], 0, None, None)
    values = {
        "name": "Retro ROI",
        "login": login,
        "password": password,
        "companies": [["add", [of]]],
        "company": of,
        "employees": [["add", staff[:1]]],
        "employee": staff[0],
        "groups": [["add", groups]],
    }
    (user,) = tryton("res.user.create", [values])
    (made,) = tryton("res.user.application.create", [{"user": user, "application": "rest"}])
    (row,) = tryton("res.user.application.read", [made], ["key"])
    return str(row["key"])


def opportunities(tryton: Tryton, of: int, staff: Ids) -> Ids:
    currencies = tryton("currency.currency.search", [["code", "=", "EUR"]], 0, None, None)
    parties = tryton("party.party.create", [{"name": each} for each in CLIENTS])
    made: Ids = []
    for number, (title, amount, buttons) in enumerate(OPPORTUNITIES):
        values = {
            "description": title,
            "party": parties[number % len(parties)],
            "company": of,
            "currency": currencies[0],
            "amount": decimal(amount),
            "employee": staff[number % len(staff)],
        }
        (one,) = tryton("sale.opportunity.create", [values])
        for button in buttons:
            tryton(f"sale.opportunity.{button}", [one])
        made.append(one)
    return made


def project(tryton: Tryton, of: int) -> None:
    values = {"name": "Retro", "type": "project", "company": of, "status": 1}
    tryton("project.work.create", [values])


def decimal(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def seed(server: str, database: str, password: str) -> str:
    """The key."""
    tryton = Tryton(server, database, "admin", password)
    made = company(tryton)
    staff = employees(tryton, made)
    found = key(tryton, made, staff, "retro-roi", password)
    opportunities(tryton, made, staff)
    project(tryton, made)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", help="http://127.0.0.1:8000")
    parser.add_argument("database")
    parser.add_argument("password_file", type=Path, help="holds the administrator's password")
    given = parser.parse_args()
    password = given.password_file.read_text(encoding="utf-8").strip()
    found = seed(given.server, given.database, password)
    with os.fdopen(os.open("key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{found}\n")


if __name__ == "__main__":
    main()
