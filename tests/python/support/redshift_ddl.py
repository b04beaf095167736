"""Prints, as JSON by model, how dbt would make its table on Redshift; nothing is asked of a server.

Usage: redshift_ddl.py PROJECT FOLDER MODEL...; a process of its own, since dbt keeps one adapter.
"""

from __future__ import annotations

import json
import sys
from multiprocessing import get_context

from dbt.adapters.factory import adapter_management, get_adapter, register_adapter
from dbt.cli.main import dbtRunner
from dbt.config.runtime import RuntimeConfig, load_profile, load_project
from dbt.context.providers import generate_runtime_macro_context, generate_runtime_model_context
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode
from dbt.flags import get_flags

from hirehouse.running.warm_dbt import WARNINGS


def main(root: str, folder: str, names: list[str]) -> None:
    options = ["--project-dir", root, "--target-path", folder, "--target", "redshift"]
    parsed = dbtRunner().invoke(["--quiet", *WARNINGS, "--log-path", folder, "parse", *options])
    assert parsed.success, parsed.exception
    profile = load_profile(root, {}, target_override="redshift")
    project = load_project(root, False, profile, {})
    config = RuntimeConfig.from_parts(project, profile, get_flags())
    statements = {}
    with adapter_management():
        register_adapter(config, get_context("spawn"))
        adapter = get_adapter(config)
        manifest = parsed.result
        assert isinstance(manifest, Manifest)
        adapter.set_macro_resolver(manifest)
        adapter.set_macro_context_generator(generate_runtime_macro_context)
        for name in names:
            node = manifest.nodes[f"model.hirehouse.{name}"]
            assert isinstance(node, ModelNode)
            context = generate_runtime_model_context(node, config, manifest)
            made = context["redshift__create_table_as"](False, context["this"], "select 1")
            statements[name] = " ".join(made.split())
    print(json.dumps(statements))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
