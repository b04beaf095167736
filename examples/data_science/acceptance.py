# %% [markdown]
# # Will the candidate accept?
#
# Trains a model on interview requests and their answers, compares it with a baseline on later
# requests, and writes scores for `hirehouse land`. It reads the folder that
# `hirehouse export data_science --out data/features` writes. Run it as a script, or cell by cell in
# VS Code, Jupyter or Spyder.

# %%
import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

EXPORT, SCORES, MODEL = Path("data/features"), Path("data/scores"), "acceptance_logistic"
if not (EXPORT / "manifest.json").exists():
    raise SystemExit(f"no {EXPORT}: run `hirehouse export data_science --out {EXPORT}` first")
manifest = json.loads((EXPORT / "manifest.json").read_text())
mart = manifest["marts"]["data_science.training_interview_acceptance"]
paths = [str(EXPORT / file["path"]) for file in mart["files"]]

# %% [markdown]
# ## Features
#
# Some of what was known when the employer asked. All columns of the training set are as of that
# moment, so whatever you add looks at nothing that came later.

# %%
TEXTS = ["candidate_availability"]
COUNTS = ["candidate_request_count_28d", "candidate_page_view_count_28d"]
NUMBERS = ["is_below_minimum", "is_other_currency", *COUNTS]
requests = (
    duckdb.read_parquet(paths)
    .query(
        "requests",
        f"""
        select
            candidate_id, position_id, requested_at, label_at, is_resolved,
            coalesce(label = 'accepted', false) as is_accepted,
            {", ".join(TEXTS + COUNTS)},
            cast(currency <> candidate_currency as integer) as is_other_currency,
            cast(
                currency = candidate_currency and base_salary < candidate_min_base_salary as integer
            ) as is_below_minimum
        from requests
        order by requested_at, candidacy_id
        """,
    )
    .to_arrow_table()
    .to_pandas()
)


def trained(rows: pd.DataFrame) -> Pipeline:
    """A model of requests that have a label."""
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), TEXTS),
    )
    plain = LogisticRegression(C=0.1)  # a few hundred requests teach no more
    return make_pipeline(prepared, plain).fit(rows, rows["is_accepted"])


# %% [markdown]
# ## A fair comparison
#
# The model learns from requests whose label was known at a moment, and is judged by those that came
# later. A split by chance would let it learn from answers that were given after those it predicts.
# The baseline says for each request the share of the past that was accepted.

# %%
resolved = requests[requests["is_resolved"]]
cut = resolved["requested_at"].quantile(0.6)
past, later = resolved[resolved["label_at"] <= cut], resolved[resolved["requested_at"] > cut]
if min(past["is_accepted"].sum(), later["is_accepted"].sum()) < 10:
    raise SystemExit("fewer than 10 accepted requests: labels take 14 days, so simulate more days")
predicted = trained(past).predict_proba(later)[:, 1]
baseline = [past["is_accepted"].mean()] * len(later)
print(f"{len(past):,} requests before {cut:%Y-%m-%d}, {len(later):,} after it")
for name, values in {"baseline": baseline, "model": predicted}.items():
    auc = roc_auc_score(later["is_accepted"], values)
    brier = brier_score_loss(later["is_accepted"], values)
    print(f"{name:8}  AUC {auc:.3f}  Brier score {brier:.4f}")

# %% [markdown]
# ## Scores
#
# A backtest of the later requests, as if the model of that time had scored each just before; the
# marts judge it. And for the requests whose 14 days are not over, scores of a model of all that is
# known.
#
# `received_at` says since when a score counts as known. These speak of the past of a simulated
# market, and state it. Leave it out for scores of today: they are known once they have landed.


# %%
def write_scores(
    name: str, rows: pd.DataFrame, score: np.ndarray, version: str, at: object
) -> None:
    """Write rows of the event candidate_scored, rounded to the digits that it has."""
    times = ["occurred_at", "received_at", "scored_at"]
    scores = rows[["candidate_id", "position_id"]].assign(**dict.fromkeys(times, at))
    scores["features_as_of"] = scores["scored_at"].clip(upper=rows["requested_at"])
    scores = scores.assign(model=MODEL, model_version=version, score=score.round(6))
    SCORES.mkdir(parents=True, exist_ok=True)
    scores.assign(event="candidate_scored").to_parquet(SCORES / f"{name}.parquet", index=False)
    print(f"{len(scores):,} scores in {SCORES / name}.parquet")


just_before = later["requested_at"] - pd.Timedelta(seconds=1)
write_scores("backtest", later, predicted, "backtest", just_before)
unresolved, today = requests[~requests["is_resolved"]], manifest["as_of_day"]
end_of_today = pd.Timestamp(today, tz="UTC") + pd.Timedelta(days=1, seconds=-1)
current = trained(resolved).predict_proba(unresolved)[:, 1]
write_scores("current", unresolved, current, today, end_of_today)
