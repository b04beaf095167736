-- The marts as one hand-written DuckDB script computes them straight from the raw tables: nothing is
-- staged, tested, incremental or portable. The least that any way to these marts could cost.
create schema floor;
set schema = 'floor';

-- A copy has the id of an earlier row, and a time at most 30 days from its own.
create macro first_landed(name) as table
    with counted as (
        select * from query_table(name)
        where batch_id in (select batch_id from landed.batches where committed_at is not null)
    ),
    repeated as (
        select event_id, occurred_at, batch_id, batch_row from counted
        where event_id in (select event_id from counted group by 1 having count(*) > 1)
    ),
    copies as (
        select later.batch_id, later.batch_row
        from repeated as later
        join repeated as earlier on later.event_id = earlier.event_id
            and (later.batch_id, later.batch_row) > (earlier.batch_id, earlier.batch_row)
            and later.occurred_at between earlier.occurred_at - interval 30 day
                and earlier.occurred_at + interval 30 day
    )
    select * from counted anti join copies using (batch_id, batch_row);

create macro rate(amount, rate) as cast(round(amount * rate, 0) as integer);

create macro share(part, whole) as cast(
    (cast(part as bigint) * 20000 + whole) // nullif(whole * 2, 0)
    * cast(0.0001 as numeric(9, 4)) as numeric(9, 4));

create macro at_percent(percent, place, total, value) as
    max(case when place = (total * percent + 99) // 100 then value end);

create temp table sign_ups as from first_landed('landed.candidate_signed_up');
create temp table requested as from first_landed('landed.interview_requested');
create temp table answered as from first_landed('landed.interview_request_answered');
create temp table opened as from first_landed('landed.position_opened');
create temp table offered as from first_landed('landed.offer_extended');
create temp table offer_answers as from first_landed('landed.offer_answered');
create temp table rates as
    from reference.currency_rates where reporting_currency = 'USD';

create table dim_dates as
select
    cast(day as date) as date_day,
    cast(date_trunc('week', day) as date) as week_start,
    cast(date_trunc('month', day) as date) as month_start,
    cast(date_trunc('quarter', day) as date) as quarter_start,
    cast(date_trunc('year', day) as date) as year_start,
    cast(year(day) as integer) as year_number,
    cast(month(day) as integer) as month_of_year,
    cast(dayofmonth(day) as integer) as day_of_month,
    cast(isodow(day) as integer) as day_of_week,
    isodow(day) >= 6 as is_weekend
from range(timestamp '2000-01-01', timestamp '2041-01-01', interval 1 day) as days (day);

create temp table candidate_versions as
with changes as (
    select candidate_id, event_id, occurred_at, 1 as rank, channel, country_code
    from sign_ups
    union all by name
    select
        candidate_id, event_id, occurred_at, 2 as rank, role, years_experience, location,
        remote_preference, min_base_salary, currency
    from first_landed('landed.candidate_profile_submitted')
    union all by name
    select candidate_id, event_id, occurred_at, 3 as rank, decision as review_decision
    from first_landed('landed.candidate_review_decided')
    union all by name
    select candidate_id, event_id, occurred_at, 4 as rank, availability, available_from
    from first_landed('landed.candidate_availability_changed')
), filled as (
    select
        candidate_id,
        occurred_at,
        row_number() over (
            partition by candidate_id, occurred_at order by rank desc, event_id desc) as place,
        min(occurred_at) filter (where rank = 1) over (partition by candidate_id) as signed_up_at,
        last_value(case when rank = 2 then {
            'role': role, 'years_experience': years_experience, 'location': location,
            'remote_preference': remote_preference, 'min_base_salary': min_base_salary,
            'currency': currency} end ignore nulls) over so_far as profile,
        last_value(case when rank = 3 then review_decision end ignore nulls) over so_far
            as review_decision,
        last_value(case when rank = 4 then {
            'availability': availability, 'available_from': available_from} end ignore nulls)
            over so_far as available
    from changes
    window so_far as (partition by candidate_id order by occurred_at, rank, event_id
        rows unbounded preceding)
)
select
    candidate_id,
    occurred_at as valid_from,
    lead(occurred_at) over (partition by candidate_id order by occurred_at) as valid_to,
    signed_up_at,
    profile,
    review_decision,
    available
from filled
where place = 1 and signed_up_at is not null;

create table dim_candidates_history as
select
    candidate_id, valid_from, valid_to, valid_to is null as is_current,
    profile.role, profile.years_experience, profile.location, profile.remote_preference,
    profile.min_base_salary, profile.currency, review_decision,
    available.availability, available.available_from
from candidate_versions;

create temp table first_sign_ups as
from sign_ups
qualify row_number() over (partition by candidate_id order by occurred_at, event_id) = 1;

create table dim_candidates as
select
    candidate_id, signed_up_at, cast(signed_up_at as date) as signed_up_on, channel, country_code,
    profile.role, profile.years_experience, profile.location, profile.remote_preference,
    profile.min_base_salary, profile.currency, review_decision,
    available.availability, available.available_from, valid_from as changed_at
from candidate_versions
inner join (select candidate_id, channel, country_code from first_sign_ups) using (candidate_id)
where valid_to is null;

create table dim_employers as
with sign_ups as (
    from first_landed('landed.employer_signed_up')
), profiles as (
    select employer_id, company_name, industry, employee_range, occurred_at, event_id, 1 as rank
    from sign_ups
    union all
    select employer_id, company_name, industry, employee_range, occurred_at, event_id, 2
    from first_landed('landed.employer_profile_updated')
)
select
    employer_id, company_name, industry, employee_range, channel, country_code,
    occurred_at as signed_up_at
from (
    select employer_id, channel, country_code, occurred_at from sign_ups
    qualify row_number() over (partition by employer_id order by occurred_at, event_id) = 1)
inner join (
    select employer_id, company_name, industry, employee_range from profiles
    qualify row_number() over (
        partition by employer_id order by occurred_at desc, rank desc, event_id desc) = 1)
    using (employer_id);

create temp table position_versions as
with changes as (
    select
        position_id, event_id, occurred_at, 1 as rank, employer_id, role, title, location,
        remote_policy, min_salary, max_salary, currency
    from opened
    union all by name
    select
        position_id, event_id, occurred_at, 2 as rank, title, location, remote_policy, min_salary,
        max_salary, currency
    from first_landed('landed.position_updated')
    union all by name
    select position_id, event_id, occurred_at, 3 as rank, reason as closing_reason
    from first_landed('landed.position_closed')
), filled as (
    select
        position_id,
        occurred_at,
        rank,
        closing_reason,
        row_number() over (
            partition by position_id, occurred_at order by rank desc, event_id desc) as place,
        first_value(case when rank = 1 then {
            'opened_at': occurred_at, 'employer_id': employer_id, 'role': role} end ignore nulls)
            over (partition by position_id order by occurred_at, rank, event_id
                rows between unbounded preceding and unbounded following) as opening,
        last_value(case when rank < 3 then {
            'title': title, 'location': location, 'remote_policy': remote_policy,
            'min_salary': min_salary, 'max_salary': max_salary, 'currency': currency} end
            ignore nulls) over so_far as state,
        sum(case when rank = 1 then 1 else 0 end) over so_far as openings
    from changes
    window so_far as (partition by position_id order by occurred_at, rank, event_id
        rows unbounded preceding)
)
select
    *,
    lead(occurred_at) over (partition by position_id order by occurred_at) as valid_to
from filled
where place = 1 and opening is not null;

create table dim_positions_history as
select
    position_id, occurred_at as valid_from, valid_to, valid_to is null as is_current,
    opening.employer_id, opening.role, state.title, state.location,
    state.remote_policy, state.min_salary, state.max_salary, state.currency,
    if(rank = 3, 'closed', 'open') as status
from position_versions;

create table dim_positions as
select
    position_id, opening.employer_id, opening.role, state.title, state.location,
    state.remote_policy, state.min_salary, state.max_salary, state.currency,
    if(rank = 3, 'closed', 'open') as status, closing_reason, opening.opened_at,
    if(rank = 3, occurred_at, null) as closed_at, occurred_at as changed_at
from position_versions
where valid_to is null;

create temp table entries as
select candidacy_id, event_id, occurred_at, 'requested' as stage, null as reason from requested
union all by name
select candidacy_id, event_id, occurred_at, 'applied' as stage
from first_landed('landed.application_submitted')
union all by name
select candidacy_id, event_id, occurred_at, 'accepted' as stage
from answered where answer = 'accepted'
union all by name
select candidacy_id, event_id, occurred_at, stage
from first_landed('landed.candidacy_stage_changed')
union all by name
select candidacy_id, event_id, occurred_at, 'offered' as stage from offered
union all by name
select candidacy_id, event_id, occurred_at, 'hired' as stage
from offer_answers where answer = 'accepted'
union all by name
select candidacy_id, event_id, occurred_at, 'started' as stage
from first_landed('landed.candidate_started')
union all by name
select candidacy_id, event_id, occurred_at, 'closed' as stage, reason
from first_landed('landed.candidacy_closed');

create temp table visits as
select
    *,
    lead(occurred_at) over in_order as left_at,
    row_number() over in_order as entry_number,
    row_number() over (
        partition by candidacy_id, stage order by occurred_at, event_id) as visit_number
from entries
inner join reference.stages using (stage)
window in_order as (partition by candidacy_id order by occurred_at, rank, event_id)
qualify bool_or(milestone = 'opened') over (partition by candidacy_id);

create temp table candidacies as
with progressed as (
    select
        candidacy_id,
        min(occurred_at) filter (where milestone = 'opened') as opened_at,
        min(occurred_at) filter (where stage = 'requested') as requested_at,
        min(occurred_at) filter (where stage = 'applied') as applied_at,
        min(occurred_at) filter (where milestone = 'accepted') as accepted_at,
        min(occurred_at) filter (where milestone = 'screened') as screened_at,
        min(occurred_at) filter (where milestone = 'interviewed') as interviewed_at,
        min(occurred_at) filter (where milestone = 'offered') as offered_at,
        min(occurred_at) filter (where milestone = 'hired') as hired_at,
        min(occurred_at) filter (where milestone = 'started') as started_at,
        max(occurred_at) filter (where milestone = 'closed' and left_at is null) as closed_at,
        max(reason) filter (where milestone = 'closed' and left_at is null) as closing_reason,
        max(stage) filter (where left_at is null) as current_stage,
        count(*) as stage_visit_count,
        count(*) filter (where milestone = 'offered') as offer_count,
        count(*) filter (where milestone = 'closed') as closing_count
    from visits
    group by candidacy_id
), openings as (
    select
        candidacy_id, 'interview_request' as origin, candidate_id, employer_id, position_id,
        base_salary, currency, occurred_at, event_id
    from requested
    union all by name
    select
        candidacy_id, 'application' as origin, candidate_id, employer_id, position_id,
        occurred_at, event_id
    from first_landed('landed.application_submitted')
)
select progressed.*, openings.* exclude (candidacy_id, occurred_at, event_id), role, location, channel
from progressed
inner join (
    from openings
    qualify row_number() over (
        partition by candidacy_id order by occurred_at, origin desc, event_id) = 1
) as openings using (candidacy_id)
left join (select candidate_id, channel from first_sign_ups) using (candidate_id)
left join (
    select position_id, role, location from opened
    qualify row_number() over (partition by position_id order by occurred_at, event_id) = 1
) using (position_id);

create table fct_candidacies as
select
    candidacy_id, origin, candidate_id, employer_id, position_id, role, location, channel,
    current_stage,
    case
        when closed_at is not null then 'closed'
        when started_at is not null then 'started'
        when hired_at is not null then 'hired'
        when offered_at is not null then 'offered'
        else 'open'
    end as status,
    opened_at, cast(date_trunc('week', opened_at) as date) as opened_week, requested_at, applied_at,
    accepted_at, screened_at, interviewed_at, offered_at, hired_at, started_at, closed_at,
    closing_reason, stage_visit_count, offer_count, closing_count, base_salary,
    candidacies.currency, rate(base_salary, rates.rate) as base_salary_reporting,
    datediff('second', opened_at, offered_at) as seconds_to_offer,
    datediff('second', opened_at, hired_at) as seconds_to_hire
from candidacies
left join rates
    on candidacies.currency = rates.currency
    and valid_from <= cast(opened_at as date) and valid_to > cast(opened_at as date);

create table fct_candidacy_stages as
select
    event_id as stage_visit_id, candidacy_id, stage, milestone, entry_number, visit_number,
    occurred_at as entered_at, left_at, datediff('second', occurred_at, left_at) as seconds_in_stage,
    origin, candidate_id, employer_id, position_id, role, location, channel
from visits
inner join (
    select candidacy_id, origin, candidate_id, employer_id, position_id, role, location, channel
    from candidacies
) using (candidacy_id);

create table fct_interview_requests as
with requests as (
    from requested
    qualify row_number() over (partition by candidacy_id order by occurred_at, event_id) = 1
), answers as (
    select candidacy_id, answer, decline_reason, occurred_at as answered_at from answered
    qualify row_number() over (partition by candidacy_id order by occurred_at, event_id) = 1
)
select
    candidacy_id, requests.candidate_id, requests.employer_id, requests.position_id, role, location,
    channel, occurred_at as requested_at,
    cast(date_trunc('week', occurred_at) as date) as requested_week,
    requests.base_salary, requests.currency,
    rate(requests.base_salary, rates.rate) as base_salary_reporting, equity_offered, answer,
    decline_reason, answered_at, datediff('second', occurred_at, answered_at) as seconds_to_answer
from requests
left join answers using (candidacy_id)
left join (select candidacy_id, role, location, channel from candidacies) using (candidacy_id)
left join rates
    on requests.currency = rates.currency
    and valid_from <= cast(occurred_at as date) and valid_to > cast(occurred_at as date);

create table fct_offers as
with offers as (
    from offered
    qualify row_number() over (partition by offer_id order by occurred_at, event_id) = 1
), answers as (
    select offer_id, answer, decline_reason, occurred_at as answered_at from offer_answers
    qualify row_number() over (partition by offer_id order by occurred_at, event_id) = 1
)
select
    offer_id, candidacy_id, described.candidate_id, described.employer_id, described.position_id,
    role, location, channel, occurred_at as offered_at, offers.base_salary, offers.currency,
    rate(offers.base_salary, rates.rate) as base_salary_reporting, expires_on, answer,
    decline_reason, answered_at, datediff('second', occurred_at, answered_at) as seconds_to_answer
from offers
left join answers using (offer_id)
left join (
    select candidacy_id, candidate_id, employer_id, position_id, role, location, channel
    from candidacies
) as described using (candidacy_id)
left join rates
    on offers.currency = rates.currency
    and valid_from <= cast(occurred_at as date) and valid_to > cast(occurred_at as date);

create table hiring_funnel_weekly as
select
    opened_week, coalesce(role, 'unknown') as role, coalesce(location, 'unknown') as location,
    coalesce(channel, 'unknown') as channel, origin, count(*) as opened_count,
    count(accepted_at) as accepted_count, count(screened_at) as screened_count,
    count(interviewed_at) as interviewed_count, count(offered_at) as offered_count,
    count(hired_at) as hired_count, count(started_at) as started_count,
    share(interviewed_count, opened_count) as interviewed_ratio,
    share(offered_count, opened_count) as offered_ratio,
    share(hired_count, opened_count) as hired_ratio
from fct_candidacies
group by all;

create table time_to_hire as
with ranked as (
    select
        cast(date_trunc('month', hired_at) as date) as hired_month,
        coalesce(role, 'unknown') as role,
        origin,
        seconds_to_hire,
        row_number() over (
            partition by hired_month, coalesce(role, 'unknown'), origin order by seconds_to_hire
        ) as place,
        count(*) over (partition by hired_month, coalesce(role, 'unknown'), origin) as total
    from fct_candidacies
    where hired_at is not null
)
select
    hired_month, role, origin, count(*) as hired_count,
    at_percent(50, place, total, seconds_to_hire) as median_seconds_to_hire,
    at_percent(90, place, total, seconds_to_hire) as p90_seconds_to_hire
from ranked
group by all;

create table response_times_v2 as
with ranked as (
    select
        requested_week,
        coalesce(role, 'unknown') as role,
        answer,
        seconds_to_answer,
        row_number() over (
            partition by requested_week, coalesce(role, 'unknown'), answer is null
            order by seconds_to_answer) as place,
        count(answer) over (partition by requested_week, coalesce(role, 'unknown')) as total
    from fct_interview_requests
)
select
    requested_week, role, count(*) as request_count, count(answer) as answer_count,
    count(*) filter (where answer = 'accepted') as accepted_count,
    share(accepted_count, request_count) as accepted_ratio,
    at_percent(50, place, total, seconds_to_answer) as median_seconds_to_answer,
    at_percent(90, place, total, seconds_to_answer) as p90_seconds_to_answer
from ranked
group by all;

create table response_times as
select * rename (accepted_count as acceptance_count, accepted_ratio as acceptance_ratio)
from response_times_v2;

create table time_in_stage as
with ranked as (
    select
        cast(date_trunc('month', left_at) as date) as left_month,
        stage,
        seconds_in_stage,
        row_number() over (partition by left_month, stage order by seconds_in_stage) as place,
        count(*) over (partition by left_month, stage) as total
    from fct_candidacy_stages
    where left_at is not null
)
select
    left_month, stage, count(*) as visit_count, sum(seconds_in_stage) as total_seconds,
    at_percent(50, place, total, seconds_in_stage) as median_seconds,
    at_percent(90, place, total, seconds_in_stage) as p90_seconds
from ranked
group by all;

create table request_outcomes as
select
    cast(date_trunc('month', opened_at) as date) as requested_month,
    coalesce(role, 'unknown') as role, currency, base_salary // 20000 * 20000 as salary_band,
    count(*) as request_count, count(accepted_at) as accepted_count,
    count(offered_at) as offered_count, count(hired_at) as hired_count,
    share(accepted_count, request_count) as accepted_ratio,
    share(hired_count, request_count) as hired_ratio
from fct_candidacies
where origin = 'interview_request'
group by all;

create table offers_monthly as
select
    cast(date_trunc('month', offered_at) as date) as offered_month,
    coalesce(role, 'unknown') as role, count(*) as offer_count,
    count(*) filter (where answer = 'accepted') as accepted_count,
    count(*) filter (where answer = 'declined') as declined_count,
    share(accepted_count, offer_count) as accepted_ratio,
    cast(round(sum(base_salary * rate) filter (where answer = 'accepted')) as bigint)
        as accepted_salary_reporting
from fct_offers
left join rates
    on fct_offers.currency = rates.currency
    and valid_from <= cast(offered_at as date) and valid_to > cast(offered_at as date)
group by all;

create table employer_segments as
select
    cast(date_trunc('month', opened_at) as date) as opened_month,
    coalesce(industry, 'unknown') as industry,
    coalesce(employee_range, 'unknown') as employee_range,
    count(distinct employer_id) as employer_count, count(requested_at) as request_count,
    count(applied_at) as application_count, count(hired_at) as hired_count
from fct_candidacies
left join (select employer_id, industry, employee_range from dim_employers) using (employer_id)
group by all;

create table searchable_candidates as
with versions as (
    from dim_candidates_history
    where review_decision = 'accepted' and availability is distinct from 'unavailable'
), months as (
    select distinct month_start
    from dim_dates
    where month_start between
        (select cast(date_trunc('month', min(valid_from)) as date) from dim_candidates_history)
        and (select cast(date_trunc('month', max(valid_from)) as date) from dim_candidates_history)
)
select
    month_start as searchable_month, coalesce(role, 'unknown') as role,
    count(*) as candidate_count,
    cast(coalesce(sum(years_experience), 0) as bigint) as total_years_experience
from months
inner join versions
    on month_start + interval 1 month > valid_from
    and (month_start + interval 1 month <= valid_to or valid_to is null)
group by all;

create table fct_placement_fees as
select
    event_id as placement_fee_id, 'invoice' as movement, invoice_id, null as refund_id,
    null as refund_reason, occurred_at as booked_at,
    cast(date_trunc('month', occurred_at) as date) as booked_month, amount, amount as net_amount,
    currency
from first_landed('landed.placement_invoiced')
union all
select
    event_id, 'refund', invoice_id, refund_id, reason, occurred_at,
    cast(date_trunc('month', occurred_at) as date), amount, -amount, currency
from first_landed('landed.placement_refunded');

create table mrr_monthly as
with versions as (
    select
        *, lead(occurred_at) over (partition by subscription_id order by occurred_at) as ended_at
    from (
        from first_landed('landed.subscription_changed')
        qualify row_number() over (
            partition by subscription_id, occurred_at order by event_id desc) = 1)
), months as (
    select distinct month_start
    from dim_dates
    where month_start between
        (select cast(date_trunc('month', min(occurred_at)) as date) from versions)
        and (select cast(date_trunc('month', max(occurred_at)) as date) from versions
            where occurred_at <= received_at)
)
select
    month_start as mrr_month, currency, count(*) as subscription_count,
    cast(sum(monthly_amount) as numeric(18, 2)) as mrr
from months
inner join versions
    on month_start + interval 1 month > occurred_at
    and (month_start + interval 1 month <= ended_at or ended_at is null)
where change <> 'cancelled'
group by all;
