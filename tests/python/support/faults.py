"""Faults that incremental models are prone to, to plant in a copy of the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.steps import Step

LANDED = "macros/landing/landed.sql"
SEARCH = "macros/landing/copies.sql"
TOUCHED = "macros/incremental/touched.sql"
PROGRESS = "macros/incremental/progress.sql"
ADDED = "macros/incremental/added_to_counts.sql"
COPIES = "models/staging/landing/stg_landing__copies.sql"
BATCHES = "models/staging/landing/stg_landing__batches.sql"
MARKETPLACE = "models/intermediate/marketplace"
GROWTH = "models/intermediate/growth"
SIGN_UPS = "models/marts/growth/fct_sign_ups.sql"
FEES = "models/intermediate/finance/int_placement_fees.sql"
READ_FIRST = ("stg_landing__copies", "stg_landing__batches")


@dataclass(frozen=True)
class Fault:
    """A change of one file that makes a model wrong.

    Args:
        path: the file, below the project's folder.
        right, wrong: a text of it, and what takes its place wherever it stands.
        only: the model that shows it, which is built with all that it reads.
        ahead: what is built in the middle before that model is, by itself; as in `Step`.
    """

    path: str
    right: str
    wrong: str
    only: str
    ahead: tuple[str, ...] = ()

    def plant(self, root: Path) -> None:
        """Change the file; AssertionError if it no longer has that text."""
        path = root / self.path
        text = path.read_text()
        assert self.right in text, f"{self.path} has changed: plant the fault anew"
        path.write_text(text.replace(self.right, self.wrong))

    def steps(self) -> list[Step]:
        """All ways in which a batch arrives, parts of builds, and another order of arrival."""
        parts = [Step("part", models=self.ahead)] if self.ahead else []
        return [
            Step("land", 1),
            Step("run"),
            Step("uncommitted", 2),
            *parts,
            Step("part", models=(self.only,)),
            Step("crash", 3),
            Step("fails", models=(self.only,)),
            Step("during run", 4),
            Step("run"),
            Step("permuted"),
        ]


def bound(days: int) -> str:
    """The time that copies of an earlier event may be apart from it, on one side."""
    return f"{{{{ dbt.dateadd('day', {days}, 'earlier.occurred_at') }}}}"


OWN = "(select coalesce(max(own.{column}), {least}) from {{{{ this }}}} as own)"
SINCE = (
    "{% do progress() %}{% if is_incremental() %}occurred_at > "
    + OWN.format(column="booked_at", least="cast('2000-01-01' as timestamp)")
    + "DAYS{% else %}1 = 1{% endif %}"
)
UPDATE = "update ' ~ progress_table() ~ ' set batch_id = reads_to where model = \\'' ~ model.name"
RECORDED = (
    "{%- if execute and model.config.materialized == 'incremental' -%}"
    "{%- do run_query('UPDATE ~ '\\'') -%}{%- endif -%}\n    "
).replace("UPDATE", UPDATE)
READ = "{%- do context.update({'progress_read': read}) -%}"
FIRST = "order by events.occurred_at, events.event_id"
BY_ARRIVAL = "order by events.batch_id, events.occurred_at, events.event_id"
ENTRIES = "order by entries.occurred_at, stages.rank, entries.event_id"
OPENINGS = "openings.occurred_at, openings.origin_rank"
AHEAD = ("+int_candidacy_milestones",)
TOLD = ", 'stg_hiring__offer_answered'"
LATE = "where openings.{{ key }} in ({{ touched_keys(key, [name]) }})"
FAULTS = {
    "new is what happened since the last event": Fault(
        FEES, "{{ is_new() }}", SINCE.replace("DAYS", ""), "int_placement_fees"
    ),
    "new is what happened in the last three days, too": Fault(
        FEES, "{{ is_new() }}", SINCE.replace("DAYS", " - interval '3' day"), "int_placement_fees"
    ),
    "the last batch counts as new again": Fault(
        TOUCHED, "{{ column }} > {{", "{{ column }} >= {{", "int_placement_fees"
    ),
    "new is also what an input may not read yet": Fault(
        TOUCHED,
        "{{ column }} <= {{ read.up_to }}",
        "1 = 1",
        "int_candidacy_stage_entries",
        READ_FIRST,
    ),
    "changed is what came after the last row": Fault(
        TOUCHED,
        "{{ alias ~ '.' if alias }}batch_id > {{ read.after }}",
        "batch_id > " + OWN.format(column="batch_id", least="0"),
        "int_candidacies",
        AHEAD,
    ),
    "a model is as far as the input that is ahead": Fault(
        PROGRESS, "coalesce(min(", "coalesce(max(", "int_candidacies", AHEAD
    ),
    "a model is as far as what has landed": Fault(
        PROGRESS, "{%- elif inputs %}", "{%- elif false %}", "int_candidacies"
    ),
    "a batch without a commit counts as read": Fault(
        PROGRESS, "where batches.committed_at", "where batches.started_at", "int_placement_fees"
    ),
    "a model that fails counts as built": Fault(
        PROGRESS, READ, RECORDED + READ, "int_placement_fees"
    ),
    "a batch without a commit is read": Fault(
        BATCHES, "where committed_at", "where started_at", "int_placement_fees"
    ),
    "rows of a batch without a commit have copies": Fault(
        COPIES, "where committed_at", "where started_at", "stg_billing__placement_invoiced"
    ),
    "of copies the last one stays": Fault(
        COPIES,
        "order by repeated.batch_id, repeated.batch_row",
        "order by repeated.batch_id desc, repeated.batch_row desc",
        "stg_billing__placement_invoiced",
    ),
    "copies stay": Fault(LANDED, "where copies.batch_id is null", "", "int_placement_fees"),
    "copies are searched among new rows alone": Fault(
        SEARCH,
        "as events\n    where\n",
        "as events\n    where\n        {{ is_new('events') }} and\n",
        "stg_billing__placement_invoiced",
    ),
    "an id counts once, however much later it comes again": Fault(
        COPIES, bound(30), "timestamp '9999-01-01'", "stg_billing__placement_invoiced"
    ),
    "an id counts once, however much earlier it comes again": Fault(
        COPIES, bound(-30), "timestamp '0001-01-01'", "stg_billing__placement_invoiced"
    ),
    "a copy is never later": Fault(
        COPIES, bound(30), "earlier.occurred_at", "stg_billing__placement_invoiced"
    ),
    "a copy is never earlier": Fault(
        COPIES, bound(-30), "earlier.occurred_at", "stg_billing__placement_invoiced"
    ),
    "copies are searched up to a second": Fault(
        SEARCH,
        "max(events.occurred_at) as last_at",
        "date_trunc(\\'second\\', max(events.occurred_at)) as last_at",
        "stg_billing__placement_invoiced",
    ),
    "copies are searched from where new rows begin": Fault(
        SEARCH,
        "dbt.dateadd('day', -30,",
        "dbt.dateadd('day', 0,",
        "stg_billing__placement_refunded",
    ),
    "entries of one moment are in no order": Fault(
        f"{MARKETPLACE}/int_candidacy_stage_visits.sql",
        ENTRIES,
        "order by entries.occurred_at",
        "int_candidacy_stage_visits",
    ),
    "entries of one moment are in the order of arrival": Fault(
        f"{MARKETPLACE}/int_candidacy_stage_visits.sql",
        ENTRIES,
        "order by entries.occurred_at, stages.rank, entries.batch_id, entries.event_id",
        "int_candidacy_stage_visits",
    ),
    # Left out, a tie may by chance be broken alike; so it is broken as an engine is free to do.
    "openings of one moment and messageId are in either order": Fault(
        f"{MARKETPLACE}/int_candidacy_attributes.sql",
        OPENINGS,
        OPENINGS + " {{ 'desc' if is_incremental() else 'asc' }}",
        "int_candidacy_attributes",
    ),
    "the first answer is the one that arrives first": Fault(
        TOUCHED, FIRST, BY_ARRIVAL, "int_offers"
    ),
    "a position is as it arrives first": Fault(
        TOUCHED, FIRST, BY_ARRIVAL, "int_candidacy_attributes"
    ),
    "offers without an answer are left out": Fault(
        f"{MARKETPLACE}/int_offers.sql", "left join answers", "inner join answers", "int_offers"
    ),
    "a hire is the last one": Fault(
        f"{MARKETPLACE}/int_candidacy_milestones.sql",
        "min(case when milestone = 'hired'",
        "max(case when milestone = 'hired'",
        "int_candidacy_milestones",
    ),
    "a late sign-up does not touch its candidacies": Fault(
        f"{MARKETPLACE}/int_candidacy_attributes.sql",
        LATE,
        LATE + " and '{{ key }}' <> 'candidate_id'",
        "int_candidacy_attributes",
    ),
    "what describes a candidacy does not touch it": Fault(
        f"{MARKETPLACE}/int_candidacies.sql",
        "['int_candidacy_milestones', 'int_candidacy_attributes']",
        "['int_candidacy_milestones']",
        "int_candidacies",
    ),
    "a late answer does not touch its offer": Fault(
        f"{MARKETPLACE}/int_offers.sql", TOLD, "", "int_offers"
    ),
    "an interview is to start when it was scheduled for first": Fault(
        f"{MARKETPLACE}/int_interviews.sql",
        "order by schedules.occurred_at desc, schedules.event_id desc",
        "order by schedules.occurred_at, schedules.event_id",
        "int_interviews",
    ),
    "a view leads to a request of another candidate": Fault(
        "models/marts/marketplace/fct_profile_views.sql",
        "and views.candidate_id = requests.candidate_id",
        "",
        "fct_profile_views",
    ),
    "an invoice is for whom its newest event says": Fault(
        "models/intermediate/finance/int_invoices.sql",
        "is_touched('invoice_id')",
        "is_changed('events')",
        "int_invoices",
    ),
    "a touched key is computed from new rows alone": Fault(
        "models/intermediate/finance/int_subscription_versions.sql",
        "where {{ is_touched('subscription_id', 'changes') }}",
        "where {{ is_changed('changes') }}",
        "int_subscription_versions",
    ),
}
FAULTS |= {
    "a link does not touch the person who loses an id": Fault(
        f"{GROWTH}/int_person_ids.sql",
        "inner join changed on ends.id = changed.id",
        "inner join changed on ends.id = changed.id where false",
        "int_session_page_views",
    ),
    "a merge touches its own two users alone": Fault(
        f"{GROWTH}/int_merged_users.sql",
        "where {{ is_changed('merge_ends') }}",
        "where false",
        "int_merged_users",
    ),
    "a sign-up does not follow its person": Fault(
        SIGN_UPS,
        "{{ touched_keys('id', ['int_person_ids']) }}",
        "select id from {{ ref('int_person_ids') }} where 1 = 0",
        "fct_sign_ups",
    ),
    "a sign-up does not see the sessions of a person with another id": Fault(
        SIGN_UPS,
        "where ids.person_id in (",
        "where 1 = 0 and ids.person_id in (",
        "fct_sign_ups",
    ),
    "shares are not of the whole": Fault(
        "macros/numbers/equal_share.sql", "({{ place }} - 1) * {{ whole }}", "0", "fct_attribution"
    ),
}
FAULTS |= {
    "a late score does not touch its request": Fault(
        f"{MARKETPLACE}/int_request_scores.sql",
        "where {{ is_changed('scored') }}",
        "where 1 = 0",
        "int_request_scores",
    ),
    "a state is computed from new changes alone": Fault(
        "models/intermediate/core/int_candidate_states.sql",
        "where {{ is_touched('candidate_id', 'changes') }}",
        "where {{ is_changed('changes') }}",
        "int_candidate_states",
    ),
}
FORGETS = "{%- if is_incremental() %}"
ACTED = ", 'stg_landing__failure_actions'"
# Their rows tell of many histories or of lines that belong to none.
NAMELESS = {
    "a day's counts forget what arrived before": Fault(
        ADDED, FORGETS, "{%- if false %}", "int_event_counts"
    ),
    "a day's delays forget what arrived before": Fault(
        ADDED, FORGETS, "{%- if false %}", "int_event_delays"
    ),
    "a stage that was passed before is passed again": Fault(
        "models/marts/marketplace/stage_conversion_monthly.sql",
        "visits.reached_rank <= stages.stage_rank",
        "visits.reached_rank is not null",
        "stage_conversion_monthly",
    ),
    "an action does not touch its failure": Fault(
        "models/intermediate/operations/int_failed_events.sql", ACTED, "", "int_failed_events"
    ),
}
