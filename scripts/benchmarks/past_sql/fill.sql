-- Writes down what the events tell as the application would have: `staging` holds each event once.
-- Rows go in by time, as they came in.
set search_path to production;

insert into channels (name) select channel from reference.channels order by channel;
insert into roles (name) select role from reference.roles order by role;
insert into stages (name, rank, milestone)
select stage, rank, milestone from reference.stages order by rank;
insert into plans (name) values ('starter'), ('growth'), ('scale'), ('enterprise');
insert into locations (name)
select location from staging.stg_candidate_app__candidate_profile_submitted
union
select location from staging.stg_employer_app__position_opened
union
select location from staging.stg_employer_app__position_updated
union
select location from staging.stg_employer_app__candidate_search_performed where location is not null
order by 1;
insert into exchange_rates (currency, valid_from, valid_to, rate_to_usd)
select currency, valid_from, valid_to, rate from reference.currency_rates
where reporting_currency = 'USD'
order by currency, valid_from;

insert into users
(public_id, kind, email, full_name, channel_id, country_code, created_at, deleted_at)
select
    signed_up.public_id,
    signed_up.kind,
    signed_up.email,
    signed_up.full_name,
    channels.id,
    signed_up.country_code,
    signed_up.occurred_at,
    erased.occurred_at
from (
    select
        candidate_id as public_id, 'candidate' as kind, email, full_name, channel, country_code,
        occurred_at
    from staging.stg_candidate_app__candidate_signed_up
    union all
    select employer_id, 'employer', null, null, channel, country_code, occurred_at
    from staging.stg_employer_app__employer_signed_up
) as signed_up
join channels on signed_up.channel = channels.name
left join staging.stg_privacy__person_erasure_requested as erased
    on signed_up.public_id = erased.person_id
order by signed_up.occurred_at;
create unique index on users (public_id);

insert into candidates (user_id) select id from users where kind = 'candidate' order by id;
create temporary table candidate_ids as
select users.public_id, candidates.id from candidates join users on candidates.user_id = users.id;

insert into candidate_profiles (
    candidate_id, role_id, location_id, years_experience, remote_preference, min_base_salary,
    currency, skills, created_at
)
select
    candidate_ids.id, roles.id, locations.id, profile.years_experience, profile.remote_preference,
    profile.min_base_salary, profile.currency, profile.skills, profile.occurred_at
from staging.stg_candidate_app__candidate_profile_submitted as profile
join candidate_ids on profile.candidate_id = candidate_ids.public_id
join roles on profile.role = roles.name
join locations on profile.location = locations.name
order by profile.occurred_at;

insert into candidate_reviews (candidate_id, decision, reason, created_at)
select candidate_ids.id, review.decision, review.reason, review.occurred_at
from staging.stg_candidate_app__candidate_review_decided as review
join candidate_ids on review.candidate_id = candidate_ids.public_id
order by review.occurred_at;

insert into candidate_availabilities (candidate_id, availability, available_from, created_at)
select candidate_ids.id, change.availability, change.available_from, change.occurred_at
from staging.stg_candidate_app__candidate_availability_changed as change
join candidate_ids on change.candidate_id = candidate_ids.public_id
order by change.occurred_at;

insert into employers (user_id, company_name, industry, employee_range, updated_at)
select users.id, profile.company_name, profile.industry, profile.employee_range, profile.occurred_at
from (
    select distinct on (employer_id) * from (
        select employer_id, company_name, industry, employee_range, occurred_at
        from staging.stg_employer_app__employer_signed_up
        union all
        select employer_id, company_name, industry, employee_range, occurred_at
        from staging.stg_employer_app__employer_profile_updated
    ) as profiles
    order by employer_id, occurred_at desc
) as profile
join users on profile.employer_id = users.public_id
order by users.id;
create temporary table employer_ids as
select users.public_id, employers.id from employers join users on employers.user_id = users.id;

insert into positions
(public_id, employer_id, role_id, status, closing_reason, created_at, closed_at)
select
    opened.position_id,
    employer_ids.id,
    roles.id,
    case when closed.event_id is null then 'open' else 'closed' end,
    closed.reason,
    opened.occurred_at,
    closed.occurred_at
from staging.stg_employer_app__position_opened as opened
join employer_ids on opened.employer_id = employer_ids.public_id
join roles on opened.role = roles.name
left join staging.stg_employer_app__position_closed as closed
    on opened.position_id = closed.position_id
order by opened.occurred_at;
create unique index on positions (public_id);

insert into position_revisions (
    position_id, title, location_id, remote_policy, min_salary, max_salary, currency, created_at
)
select
    positions.id, terms.title, locations.id, terms.remote_policy, terms.min_salary,
    terms.max_salary, terms.currency, terms.occurred_at
from (
    select
        position_id, title, location, remote_policy, min_salary, max_salary, currency, occurred_at
    from staging.stg_employer_app__position_opened
    union all
    select
        position_id, title, location, remote_policy, min_salary, max_salary, currency, occurred_at
    from staging.stg_employer_app__position_updated
) as terms
join positions on terms.position_id = positions.public_id
join locations on terms.location = locations.name
order by terms.occurred_at;

insert into candidacies (
    public_id, candidate_id, position_id, origin, status, created_at, closed_at, closing_reason,
    closed_by
)
select
    opened.candidacy_id,
    candidate_ids.id,
    positions.id,
    opened.origin,
    case
        when closed.event_id is not null then 'closed'
        when started.event_id is not null then 'started'
        when offers.is_hired = 1 then 'hired'
        when offers.is_hired = 0 then 'offered'
        else 'open'
    end,
    opened.occurred_at,
    closed.occurred_at,
    closed.reason,
    closed.closed_by
from (
    select
        candidacy_id, candidate_id, position_id, 'interview_request' as origin, occurred_at
    from staging.stg_employer_app__interview_requested
    union all
    select candidacy_id, candidate_id, position_id, 'application', occurred_at
    from staging.stg_candidate_app__application_submitted
) as opened
join candidate_ids on opened.candidate_id = candidate_ids.public_id
join positions on opened.position_id = positions.public_id
left join staging.stg_hiring__candidacy_closed as closed on opened.candidacy_id = closed.candidacy_id
left join staging.stg_hiring__candidate_started as started
    on opened.candidacy_id = started.candidacy_id
left join (
    select
        extended.candidacy_id,
        max(case when answered.answer = 'accepted' then 1 else 0 end) as is_hired
    from staging.stg_hiring__offer_extended as extended
    left join staging.stg_hiring__offer_answered as answered on extended.offer_id = answered.offer_id
    group by extended.candidacy_id
) as offers on opened.candidacy_id = offers.candidacy_id
order by opened.occurred_at;
create unique index on candidacies (public_id);

insert into applications (candidacy_id, cover_letter_words)
select candidacies.id, applied.cover_letter_words
from staging.stg_candidate_app__application_submitted as applied
join candidacies on applied.candidacy_id = candidacies.public_id
order by candidacies.id;

insert into interview_requests (
    candidacy_id, base_salary, currency, equity_offered, answer, decline_reason, answered_at
)
select
    candidacies.id, requested.base_salary, requested.currency, requested.equity_offered,
    answered.answer, answered.decline_reason, answered.occurred_at
from staging.stg_employer_app__interview_requested as requested
join candidacies on requested.candidacy_id = candidacies.public_id
left join staging.stg_employer_app__interview_request_answered as answered
    on requested.candidacy_id = answered.candidacy_id
order by candidacies.id;

insert into stage_transitions (candidacy_id, stage_id, created_at)
select candidacies.id, stages.id, changed.occurred_at
from staging.stg_hiring__candidacy_stage_changed as changed
join candidacies on changed.candidacy_id = candidacies.public_id
join stages on changed.stage = stages.name
order by changed.occurred_at;

insert into interviews
(candidacy_id, stage_id, scheduled_for, outcome, created_at, completed_at)
select
    candidacies.id, stages.id, scheduled.scheduled_for, completed.outcome, scheduled.occurred_at,
    completed.occurred_at
from staging.stg_hiring__interview_scheduled as scheduled
join candidacies on scheduled.candidacy_id = candidacies.public_id
join stages on scheduled.stage = stages.name
left join staging.stg_hiring__interview_completed as completed
    on scheduled.interview_id = completed.interview_id
order by scheduled.occurred_at;

insert into offers (
    public_id, candidacy_id, base_salary, currency, expires_on, answer, decline_reason, created_at,
    answered_at
)
select
    extended.offer_id, candidacies.id, extended.base_salary, extended.currency,
    extended.expires_on, answered.answer, answered.decline_reason, extended.occurred_at,
    answered.occurred_at
from staging.stg_hiring__offer_extended as extended
join candidacies on extended.candidacy_id = candidacies.public_id
left join staging.stg_hiring__offer_answered as answered on extended.offer_id = answered.offer_id
order by extended.occurred_at;
create unique index on offers (public_id);

insert into placements (candidacy_id, offer_id, started_on, created_at)
select candidacies.id, offers.id, started.started_on, started.occurred_at
from staging.stg_hiring__candidate_started as started
join candidacies on started.candidacy_id = candidacies.public_id
left join offers on started.offer_id = offers.public_id
order by started.occurred_at;

insert into invoices (public_id, candidacy_id, amount, currency, due_on, created_at)
select
    invoiced.invoice_id, candidacies.id, invoiced.amount, invoiced.currency, invoiced.due_on,
    invoiced.occurred_at
from staging.stg_billing__placement_invoiced as invoiced
join candidacies on invoiced.candidacy_id = candidacies.public_id
order by invoiced.occurred_at;
create unique index on invoices (public_id);

insert into refunds (invoice_id, amount, reason, created_at)
select invoices.id, refunded.amount, refunded.reason, refunded.occurred_at
from staging.stg_billing__placement_refunded as refunded
join invoices on refunded.invoice_id = invoices.public_id
order by refunded.occurred_at;

insert into subscriptions
(public_id, employer_id, currency, status, created_at, cancelled_at)
select
    changes.subscription_id,
    employer_ids.id,
    changes.currency,
    case when changes.cancelled_at is null then 'active' else 'cancelled' end,
    changes.created_at,
    changes.cancelled_at
from (
    select
        subscription_id,
        employer_id,
        min(currency) as currency,
        min(occurred_at) as created_at,
        max(occurred_at) filter (where change = 'cancelled') as cancelled_at
    from staging.stg_billing__subscription_changed
    group by subscription_id, employer_id
) as changes
join employer_ids on changes.employer_id = employer_ids.public_id
order by changes.created_at;
create unique index on subscriptions (public_id);

insert into subscription_changes (subscription_id, change, plan_id, monthly_amount, created_at)
select subscriptions.id, changed.change, plans.id, changed.monthly_amount, changed.occurred_at
from staging.stg_billing__subscription_changed as changed
join subscriptions on changed.subscription_id = subscriptions.public_id
join plans on changed.plan = plans.name
order by changed.occurred_at;

insert into searches (
    public_id, employer_id, role_id, location_id, min_years_experience, result_count, created_at
)
select
    searched.search_id, employer_ids.id, roles.id, locations.id, searched.min_years_experience,
    searched.result_count, searched.occurred_at
from staging.stg_employer_app__candidate_search_performed as searched
join employer_ids on searched.employer_id = employer_ids.public_id
left join roles on searched.role = roles.name
left join locations on searched.location = locations.name
order by searched.occurred_at;
create unique index on searches (public_id);

insert into profile_views (search_id, employer_id, candidate_id, position_id, created_at)
select searches.id, employer_ids.id, candidate_ids.id, positions.id, viewed.occurred_at
from staging.stg_employer_app__candidate_profile_viewed as viewed
join employer_ids on viewed.employer_id = employer_ids.public_id
join candidate_ids on viewed.candidate_id = candidate_ids.public_id
left join searches on viewed.search_id = searches.public_id
left join positions on viewed.position_id = positions.public_id
order by viewed.occurred_at;

insert into sessions (public_id, anonymous_id, user_id, user_agent, created_at)
select first.session_id, first.anonymous_id, users.id, first.context_user_agent, first.occurred_at
from (
    select distinct on (session_id)
        session_id, anonymous_id, user_id, context_user_agent, occurred_at
    from staging.stg_web__page_viewed
    order by session_id, occurred_at
) as first
left join users on first.user_id = users.public_id
order by first.occurred_at;
create unique index on sessions (public_id);

insert into page_views (session_id, page_name, url, referrer, created_at)
select
    sessions.id, viewed.page_name, viewed.context_page_url, viewed.context_page_referrer,
    viewed.occurred_at
from staging.stg_web__page_viewed as viewed
join sessions on viewed.session_id = sessions.public_id
order by viewed.occurred_at;

insert into emails (public_id, user_id, template, created_at)
select delivered.email_id, users.id, delivered.template, delivered.occurred_at
from staging.stg_web__email_delivered as delivered
join users on delivered.recipient_id = users.public_id
order by delivered.occurred_at;
create unique index on emails (public_id);

insert into email_clicks (email_id, link_url, created_at)
select emails.id, clicked.link_url, clicked.occurred_at
from staging.stg_web__email_clicked as clicked
join emails on clicked.email_id = emails.public_id
order by clicked.occurred_at;
