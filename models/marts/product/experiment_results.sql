{{ config(materialized='table') }}

{% set sides = ['', 'control_'] %}

with

compared as (

    select
        variants.*,
        cast(variants.exposed_count as numeric(38, 0)) as exposed,
        cast(variants.converted_count as numeric(38, 0)) as converted,
        cast(control.exposed_count as numeric(38, 0)) as control_exposed,
        cast(control.converted_count as numeric(38, 0)) as control_converted
    from {{ ref('experiment_conversions') }} as variants
    left join {{ ref('experiment_conversions') }} as control
        on
            variants.experiment_name = control.experiment_name
            and variants.goal = control.goal
            and case when variants.variant <> 'control' then 'control' end = control.variant

),

-- `distinct` keeps PostgreSQL from writing each step into the next one, thousands of times.
squares as (

    select distinct
        *,
        {% for side in sides %}
        {{ quotient(side ~ 'converted * 1000000000000', side ~ 'exposed') }} as {{ side }}rate,
        {{ wilson_square(side ~ 'converted', side ~ 'exposed') }} as {{ side }}wilson_square,
        {% endfor %}
        {{ z_square('converted', 'exposed', 'control_converted', 'control_exposed') }} as z_square,
        {{ split_square('exposed', 'control_exposed') }} as split_square
    from compared

),

roots as (

    select distinct
        {% for name in ['z', 'split', 'wilson', 'control_wilson'] %}
        {{ whole_root(name ~ '_square') }} as {{ name }}_root,
        {% endfor %}
        *
    from squares

),

bounds as (

    select distinct
        *,
        {% for side in sides %}
        {% for name, sign in {'lower': '-', 'upper': '+'}.items() %}
        {{ wilson_bound(side ~ 'converted', side ~ 'exposed', side ~ 'wilson_root', sign) }}
        - {{ side }}rate as {{ side }}{{ name }},
        {% endfor %}
        {% endfor %}
        {{ normal_tail('z_root', 11) }} as z_tail,
        {{ normal_tail('split_root', 9) }} as split_tail
    from roots

),

-- Newcombe's interval: each rate goes as far as its own bound, away from the other rate.
distances as (

    select distinct
        *,
        lower * lower + control_upper * control_upper as low_square,
        upper * upper + control_lower * control_lower as high_square
    from bounds

),

final as (

    select
        experiment_name,
        variant,
        goal,
        exposed_count,
        excluded_count,
        converted_count,
        {{ decimal_of('rate', 12, 7, 6) }} as converted_ratio,
        {{ decimal_of('rate - control_rate', 12, 7, 6) }} as difference,
        {{ decimal_of('rate - control_rate - ' ~ whole_root('low_square'), 12, 7, 6) }}
            as difference_low,
        {{ decimal_of('rate - control_rate + ' ~ whole_root('high_square'), 12, 7, 6) }}
            as difference_high,
        {{ lift('converted', 'exposed', 'control_converted', 'control_exposed') }} as lift,
        {{ p_value('z_tail') }} as p_value,
        {{ p_value('split_tail') }} as split_p_value
    from distances

)

select * from final
