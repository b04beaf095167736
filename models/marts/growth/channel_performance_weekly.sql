{{ config(materialized='table') }}

with

-- Users come back for other reasons than channels: only who has no account yet is a visitor.
visitors as (

    select
        cast(date_trunc('week', touches.touched_at) as date) as week_start,
        touches.channel,
        count(distinct touches.person_id) as visitor_count
    from {{ ref('fct_touches') }} as touches
    left join {{ ref('fct_sign_ups') }} as earlier
        on touches.person_id = earlier.person_id and touches.touched_at > earlier.signed_up_at
    where earlier.account_id is null
    group by 1, 2

),

approvals as (

    select distinct candidate_id from {{ ref('dim_candidates_history') }}
    where review_decision = 'accepted'

),

hires as (

    select distinct candidate_id from {{ ref('fct_candidacies') }} where hired_at is not null

),

sign_ups as (

    select
        cast(date_trunc('week', sign_ups.signed_up_at) as date) as week_start,
        credits.channel as measured_channel,
        sign_ups.declared_channel,
        case when sign_ups.account_kind = 'candidate' then sign_ups.account_id end as candidate_id,
        case when sign_ups.account_kind = 'employer' then sign_ups.account_id end as employer_id
    from {{ ref('fct_sign_ups') }} as sign_ups
    inner join {{ ref('fct_attribution') }} as credits
        on
            sign_ups.account_id = credits.conversion_id and credits.attribution_model = 'last'
            and sign_ups.account_kind || '_sign_up' = credits.conversion_kind

),

{% for by in ['measured', 'declared'] %}
{{ by }} as (

    select
        sign_ups.week_start,
        sign_ups.{{ by }}_channel as channel,
        count(sign_ups.candidate_id) as signed_up_count,
        count(approvals.candidate_id) as approved_count,
        count(hires.candidate_id) as hired_count,
        count(sign_ups.employer_id) as employer_signed_up_count
    from sign_ups
    left join approvals on sign_ups.candidate_id = approvals.candidate_id
    left join hires on sign_ups.candidate_id = hires.candidate_id
    group by 1, 2

),

{% endfor %}
weeks as (

    {% for name in ['visitors', 'measured', 'declared'] %}
    select
        week_start,
        channel
    from {{ name }}
    {{ 'union' if not loop.last }}
    {% endfor %}

),

final as (

    select
        weeks.week_start,
        weeks.channel,
        coalesce(visitors.visitor_count, 0) as visitor_count,
        {% for by, prefix in {'measured': '', 'declared': 'declared_'}.items() %}
        {% for what in ['signed_up', 'approved', 'hired', 'employer_signed_up'] %}
        coalesce({{ by }}.{{ what }}_count, 0) as {{ prefix ~ what }}_count,
        {% endfor %}
        {% endfor %}
        {{ ratio('measured.approved_count', 'measured.signed_up_count') }} as approved_ratio,
        {{ ratio('measured.hired_count', 'measured.signed_up_count') }} as hired_ratio
    from weeks
    {% for name in ['visitors', 'measured', 'declared'] %}
    left join {{ name }}
        on weeks.week_start = {{ name }}.week_start and weeks.channel = {{ name }}.channel
    {% endfor %}

)

select * from final
