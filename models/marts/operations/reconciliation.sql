{{ config(materialized='table') }}

with

production as (

    select * from {{ ref('int_production_counts') }}

),

counted as (

    {% for entity, mart, moment in [
        ('candidates', 'dim_candidates', 'signed_up_at'),
        ('employers', 'dim_employers', 'signed_up_at'),
        ('positions', 'dim_positions', 'opened_at'),
        ('candidacies', 'fct_candidacies', 'opened_at'),
        ('offers', 'fct_offers', 'offered_at'),
        ('hires', 'fct_candidacies', 'hired_at'),
    ] %}
    select
        cast('{{ entity }}' as varchar(20)) as entity,
        cast({{ moment }} as date) as counted_on,
        cast('' as varchar(3)) as currency,
        0 as amount
    from {{ ref(mart) }}
    union all
    {% endfor %}
    select
        case movement when 'refund' then 'refunds' else 'invoices' end as entity,
        cast(booked_at as date) as counted_on,
        currency,
        amount
    from {{ ref('fct_placement_fees') }}

),

in_marts as (

    select
        entity,
        counted_on,
        currency,
        count(*) as row_count,
        sum(amount) as amount
    from counted
    group by 1, 2, 3

),

compared as (

    select
        production.counted_on,
        production.entity,
        production.currency,
        production.row_count as production_row_count,
        coalesce(in_marts.row_count, 0) as mart_row_count,
        coalesce(in_marts.row_count, 0) - production.row_count as row_count_difference,
        cast(production.amount as numeric(18, 2)) as production_amount,
        cast(
            case when production.amount is not null then coalesce(in_marts.amount, 0) end
            as numeric(18, 2)
        ) as mart_amount,
        production.counted_at
    from production
    left join in_marts
        on
            production.counted_on = in_marts.counted_on
            and production.entity = in_marts.entity
            and coalesce(production.currency, '') = in_marts.currency

),

final as (

    select
        counted_on,
        entity,
        currency,
        cast(
            case
                when row_count_difference < 0 then 'missing'
                when row_count_difference > 0 then 'surplus'
                when mart_amount <> production_amount then 'amount_differs'
                else 'equal'
            end as varchar(14)
        ) as status,
        production_row_count,
        mart_row_count,
        row_count_difference,
        production_amount,
        mart_amount,
        cast(mart_amount - production_amount as numeric(18, 2)) as amount_difference,
        counted_at
    from compared

)

select * from final
