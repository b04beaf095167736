# %% [markdown]
# # The funnel and recurring revenue
#
# Reads the copy of the marts that `hirehouse publish` makes. Run it as a script, or cell by cell in
# VS Code, Jupyter or Spyder.

# %%
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt

COPY = Path("data/published/hirehouse.duckdb")
project = next((f for f in [Path.cwd(), *Path.cwd().parents] if (f / COPY).exists()), None)
if project is None:
    raise SystemExit(f"there is no {COPY} here or above: run `hirehouse publish` in the project")
charts = project / "data" / "notebook"
charts.mkdir(exist_ok=True)
warehouse = duckdb.connect(str(project / COPY), read_only=True)

# %% [markdown]
# ## The funnel
#
# Counts can be added up over weeks and roles; ratios can't.

# %%
STEPS = ["opened", "screened", "interviewed", "offered", "hired", "started"]
counts = ", ".join(f"sum({step}_count)" for step in STEPS)
funnel = warehouse.sql(f"select {counts} from marketplace.hiring_funnel_weekly").fetchall()[0]

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
bars = axes.barh(STEPS, funnel, color="#4c72b0")
axes.bar_label(bars, [f"{n:,} ({n / funnel[0]:.1%})" for n in map(int, funnel)], padding=4)
axes.invert_yaxis()
axes.margins(x=0.2)
axes.set_title("Candidacies by the step that they reached")
axes.spines[["top", "right"]].set_visible(False)
figure.savefig(charts / "funnel.png", dpi=120)
plt.show()
print("funnel:", *(f"{step} {int(n)}" for step, n in zip(STEPS, funnel, strict=True)))

# %% [markdown]
# ## Monthly recurring revenue
#
# What came and went in each month, and what was left at its end, in the reporting currency.

# %%
GAINS = ["new_mrr", "reactivated_mrr", "expansion_mrr"]
LOSSES = ["contraction_mrr", "churned_mrr"]
sums = ", ".join(f"sum({name} * reporting_rate)" for name in [*GAINS, *LOSSES, "closing_mrr"])
months = warehouse.sql(
    f"select mrr_month, {sums} from finance.mrr_movements_monthly"
    " group by mrr_month order by mrr_month"
).fetchall()
names = [f"{month:%b %Y}" for month, *_ in months]
amounts = {
    name: [float(row[place]) for row in months]
    for place, name in enumerate([*GAINS, *LOSSES, "closing_mrr"], 1)
}

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
for part, sign in ((GAINS, 1), (LOSSES, -1)):
    base = [0.0] * len(names)
    for name in part:
        heights = [sign * amount for amount in amounts[name]]
        axes.bar(names, heights, bottom=base, width=0.6, label=name.removesuffix("_mrr"))
        base = [low + height for low, height in zip(base, heights, strict=True)]
axes.plot(names, amounts["closing_mrr"], color="black", marker="o", label="closing")
axes.axhline(0, color="black", linewidth=0.8)
axes.yaxis.set_major_formatter("{x:,.0f}")
axes.set_title("Monthly recurring revenue")
axes.legend(ncols=3, frameon=False)
axes.spines[["top", "right"]].set_visible(False)
figure.savefig(charts / "mrr.png", dpi=120)
plt.show()
closing = zip(names, amounts["closing_mrr"], strict=True)
print("closing MRR:", *(f"{month} {amount:,.2f}" for month, amount in closing))
