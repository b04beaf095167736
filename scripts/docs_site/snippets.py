"""An example event, as JSON and as the call of each SDK that docs/collecting.md names."""

from __future__ import annotations

import json
from pprint import pformat
from textwrap import indent

from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import Contract


def snippets(contract: Contract) -> list[tuple[str, str, str]]:
    """Title, language for the highlighting, and text of each form of the example."""
    event = example_event(contract)
    name, user, properties = event["event"], event["userId"], event["properties"]
    object_ = json.dumps(properties, indent=2)
    nested = indent(object_, "  ").lstrip()
    literal = indent(pformat(properties, sort_dicts=False, width=84), " " * 4).lstrip()
    body = json.dumps(event, indent=2).replace("'", "'\\''")
    return [
        ("JSON", "json", json.dumps(event, indent=2)),
        ("Browser", "js", f'analytics.track("{name}", {object_});'),
        (
            "Node",
            "js",
            f'analytics.track({{\n  userId: "{user}",\n  event: "{name}",\n'
            f"  properties: {nested},\n}});",
        ),
        (
            "Python",
            "python",
            f'client.track(\n    user_id="{user}",\n    event="{name}",\n'
            f"    properties={literal},\n)",
        ),
        (
            "HTTP",
            "bash",
            f'curl --user "$WRITE_KEY:" https://events.example.com/v1/track \\\n'
            f"  --header 'Content-Type: application/json' \\\n  --data '{body}'",
        ),
    ]
