"""The commands of docs/production.md, which need an account: they are read and not run."""

from __future__ import annotations

import re
import shlex
import subprocess
from textwrap import dedent

import botocore.session
import pytest
import yaml
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from hirehouse.contracts.model import ROOT
from support.commands import parse_command

PAGE = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
BLOCKS = [dedent(text) for text in re.findall(r"^( *```bash\n.*?)^ *```", PAGE, re.M | re.S)]
SCRIPT = "\n".join(text.partition("\n")[2] for text in BLOCKS).replace("\\\n", " ")
# Of the AWS CLI alone; the SDK has no such operations.
OF_THE_CLI = {"logs tail", "ecr get-login-password"}


def wrong_aws(command: str) -> str:
    """What is wrong with a command of the AWS CLI, by the services that the SDK knows."""
    _, service, operation, *rest = shlex.split(command)
    if f"{service} {operation}" in OF_THE_CLI:
        return ""
    session = botocore.session.get_session()
    try:
        model = session.get_service_model(service)
    except UnknownServiceError:
        return f"no service {service}"
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return f"{service} has no {operation}"
    taken = model.operation_model(names[operation]).input_shape.members
    options = {xform_name(name, "-"): shape.type_name for name, shape in taken.items()}
    for word in rest:
        if word.startswith("--") and word[2:].removeprefix("no-") not in options:
            return f"{service} {operation} has no {word}"
    return ""


def commands(program: str) -> list[str]:
    """The calls of a program, also within `$(…)` and before a pipe."""
    return re.findall(rf"(?:^|[;|(] *)({program} [^\n|)]*)", SCRIPT, re.M)


def test_the_script_is_one_of_bash() -> None:
    done = subprocess.run(["bash", "-n"], input=SCRIPT, text=True, check=False)
    assert done.returncode == 0
    assert len(BLOCKS) == 6


def test_commands_of_aws_exist() -> None:
    found = commands("aws")
    assert len(found) == 9
    for command in found:
        assert not wrong_aws(command), command


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("aws redshift-less list-snapshots", "no service redshift-less"),
        ("aws ecs update-services --cluster a", "ecs has no update-services"),
        ("aws ecs update-service --cluster a --desire-count 0", "has no --desire-count"),
    ],
)
def test_a_wrong_command_of_aws_is_found(command: str, problem: str) -> None:
    assert problem in wrong_aws(command)


def test_commands_of_hirehouse_and_macros_exist() -> None:
    for command in commands("hirehouse"):
        parse_command(shlex.split(command)[1:])
    macros = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("macros/**/*.sql"))
    operations = re.findall(r"dbt run-operation (\w+) --args '([^']+)'", SCRIPT)
    assert len(operations) == 3
    for name, given in operations:
        [taken] = re.findall(rf"macro {name}\(([^)]*)\)", macros)
        assert yaml.safe_load(given).keys() <= {word.split("=")[0] for word in taken.split(", ")}


def test_files_outputs_and_alerts_exist() -> None:
    for path in re.findall(r"\b((?:deploy|scripts|docs)/[\w./-]+\w)", PAGE):
        assert (ROOT / path).exists() or path.endswith(".auto.tfvars"), path
    outputs = (ROOT / "deploy/terraform/outputs.tf").read_text(encoding="utf-8")
    named = re.findall(r"output -raw (\w+)", SCRIPT) + re.findall(r"\boutput\s+`(\w+)`", PAGE)
    assert len(named) >= 4
    for name in named:
        assert f'output "{name}"' in outputs
    rules = (ROOT / "deploy/monitoring/alerts.yml").read_text(encoding="utf-8")
    alerts = set(re.findall(r"alert: (\w+)", rules))
    assert set(re.findall(r"`(Hirehouse\w+)`", PAGE)) == alerts
