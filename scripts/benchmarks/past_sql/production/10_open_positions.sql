with months as (
    select cast(month as date) as month_end
    from generate_series(date '2025-02-01', date '2026-01-01', interval '1 month') as month
),

terms as (
    select
        position_id,
        max_salary,
        currency,
        created_at as valid_from,
        lead(created_at) over (partition by position_id order by created_at) as valid_to
    from position_revisions
)

select
    months.month_end,
    roles.name as role,
    terms.currency,
    count(*) as open_positions,
    sum(terms.max_salary) as max_salary
from months
join positions
    on
        positions.created_at < months.month_end
        and (positions.closed_at >= months.month_end or positions.closed_at is null)
join roles on positions.role_id = roles.id
join terms
    on
        positions.id = terms.position_id
        and terms.valid_from < months.month_end
        and (terms.valid_to >= months.month_end or terms.valid_to is null)
group by 1, 2, 3
order by 1, 2, 3
