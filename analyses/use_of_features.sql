-- Which features do employers and candidates use?
select
    account_kind,
    feature,
    sum(use_count) as use_count,
    sum(new_account_count) as account_count
from {{ ref('feature_usage_weekly') }}
group by account_kind, feature
order by account_kind asc, use_count desc, feature asc
