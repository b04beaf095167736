"""deploy/terraform has the form and the arguments that Terraform and the AWS provider want."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest

from hirehouse.contracts.model import ROOT
from support.commands import parse_command
from support.terraform import problems

FOLDER = ROOT / "deploy" / "terraform"
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf")))
# Written by scripts/tools/terraform_schema.py.
SCHEMA = json.loads((Path(__file__).parent / "aws_schema.json").read_text(encoding="utf-8"))


def test_resources_have_the_arguments_of_the_provider() -> None:
    assert not problems(TEXT, SCHEMA)
    [pinned] = re.findall(r'version = "~> (\d+\.\d+)"', TEXT)
    assert SCHEMA["provider"].startswith(pinned)


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("base_capacity  ", "base_rpus  ", "main takes no base_rpus"),
        ('status = "Enabled"\n  }', 'state = "Enabled"\n  }', "lacks status"),
        ("namespace_name      = aws", "iops = aws", "main lacks namespace_name"),
        ("noncurrent_days = 30\n", "days = 30\n", "takes no days"),
        ("expiration {", "expiration = {", "expiration is a block"),
        ("= var.log_days", "= var.days_of_logs", "var.days_of_logs is not declared"),
        ("= var.log_days", "= 30", "var.log_days is not used"),
        ("vpc_id = aws_vpc.main.id", "vpc_id = aws_vpc.mine.id", "aws_vpc.mine is not declared"),
        ("aws_lb.main.dns_name", "aws_lb.main.host", "aws_lb.main has no attribute host"),
    ],
)
def test_what_is_wrong_is_found(right: str, wrong: str, problem: str) -> None:
    assert right in TEXT
    assert problem in "\n".join(problems(TEXT.replace(right, wrong, 1), SCHEMA))


def test_variables_and_outputs_are_described() -> None:
    module = hcl2.loads(TEXT)
    for one in [*module["variable"], *module["output"]]:
        [(name, body)] = one.items()
        assert len(body["description"]) > 20, name


def test_tasks_call_commands_that_exist() -> None:
    commands = [
        re.sub(r"\$\{[^}]*\}", "1", words)
        for words in re.findall(r"command\s*= \[([^\]]+)\]", TEXT)
        if '"collect"' in words or '"run"' in words
    ]
    assert len(commands) == 2
    for words in commands:
        parse_command(re.findall(r'"([^"]*)"', words))


def test_no_resource_lets_everybody_in_but_the_balancer() -> None:
    opened = re.findall(r'ingress_rule" "(\w+)" \{(?:(?!^\}).)*0\.0\.0\.0/0', TEXT, re.M | re.S)
    assert opened == ["https"]


@pytest.mark.skipif(not shutil.which("terraform"), reason="Terraform is not installed")
def test_terraform_formats_the_files_like_this(tmp_path: Path) -> None:
    check = ["terraform", "fmt", "-check", "-recursive"]
    assert subprocess.run([*check, FOLDER], check=False).returncode == 0
    (tmp_path / "a.tf").write_text("locals {\n  a = 1\n  long = 2\n}\n")
    assert subprocess.run([*check, tmp_path], check=False).returncode == 3
