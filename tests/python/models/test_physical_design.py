"""How tables lie on Redshift follows from their unique keys, in one macro (physical_design.sql)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from hirehouse.contracts.model import ROOT

SCRIPT = Path(__file__).parent / "redshift_ddl.py"
DESIGNS = {
    # a key, which is no list
    "int_offers": "diststyle key distkey (offer_id) compound sortkey(offer_id)",
    # the first column of a key
    "int_unknown_property_counts": "diststyle key distkey (event) compound sortkey(event)",
    # only appended to, with and without a word on where rows lie
    "int_candidate_changes": "diststyle key distkey (candidate_id) compound sortkey(batch_id)",
    "stg_landing__batches": "compound sortkey(batch_id)",
    # the model's own word comes first
    "stg_landing__properties": "diststyle all compound sortkey(event)",
}


def test_a_table_lies_by_its_key(profiles: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(ROOT), str(tmp_path), *DESIGNS],
        env=os.environ | {"DBT_PROFILES_DIR": str(profiles)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout)
    found = {name: text.partition(f'"{name}" ')[2] for name, text in made.items()}
    assert found == {name: f"{design} as ( select 1 );" for name, design in DESIGNS.items()}
