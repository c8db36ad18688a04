"""retro rules check, rules show."""

from pathlib import Path

import click

from rules.condition_text import sentence
from rules.rule_file import parse_rules
from rules.yaml_file import FileProblem
from workers import library
from workers.cli.context import FILE, json_option, opened
from workers.cli.output import Output, Status
from workers.text_file import text_of


@click.group("rules")
def rules_command() -> None:
    """Check a rules file, or show the rules in force."""


@rules_command.command("check")
@click.argument("file", type=FILE)
@json_option
def check(file: Path, as_json: bool) -> Status:
    """Every problem of a rules file, as file:line: message."""
    output = Output(as_json)
    try:
        found = parse_rules(text_of(file), str(file))
    except FileProblem as refused:
        if as_json:
            output.document({"problems": list(refused.problems)})
        else:
            for problem in refused.problems:
                output.text(problem)
        return Status.FAILED
    if as_json:
        output.document({"problems": [], "rules": [rule.id for rule in found]})
    else:
        output.text(f"{file}: {len(found)} rules, no problem.")
    return Status.DONE


@rules_command.command("show")
@json_option
def show(as_json: bool) -> None:
    """The rules in force, in the order in which they run."""
    output = Output(as_json)
    with opened() as app:
        rules = library.rules_in_force(app.settings)
    if as_json:
        output.document([rule.model_dump(mode="json") for rule in rules])
        return
    for rule in rules:
        when = sentence(rule.when, app.settings.lang)
        output.text(f"{rule.id} v{rule.version}  {rule.name}\n      {rule.trigger}: {when}")
