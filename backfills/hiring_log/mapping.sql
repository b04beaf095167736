-- How a log of a hiring process becomes events: an application per case, the stages that it passes,
-- offers and rejections. docs/backfill.md tells how to write such a mapping.
--
--   hirehouse backfill --mapping mapping.sql sample.csv.gz
--
-- Not taken over: age, years_of_education, gender, religious, citizen and german_speaking. No
-- contract asks for them and no model needs them; what describes people for no purpose stays where
-- it is. Neither is resource, since the events don't say who did a step.
with

steps as (

    select
        source_row,
        case_id,
        event_index,
        activity,
        cast(occurred_at as timestamptz) as occurred_at,
        'hl-' || case_id as candidacy_id,
        case activity
            when 'Hand In Job Application' then 'application_submitted'
            when 'Make Job Offer' then 'offer_extended'
            when 'Application Rejected' then 'candidacy_closed'
            else 'candidacy_stage_changed'
        end as event
    from source

),

events as (

    select
        event,
        source_row,
        -- The ids under which these events have always landed: others would be other events.
        sha256('["hiring_log","' || case_id || '","' || event_index || '","' || event || '",0]')
            as message_id,
        occurred_at,
        -- Known when it happened: a backfill is not late.
        occurred_at as received_at,
        candidacy_id,
        case_id,
        event_index,
        activity
    from steps

),

applications as (

    select
        * exclude (case_id, event_index, activity),
        'hl-candidate-' || case_id as candidate_id,
        -- The log tells of one vacancy and names neither it nor the employer.
        'hl-position' as position_id,
        'hl-employer' as employer_id
    from events
    where event = 'application_submitted'

),

stages as (

    select
        * exclude (case_id, event_index, activity),
        -- Their names are those of our stages but for one. The contract refuses any other.
        case activity
            when 'Telephonic Screening' then 'phone_screen'
            else replace(lower(activity), ' ', '_')
        end as stage
    from events
    where event = 'candidacy_stage_changed'

),

offers as (

    select
        * exclude (case_id, event_index, activity),
        -- A candidacy may get several offers: each is one of its own.
        'hl-offer-' || case_id || '-' || event_index as offer_id
    from events
    where event = 'offer_extended'

),

rejections as (

    select
        * exclude (case_id, event_index, activity),
        'rejected' as reason,
        'employer' as closed_by
    from events
    where event = 'candidacy_closed'

)

select * from applications
union all by name
select * from stages
union all by name
select * from offers
union all by name
select * from rejections
