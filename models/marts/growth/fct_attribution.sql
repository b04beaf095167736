{{ config(materialized='table') }}

{# The share of a touch in millionths, by model. Touches in the middle share a fifth. #}
{% set equally = equal_share('place', 'touch_count') %}
{% set shares = {
    'first': 'case when place = 1 then 1000000 else 0 end',
    'last': 'case when place = touch_count then 1000000 else 0 end',
    'linear': equally,
    'position_based': 'case when touch_count <= 2 then ' ~ equally
        ~ ' when place in (1, touch_count) then 400000'
        ~ ' else ' ~ equal_share('(place - 1)', 'greatest(touch_count - 2, 1)', 200000) ~ ' end',
} %}

with

conversions as (

    select
        account_kind || '_sign_up' as conversion_kind,
        account_id as conversion_id,
        person_id,
        signed_up_at as converted_at
    from {{ ref('fct_sign_ups') }}
    union all
    select
        'hire' as conversion_kind,
        candidacies.candidacy_id as conversion_id,
        coalesce(ids.person_id, candidacies.candidate_id) as person_id,
        candidacies.hired_at as converted_at
    from {{ ref('fct_candidacies') }} as candidacies
    left join {{ ref('int_person_ids') }} as ids on candidacies.candidate_id = ids.id
    where candidacies.hired_at is not null

),

reached as (

    select
        conversions.*,
        touches.touch_id,
        touches.touched_at,
        touches.channel,
        touches.is_direct,
        count(case when not touches.is_direct then 1 end)
            over (partition by conversions.conversion_kind, conversions.conversion_id) as led_count
    from conversions
    left join {{ ref('fct_touches') }} as touches
        on
            conversions.person_id = touches.person_id
            and conversions.converted_at >= touches.touched_at
            and {{ dbt.dateadd('day', var('attribution_days'), 'touches.touched_at') }}
            >= conversions.converted_at

),

placed as (

    select
        *,
        row_number() over (
            partition by conversion_kind, conversion_id order by touched_at, touch_id
        ) as place,
        count(*) over (partition by conversion_kind, conversion_id) as touch_count
    from reached
    where led_count = 0 or not is_direct

),

credited as (

    {% for model, millionths in shares.items() %}
    select
        *,
        cast('{{ model }}' as varchar(20)) as attribution_model,
        {{ millionths }} as millionths
    from placed
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        cast(conversion_kind as varchar(20)) as conversion_kind,
        conversion_id,
        attribution_model,
        place as touch_place,
        person_id,
        converted_at,
        touch_id,
        touched_at,
        cast(coalesce(channel, 'unknown') as varchar(40)) as channel,
        cast(millionths * cast(0.000001 as numeric(9, 6)) as numeric(9, 6)) as share
    from credited
    where millionths > 0

)

select * from final
