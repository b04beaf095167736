{{ config(materialized='table') }}

with

uses as (

    select
        cast(date_trunc('week', used_at) as date) as used_week,
        account_kind,
        feature,
        account_id,
        count(*) as use_count
    from {{ ref('int_feature_uses') }}
    group by 1, 2, 3, 4

),

numbered as (

    select
        uses.*,
        row_number() over (
            partition by uses.account_kind, uses.feature, uses.account_id order by uses.used_week
        ) as week_number
    from uses

),

active as (

    select
        used_week,
        account_kind,
        count(distinct account_id) as account_count
    from uses
    group by 1, 2

),

counted as (

    select
        numbered.used_week,
        numbered.account_kind,
        numbered.feature,
        cast(sum(numbered.use_count) as bigint) as use_count,
        count(*) as account_count,
        count(case when numbered.week_number = 1 then 1 end) as new_account_count,
        max(active.account_count) as active_account_count
    from numbered
    inner join active
        on
            numbered.used_week = active.used_week
            and numbered.account_kind = active.account_kind
    group by 1, 2, 3

),

final as (

    select
        used_week,
        account_kind,
        feature,
        use_count,
        account_count,
        new_account_count,
        active_account_count,
        {{ ratio('account_count', 'active_account_count') }} as usage_ratio
    from counted

)

select * from final
